// With the real middy, of the version that supports this Node.

import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { Endpoint, canary, context, custom, env, fresh, rotated } from './endpoint.mjs';

const streaming = Symbol.for('aws.lambda.runtime.handler.streaming');
globalThis.awslambda = { streamifyResponse: (f) => Object.assign(f, { [streaming]: 'response' }) };
const { default: middy } = await import(process.env.MIDDY);

async function start(t) {
  env(t, { PASSWORD: undefined });
  const e = await Endpoint.start(t, { PASSWORD: canary });
  e.on('POST /rotation', { body: rotated });
  return { e, ...fresh() };
}

/** trace is a middleware that tells that it ran, and in which order. */
const trace = (log, name) => ({
  before: () => void log.push(`before ${name}`),
  after: () => void log.push(`after ${name}`),
  onError: ({ error }) => void log.push(`error ${name}: ${error.name}`),
});

const base = async (event) => ({ n: event.n, password: process.env.PASSWORD });

test('rotation() is a middleware', async (t) => {
  const { e, rotation } = await start(t);
  const log = [];
  const handler = middy(base).use(rotation()).use(trace(log, 'x'));
  assert.deepEqual(await handler({ n: 1 }, context()), { n: 1, password: canary });
  e.set({ PASSWORD: `${canary}-2` });
  assert.deepEqual(await handler(custom, context()), rotated);
  assert.deepEqual(log, ['before x', 'after x'], 'the rotation went through the other middlewares');
  assert.deepEqual(await handler({ n: 2 }, context()), { n: 2, password: `${canary}-2` });
  e.on('POST /rotation', { body: { rotated: false } });
  assert.equal((await handler(custom, context())).password, `${canary}-2`);
  e.on('POST /rotation', { status: 502, body: { __type: 'X', message: 'm', secretId: 'prod/db' } });
  await assert.rejects(handler(custom, context()), { name: 'RotationError' });
  assert.equal(log.at(-1), 'error x: RotationError');
});

test('rotation() has the options too', async (t) => {
  const { e, rotation } = await start(t);
  const handler = middy(base).use([rotation({ source: 'mine' })]);
  assert.deepEqual(await handler({ ...custom, source: 'mine' }, context()), rotated);
  assert.deepEqual(e.asked('POST /rotation').map(({ query }) => query), [{ secretId: 'prod/db' }]);
});

for (const [name, make] of Object.entries({
  'around a middy handler': (w, log) => w(middy(base).use(trace(log, 'x'))),
  'and then use': (w, log) => w(middy(base)).use(trace(log, 'x')),
  'and then before, after and handler': (w, log) => w(middy()).before(() => void log.push('before x')).after(() => void log.push('after x')).handler(base),
})) {
  test(`withRotation ${name}`, async (t) => {
    const { withRotation } = await start(t);
    const log = [];
    const handler = make(withRotation, log);
    for (let i = 0; i < 2; i++) assert.deepEqual(await handler({ n: i }, context()), { n: i, password: canary });
    assert.deepEqual(await handler(custom, context()), rotated);
    assert.deepEqual(log, ['before x', 'after x', 'before x', 'after x'], 'the rotation went through the middlewares');
  });
}

test('withRotation within middy', async (t) => {
  const { withRotation } = await start(t);
  const handler = middy(withRotation(base)).use(trace([], 'x'));
  assert.deepEqual(await handler({ n: 1 }, context()), { n: 1, password: canary });
  assert.deepEqual(await handler(custom, context()), rotated);
});

test('withRotation around a middy handler that streams', async (t) => {
  const { withRotation } = await start(t);
  const { executionModeStreamifyResponse: executionMode } = await import(process.env.MIDDY.replace(/[^/]+$/, 'executionModeStreamifyResponse.js')).catch(() => ({}));
  const mode = executionMode ? { executionMode } : { streamifyResponse: true };
  const handler = withRotation(middy(async () => process.env.PASSWORD, mode)).use(trace([], 'x'));
  assert.equal(handler[streaming], 'response');
  for (const [event, want] of [[{}, canary], [{}, canary], [custom, JSON.stringify(rotated)]]) {
    const stream = new PassThrough();
    stream.setContentType = () => {};
    const done = handler(event, stream, context());
    let text = '';
    for await (const chunk of stream) text += chunk;
    await done;
    assert.equal(text, want);
  }
});
