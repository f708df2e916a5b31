// Every kind of handler, as the runtimes call them.

import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { Endpoint, canary, context, custom, env, fresh, passed, rotated } from './endpoint.mjs';

const streaming = Symbol.for('aws.lambda.runtime.handler.streaming');

async function start(t, vars = { PASSWORD: canary }) {
  const e = await Endpoint.start(t, vars);
  for (const name of Object.keys(vars)) env(t, { [name]: undefined });
  e.on('POST /rotation', { body: rotated });
  return { e, ...fresh() };
}

const failure = { status: 502, body: { rotated: false, secretId: 'prod/db', __type: 'AccessDeniedException', message: 'not allowed' } };
const why = { name: 'RotationError', message: /^rotation of prod\/db: status 502: AccessDeniedException: not allowed$/, status: 502, type: 'AccessDeniedException' };

/** byCallback calls a handler as the runtimes up to Node 22 do: what comes first, callback or promise, is the answer. */
function byCallback(handler, event, ctx = context()) {
  return new Promise((resolve, reject) => {
    const returned = handler(event, ctx, (err, value) => (err ? reject(err) : resolve(value)));
    if (typeof returned?.then === 'function') returned.then(resolve, reject);
  });
}

test('an async handler: the rotation is answered, and the variables are new when it is', async (t) => {
  const { e, withRotation } = await start(t);
  const seen = [];
  const handler = withRotation(async (event) => seen.push([event, process.env.PASSWORD]));
  await handler({ n: 1 }, context());
  e.set({ PASSWORD: `${canary}-2` });
  assert.deepEqual(await handler(custom, context()), rotated);
  assert.equal(process.env.PASSWORD, `${canary}-2`);
  await handler({ n: 2 }, context());
  assert.deepEqual(seen, [[{ n: 1 }, canary], [{ n: 2 }, `${canary}-2`]]);
});

test('a rotation of a secret that is not held is the handler\'s', async (t) => {
  const { e, withRotation } = await start(t);
  e.on('POST /rotation', { body: { rotated: false } });
  assert.deepEqual(await withRotation(async (event) => [event, process.env.PASSWORD])(custom, context()), [custom, canary]);
  for (const status of [400, 413]) {
    e.on('POST /rotation', { status, body: { __type: 'X', message: 'no event' } });
    assert.equal(await withRotation(async (event) => event)(custom, context()), custom);
  }
});

test('a rotation that fails is an error of the invocation', async (t) => {
  const { e, withRotation, RotationError, SecretsError } = await start(t);
  e.on('POST /rotation', failure);
  const handler = withRotation(async () => assert.fail('the handler saw the rotation'));
  await assert.rejects(handler(custom, context()), why);
  await assert.rejects(handler(custom, context()), (err) => err instanceof RotationError && err instanceof SecretsError && err instanceof Error);
});

test('a rotation whose variables cannot be had is one too', async (t) => {
  const { e, withRotation } = await start(t);
  e.on('GET /env', { status: 503, body: { __type: 'NotReady', message: 'later' } });
  await assert.rejects(withRotation(async () => 1)(custom, context()), { name: 'RotationError', message: /get variables: status 503: NotReady: later/ });
});

test('a rotation that takes too long ends before the invocation does', async (t) => {
  const { e, withRotation } = await start(t);
  e.on('POST /rotation', { wait: new Promise((resolve) => t.after(resolve)) });
  const handler = withRotation(async () => 1);
  for (const [left, used] of [[300, 270], [2000, 1900]]) {
    await assert.rejects(handler(custom, context(left)), ({ name, message }) => {
      const ms = Number(/^no answer from the secrets extension within (\d+) ms$/.exec(message)?.[1]);
      return name === 'RotationError' && ms <= used && ms > used - 100;
    });
  }
});

test('options: one answer for several secrets, and an error if one of them fails', async (t) => {
  const { e, withRotation } = await start(t);
  const event = (...ids) => ({ Records: ids.map((secretId) => ({ body: JSON.stringify({ ...custom, source: 'mine', detail: { secretId, versionId: 'v' } }) })) });
  e.on('POST /rotation', ({ query: { secretId } }) =>
    secretId === 'bad' ? { ...failure, body: { ...failure.body, secretId } } : { body: secretId === 'gone' ? { rotated: false } : { ...rotated, secretId } });
  const handler = withRotation(async () => 'handler', { source: 'mine' });
  assert.deepEqual(await handler(event('gone', 'a', 'b'), context()), {
    ...rotated, secretId: 'a',
    secrets: [{ rotated: false, secretId: 'gone' }, { ...rotated, secretId: 'a' }, { ...rotated, secretId: 'b' }],
  });
  assert.equal(await handler(event('gone', 'gone'), context()), 'handler');
  assert.deepEqual(await handler(event('a'), context()), { ...rotated, secretId: 'a' });
  await assert.rejects(handler(event('a', 'bad'), context()), { name: 'RotationError', message: /^rotation of bad: / });
});

test('a handler with a callback answers by it, late or at once', async (t) => {
  const { withRotation } = await start(t);
  const handler = withRotation((event, ctx, callback) => {
    setTimeout(() => callback(event.fail ? new Error('mine') : null, process.env.PASSWORD), 1);
  });
  for (let i = 0; i < 2; i++) {
    assert.equal(await byCallback(handler, {}), canary);
    await assert.rejects(byCallback(handler, { fail: true }), { message: 'mine' });
  }
});

test('a handler with a callback: rotations and errors come by it', async (t) => {
  const { e, withRotation } = await start(t);
  const handler = withRotation((event, ctx, callback) => {
    throw new Error(`thrown with ${typeof callback}`);
  });
  const answer = (event, ctx) => new Promise((resolve, reject) => void handler(event, ctx, (err, v) => (err ? reject(err) : resolve(v))));
  const ctx = { ...context(), callbackWaitsForEmptyEventLoop: true };
  assert.deepEqual(await answer(custom, ctx), rotated);
  assert.equal(ctx.callbackWaitsForEmptyEventLoop, false, 'the answer would wait for what the function left open');
  passed(t, 2000);
  await assert.rejects(answer({}, context()), { message: 'thrown with function' });
  e.on('POST /rotation', failure);
  await assert.rejects(answer(custom, context()), why);
});

test('a handler that may have a callback and returns a promise answers by that', async (t) => {
  const { withRotation } = await start(t);
  for (const f of [async (event, ctx, callback) => [event, typeof callback], async (...args) => [args[0], typeof args[2]], function () { return Promise.resolve([arguments[0], typeof arguments[2]]); }]) {
    const handler = withRotation(f);
    passed(t, 2000);
    assert.deepEqual(await handler(7, context(), () => {}), [7, 'function']);
    assert.deepEqual(await handler(8, context(), () => {}), [8, 'function']);
    assert.deepEqual(await byCallback(handler, custom), rotated);
  }
});

test('an async handler with a third parameter is told by its promise', async (t) => {
  const { e, withRotation } = await start(t);
  const handler = withRotation(async (event, ctx, callback) => assert.fail('the handler saw the rotation'));
  const callback = () => assert.fail('the callback was called');
  assert.deepEqual(await handler(custom, context(), callback), rotated);
  e.on('POST /rotation', failure);
  await assert.rejects(handler(custom, context(), callback), why);
});

test('a handler that answers by the context gives no answer of its own', async (t) => {
  const { withRotation } = await start(t);
  const handler = withRotation((event, ctx) => void setTimeout(() => ctx.succeed('mine'), 5));
  const answer = () => new Promise((resolve, reject) => {
    handler({}, { ...context(), succeed: resolve }, () => {})?.then(() => reject(new Error('the promise settled')), reject);
  });
  assert.equal(await answer(), 'mine');
});

test('between renewals a handler is called as if nothing were before it', async (t) => {
  const { withRotation } = await start(t);
  const handler = withRotation(function (...args) { return [this, ...args]; });
  const self = { handler };
  const ctx = context();
  assert.deepEqual(await self.handler(1, ctx, 3), [self, 1, ctx, 3]);
  assert.deepEqual(self.handler(1, 2, 3, 4), [self, 1, 2, 3, 4]);
  assert.throws(() => withRotation(() => { throw new Error('mine'); })(1, 2), { message: 'mine' });
});

test('what a runtime looks at is the handler\'s own', async (t) => {
  const { withRotation } = await start(t);
  const plain = async function named(event, ctx, callback) {};
  const handler = withRotation(plain);
  assert.deepEqual([handler.name, handler.length, handler.constructor.name, typeof handler], ['named', 3, 'AsyncFunction', 'function']);
  for (const bad of [undefined, null, {}, 'index.handler']) assert.throws(() => withRotation(bad), { name: 'TypeError', message: /^withRotation: got \w+, want a handler$/ });
});

/** streamify is what the runtime has as awslambda.streamifyResponse. */
const streamify = (handler) => Object.assign(handler, { [streaming]: 'response' });

async function streamed(handler, event) {
  const stream = new PassThrough();
  stream.setContentType = (type) => (stream.type = type);
  const returned = handler(event, stream, context());
  assert.equal(typeof returned?.then, 'function', 'the runtime wants a promise');
  assert.equal(await returned, undefined);
  let text = '';
  for await (const chunk of stream) text += chunk;
  return { text, type: stream.type };
}

for (const [name, order] of Object.entries({
  inside: (f, w) => w(streamify(f)),
  outside: (f, w) => streamify(w(f)),
})) {
  test(`a handler that streams, with streamifyResponse ${name}`, async (t) => {
    const { e, withRotation } = await start(t);
    const handler = order(async (event, stream) => { stream.write(process.env.PASSWORD); stream.end('!'); }, withRotation);
    assert.equal(handler[streaming], 'response');
    for (let i = 0; i < 2; i++) assert.deepEqual(await streamed(handler, {}), { text: `${canary}!`, type: undefined });
    const { text, type } = await streamed(handler, custom);
    assert.deepEqual([JSON.parse(text), type], [rotated, 'application/json']);
    e.on('POST /rotation', failure);
    await assert.rejects(handler(custom, new PassThrough(), context()), why);
    e.on('POST /rotation', { body: { rotated: false } });
    assert.equal((await streamed(handler, custom)).text, `${canary}!`);
  });
}
