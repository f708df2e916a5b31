// A unit test of the handler, with neither AWS nor the layer's extension: node --test
import assert from 'node:assert/strict';
import { test } from 'node:test';

process.env.SECRETS_FAKE = '{"GREETING":"hello","user":"app"}';
const { handler } = await import('./index.mjs');

test('an order is greeted', async () => {
  assert.deepEqual(await handler({ id: 7 }), { greeting: 'hello', user: 'app', order: 7 });
});
