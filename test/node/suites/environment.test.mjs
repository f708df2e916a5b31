// process.env as the extension tells it.

import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Endpoint, canary, context, custom, env, fresh, passed, rotated } from './endpoint.mjs';

async function start(t, vars) {
  env(t, { A: undefined, B: undefined, C: undefined });
  const e = await Endpoint.start(t, vars);
  const package_ = fresh();
  return { e, ...package_, handler: package_.withRotation(async () => ({ A: process.env.A, B: process.env.B })) };
}

/** printed collects what a test prints on the console. */
function printed(t) {
  const lines = [];
  for (const level of ['log', 'info', 'warn', 'error']) {
    const before = console[level];
    console[level] = (...args) => lines.push(`${level} ${args.join(' ')}`);
    t.after(() => (console[level] = before));
  }
  return lines;
}

test('a variable that leaves is unset, and one of the configuration comes back', async (t) => {
  const { e, secrets } = await start(t, { A: 'a', B: 'b', C: 'c' });
  env(t, { B: 'configured', C: 'c' });
  await secrets.load();
  assert.deepEqual([process.env.A, process.env.B, process.env.C], ['a', 'b', 'c']);
  e.set({});
  await secrets.load();
  // C had the very value of the secret: the exec wrapper had set it.
  assert.deepEqual([process.env.A, process.env.B, process.env.C], [undefined, 'configured', undefined]);
});

test('what the function sets itself is its own', async (t) => {
  const { e, secrets } = await start(t, { A: 'a', B: 'b' });
  await secrets.load();
  process.env.A = 'mine';
  e.set({ B: 'b2' });
  await secrets.load();
  assert.deepEqual([process.env.A, process.env.B], ['mine', 'b2']);
  delete process.env.A;
});

test('awkward values are exact', async (t) => {
  const vars = { A: ' "x" \'y\' =\n\t$HOME é €', B: '', __proto__X: 'p', C: 'x'.repeat(65536) };
  const { secrets } = await start(t, vars);
  env(t, { __proto__X: undefined });
  await secrets.load();
  for (const [name, value] of Object.entries(vars)) {
    assert.equal(process.env[name], value);
    assert.equal(secrets.env[name], value);
  }
});

test('a name that objects have is a variable like any other', async (t) => {
  const { e, secrets } = await start(t, JSON.parse('{"__proto__":"p","constructor":"c","toJSON":"j","hasOwnProperty":"h"}'));
  env(t, { __proto__: null, constructor: undefined, toJSON: undefined, hasOwnProperty: undefined });
  await secrets.load();
  assert.deepEqual([secrets.env.__proto__, secrets.env.constructor, secrets.env.toJSON, process.env.hasOwnProperty], ['p', 'c', 'j', 'h']);
  e.set({});
  await secrets.load();
  assert.deepEqual([secrets.env.__proto__, secrets.env.constructor], [undefined, undefined]);
  assert.equal(Object.hasOwn(process.env, 'hasOwnProperty'), false);
});

test('secrets.env is of one moment, cannot be changed, and is not there before it is loaded', async (t) => {
  const { e, secrets } = await start(t, { A: '1', B: '1' });
  assert.throws(() => secrets.env, { name: 'SecretsError', message: /call await secrets\.load\(\) first/ });
  const before = await secrets.load();
  e.set({ A: '2', B: '2' });
  await secrets.load();
  assert.deepEqual([{ ...before }, { ...secrets.env }], [{ A: '1', B: '1' }, { A: '2', B: '2' }]);
  assert.throws(() => { secrets.env.A = 'x'; }, TypeError);
  assert.throws(() => { secrets.env.NEW = 'x'; }, TypeError);
  assert.throws(() => { delete secrets.env.A; }, TypeError);
  assert.throws(() => { secrets.env = {}; }, TypeError);
});

test('an ordinary invocation asks once a second, and only for what is new', async (t) => {
  const { e, handler } = await start(t, { A: 'a' });
  for (let i = 0; i < 100; i++) assert.equal((await handler({}, context())).A, 'a');
  assert.equal(e.asked('GET /env').length, 1);
  assert.equal(e.requests[0].headers['if-none-match'], undefined);
  e.set({ A: 'a2' });
  passed(t, 1001);
  assert.equal((await handler({}, context())).A, 'a2');
  passed(t, 1001);
  await Promise.all(Array.from({ length: 20 }, () => handler({}, context())));
  assert.equal(e.asked('GET /env').length, 3, 'invocations side by side asked each by itself');
  assert.deepEqual(e.asked('GET /env').map(({ headers }) => headers['if-none-match']), [undefined, '"p-1"', '"p-2"']);
  assert.equal(process.env.A, 'a2', 'an answer of "not modified" changed something');
});

test('where the proxy answers the rotations, every invocation asks', async (t) => {
  const { e, handler } = await start(t, { A: 'a' });
  process.env.SECRETS_RUNTIME_PROXY = 'On';
  t.after(() => delete process.env.SECRETS_RUNTIME_PROXY);
  assert.equal((await handler({}, context())).A, 'a');
  e.set({ A: 'a2' });
  assert.equal((await handler({}, context())).A, 'a2');
});

test('a clock that was set back does not stop the renewal', async (t) => {
  const { e, handler } = await start(t, { A: 'a' });
  await handler({}, context());
  passed(t, -3_600_000);
  await handler({}, context());
  assert.equal(e.asked('GET /env').length, 2);
});

test('what was asked for earlier never replaces what was asked for later', async (t) => {
  const { e, handler, secrets } = await start(t, { A: 'old' });
  let release;
  e.on('GET /env', { body: { A: 'old' }, wait: new Promise((resolve) => (release = resolve)) });
  const slow = secrets.load();
  while (e.requests.length === 0) await new Promise(setImmediate);
  e.answers.clear();
  e.set({ A: 'new' });
  assert.equal((await handler({}, context())).A, 'new');
  release();
  await slow;
  assert.equal(process.env.A, 'new');
});

test('a renewal takes half a second at most, and the old values stay', async (t) => {
  const { e, handler, secrets } = await start(t, { A: 'a' });
  await secrets.load();
  const lines = printed(t);
  e.on('GET /env', { wait: new Promise((resolve) => t.after(resolve)) });
  for (let i = 0; i < 2; i++) {
    passed(t, 1001);
    const begin = process.hrtime.bigint();
    assert.equal((await handler({}, context())).A, 'a');
    const ms = Number(process.hrtime.bigint() - begin) / 1e6;
    assert.ok(ms > 400, `it took ${ms} ms`);
    while (!e.requests.at(-1).socket.destroyed) await new Promise(setImmediate); // nobody waits for that answer
  }
  assert.deepEqual(lines, ['warn secrets: variables are not renewed, the values of before stay: no answer from the secrets extension within 500 ms']);
  e.answers.clear();
  passed(t, 1001);
  await handler({}, context());
  assert.deepEqual(lines.slice(1), ['info secrets: variables are current again']);
});

test('in Lambda the first invocation waits for the variables and fails without them', async (t) => {
  const { e, withRotation } = await start(t, { A: 'a' });
  printed(t);
  env(t, { AWS_LAMBDA_RUNTIME_API: '127.0.0.1:9001' });
  e.on('GET /env', { status: 503, body: { __type: 'NotReady', message: 'the first load has not ended' } });
  const handler = withRotation(async () => process.env.A);
  const fails = { name: 'SecretsError', message: /^no secrets: get variables: status 503: NotReady: the first load/, status: 503, type: 'NotReady' };
  await assert.rejects(handler({}, context()), fails);
  const byCallback = withRotation((event, ctx, callback) => callback(null, 1));
  await assert.rejects(new Promise((resolve, reject) => void byCallback({}, context(), (err, v) => (err ? reject(err) : resolve(v)))), fails);
  env(t, { SECRETS_ON_INIT_ERROR: 'continue' });
  passed(t, 1001);
  assert.equal(await handler({}, context()), undefined);
  env(t, { SECRETS_ON_INIT_ERROR: 'Fail' });
  e.answers.clear();
  assert.equal(await handler({}, context()), 'a');
});

test('in Lambda the variables are asked for while the runtime starts, once, and not for a snapshot', async (t) => {
  const { e, withRotation, rotation } = await start(t, { A: 'a' });
  env(t, { AWS_LAMBDA_RUNTIME_API: '127.0.0.1:9001', AWS_LAMBDA_INITIALIZATION_TYPE: 'snap-start' });
  withRotation(() => {});
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(e.requests, []);
  env(t, { AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand' });
  const handler = withRotation(() => process.env.A);
  rotation();
  while (process.env.A !== 'a') await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(handler({}, context()), 'a', 'the first invocation waited');
  assert.equal(e.requests.length, 1);
});

test('a wrong SECRETS_ON_INIT_ERROR is an error of the start', async (t) => {
  const { withRotation, secrets } = await start(t, {});
  env(t, { SECRETS_ON_INIT_ERROR: 'ignore' });
  const fails = { message: 'SECRETS_ON_INIT_ERROR: got "ignore", want fail or continue' };
  assert.throws(() => withRotation(() => {}), fails);
  await assert.doesNotReject(secrets.load());
});

test('load fails, unless it is told to go on', async (t) => {
  const { e, secrets } = await start(t, { A: 'a' });
  const lines = printed(t);
  e.on('GET /env', { status: 502, body: { __type: 'ConnectionError', message: 'no route' } });
  await assert.rejects(secrets.load(), { name: 'SecretsError', message: 'get variables: status 502: ConnectionError: no route' });
  env(t, { SECRETS_ON_INIT_ERROR: 'continue' });
  assert.deepEqual({ ...(await secrets.load()) }, {});
  assert.deepEqual(lines, ['warn secrets: variables are not loaded: get variables: status 502: ConnectionError: no route']);
});

test('a connection is kept, and one that was cut meanwhile is replaced', async (t) => {
  const { e, secrets } = await start(t, { A: 'a' });
  for (let i = 0; i < 3; i++) await secrets.load();
  assert.equal(new Set(e.requests.map(({ socket }) => socket)).size, 1);
  e.requests.at(-1).socket.destroy(); // as the extension does with one that stood idle
  await secrets.load();
  const first = e.requests[0].socket;
  e.on('GET /env', ({ socket }) => (socket === e.requests[3].socket ? { cut: 'early' } : { body: { A: 'b' } }));
  await secrets.load();
  assert.equal(process.env.A, 'b');
  e.on('GET /env', { cut: 'early' });
  await assert.rejects(secrets.load(), { message: /^cannot reach the secrets extension \(ECONNRESET\)/ });
  assert.notEqual(e.requests.at(-1).socket, first);
});

test('a connection that stood idle over a freeze is not used again', async (t) => {
  const { e, secrets } = await start(t, { A: 'a' });
  await secrets.load();
  passed(t, 5001);
  await secrets.load();
  assert.notEqual(e.requests[0].socket, e.requests[1].socket);
});

test('a rotation is renewed although a second has not passed', async (t) => {
  const { e, handler } = await start(t, { A: 'a' });
  await handler({}, context());
  e.set({ B: canary });
  e.on('POST /rotation', { body: rotated });
  await handler(custom, context());
  assert.deepEqual(await handler({}, context()), { A: undefined, B: canary });
  assert.deepEqual(e.requests.map(({ method, path }) => `${method} ${path}`), ['GET /env', 'POST /rotation', 'GET /env']);
});

test('a change that came another way is seen at once, by every invocation', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'dotenv'));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'secrets.env');
  // As the extension writes it.
  const write = (vars) => {
    writeFileSync(`${file}.new`, JSON.stringify(vars));
    renameSync(`${file}.new`, file);
  };
  const { e, handler } = await start(t, { A: 'a' });
  env(t, { SECRETS_DOTENV_PATH: file });
  write(e.vars);
  await handler({}, context());
  await handler({}, context());
  assert.equal(e.requests.length, 1);
  for (const A of ['a2', 'a3']) {
    e.set({ A });
    write(e.vars);
    const all = await Promise.all(Array.from({ length: 20 }, () => handler({}, context())));
    assert.deepEqual(new Set(all.map((vars) => vars.A)), new Set([A]));
  }
  assert.equal(e.requests.length, 3, 'invocations side by side asked each by itself');
  // A failure is not tried again until a second has passed.
  printed(t);
  e.on('GET /env', { cut: 'early' });
  write({});
  assert.equal((await handler({}, context())).A, 'a3');
  const asked = e.requests.length;
  assert.ok(asked > 3);
  for (let i = 0; i < 3; i++) assert.equal((await handler({}, context())).A, 'a3');
  assert.equal(e.requests.length, asked);
});
