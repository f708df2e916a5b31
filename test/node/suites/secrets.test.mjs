// Reading secrets, SECRETS_FAKE, and what must not be printed.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { Endpoint, canary, context, custom, env, fresh, home, native, passed } from './endpoint.mjs';

const { RESERVED, FAMILIES } = createRequire(home)('./lib/names.js');

const record = (value) => ({
  ARN: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-a1b2c3', Name: 'prod/db', VersionId: 'v1', VersionStages: ['AWSCURRENT'],
  CreatedDate: '2024-02-06T16:43:48Z', SecretString: null, SecretBinary: null, ResultMetadata: {}, ...value,
});

async function start(t, answer) {
  const e = await Endpoint.start(t, { PASSWORD: canary });
  env(t, { PASSWORD: undefined, NUMBER: undefined, NONE: undefined, LIST: undefined, SECRETS_FAKE: undefined });
  if (answer) e.on('GET /secretsmanager/get', answer);
  return { e, ...fresh() };
}

test('get: a JSON object is parsed, and a key of it keeps its type', async (t) => {
  const { e, secrets } = await start(t, { body: record({ SecretString: '{"user":"app","port":5432,"tls":true,"none":null,"list":[1]}' }) });
  assert.deepEqual(await secrets.get('prod/db'), { user: 'app', port: 5432, tls: true, none: null, list: [1] });
  assert.deepEqual(await Promise.all(['user', 'port', 'tls', 'none', 'list', 'gone', 'toString'].map((k) => secrets.get('prod/db', k))), ['app', 5432, true, null, [1], undefined, undefined]);
  assert.deepEqual(e.requests[0].query, { secretId: 'prod/db' });
  assert.equal(e.requests[0].headers['x-aws-parameters-secrets-token'], 'token-of-the-test');
  assert.match(e.requests[0].headers.host, /^127\.0\.0\.1:/);
});

test('get: any other text is as it is', async (t) => {
  for (const text of ['plain', '', '7', '"quoted"', 'null', '[1,2]', '{"broken":', '  ']) {
    const { secrets } = await start(t, { body: record({ SecretString: text }) });
    assert.equal(await secrets.get('x'), text);
    await assert.rejects(secrets.get('x', 'k'), { name: 'SecretsError', message: 'secret "x": the value is not a JSON object, so it has no key "k"' });
  }
});

test('get: a binary value is bytes', async (t) => {
  const bytes = Buffer.from([0, 255, 10]);
  const { secrets } = await start(t, { body: record({ SecretBinary: bytes.toString('base64') }) });
  assert.deepEqual(await secrets.get('x'), bytes);
  await assert.rejects(secrets.get('x', 'length'), /not a JSON object/);
});

test('get: every id reaches the endpoint as it is', async (t) => {
  const { e, secrets } = await start(t, { body: record({ SecretString: 'x' }) });
  const ids = ['a b', 'a+b', 'a/b=c@d.e-f_g', 'arn:aws:secretsmanager:us-east-1:123456789012:secret:a&b-XXXXXX', 'é?#%41'];
  for (const id of ids) await secrets.get(id);
  assert.deepEqual(e.requests.map(({ query }) => query.secretId), ids);
  for (const id of [undefined, null, '', 7, {}]) await assert.rejects(secrets.get(id), TypeError);
});

test('record: as Secrets Manager tells it, and of other versions', async (t) => {
  const { e, secrets } = await start(t, { body: record({ SecretString: canary }) });
  const r = await secrets.record('prod/db', { versionId: 'v1', versionStage: 'AWSPREVIOUS', refreshNow: true });
  assert.deepEqual(e.requests[0].query, { secretId: 'prod/db', versionId: 'v1', versionStage: 'AWSPREVIOUS', refreshNow: 'true' });
  assert.deepEqual([r.ARN, r.Name, r.VersionId, r.VersionStages, r.CreatedDate, r.SecretString, r.SecretBinary],
    [record().ARN, 'prod/db', 'v1', ['AWSCURRENT'], new Date('2024-02-06T16:43:48Z'), canary, undefined]);
  assert.ok(!`${inspect(r, { showHidden: true, depth: 9, getters: false })}${JSON.stringify(r)}${JSON.stringify({ ...r })}${r}`.includes(canary));
});

test('refresh tells the version, and renews the variables', async (t) => {
  const { e, secrets } = await start(t);
  e.on('POST /refresh', { body: { versionId: 'v2', changed: true } });
  assert.deepEqual(await secrets.refresh('prod/db', { ifVersion: 'v1' }), { versionId: 'v2', changed: true });
  assert.deepEqual(await secrets.refresh('prod/db'), { versionId: 'v2', changed: true });
  assert.deepEqual(e.asked('POST /refresh').map(({ query }) => query), [{ secretId: 'prod/db', ifVersion: 'v1' }, { secretId: 'prod/db' }]);
  assert.equal(process.env.PASSWORD, canary);
  e.on('POST /refresh', { status: 400, body: { __type: 'AccessDeniedException', message: 'no' } });
  await assert.rejects(secrets.refresh('prod/db'), { message: 'refresh secret "prod/db": status 400: AccessDeniedException: no' });
});

test('an error says why', async (t) => {
  for (const [answer, message, more] of [
    [{ status: 400, body: { __type: 'ResourceNotFoundException', message: 'no such secret' } }, 'get secret "x": status 400: ResourceNotFoundException: no such secret', { status: 400, type: 'ResourceNotFoundException' }],
    [{ status: 403, body: 'Bad Token' }, 'get secret "x": status 403: Bad Token', { status: 403 }],
    [{ status: 200, body: `{"SecretString":"${canary}` }, 'get secret "x": the answer is not the JSON that was expected', {}],
    [{ status: 200, body: canary }, 'get secret "x": the answer is not the JSON that was expected', {}],
  ]) {
    const { secrets } = await start(t, answer);
    await assert.rejects(secrets.get('x'), { name: 'SecretsError', message, ...more });
  }
});

test('the token: the first variable that is set, or a file', async (t) => {
  const { e, secrets } = await start(t, { body: record({ SecretString: 'x' }) });
  const dir = mkdtempSync(join(tmpdir(), 'token'));
  t.after(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'token'), ' from-file\n');
  writeFileSync(join(dir, 'empty'), ' \n');
  for (const [vars, want] of [
    [{ AWS_TOKEN: 'one', AWS_SESSION_TOKEN: 'two', AWS_CONTAINER_AUTHORIZATION_TOKEN: 'three' }, 'one'],
    [{ AWS_TOKEN: '', AWS_SESSION_TOKEN: 'two', AWS_CONTAINER_AUTHORIZATION_TOKEN: 'three' }, 'two'],
    [{ AWS_TOKEN: undefined, AWS_SESSION_TOKEN: '', AWS_CONTAINER_AUTHORIZATION_TOKEN: 'three' }, 'three'],
    [{ AWS_TOKEN: `file://${join(dir, 'token')}` }, 'from-file'],
  ]) {
    env(t, vars);
    await secrets.get('x');
    assert.equal(e.requests.at(-1).headers['x-aws-parameters-secrets-token'], want);
  }
  env(t, { AWS_TOKEN: `file://${join(dir, 'empty')}` });
  await assert.rejects(secrets.get('x'), /AWS_TOKEN: .* is empty/);
  env(t, { AWS_TOKEN: `file://${join(dir, 'gone')}` });
  await assert.rejects(secrets.get('x'), /AWS_TOKEN: cannot read .*: ENOENT/);
});

test('a wrong port is an error that names the variable', async (t) => {
  const { secrets } = await start(t);
  for (const port of ['0', '65536', '2773x', '-1', ' 1']) {
    env(t, { PARAMETERS_SECRETS_EXTENSION_HTTP_PORT: port });
    await assert.rejects(secrets.get('x'), { message: `PARAMETERS_SECRETS_EXTENSION_HTTP_PORT: got "${port}", want a port from 1 to 65535` });
  }
});

test('where no extension runs, the error says what to start', async (t) => {
  const { e, secrets, withRotation } = await start(t);
  await e.stop();
  const said = { name: 'SecretsError', message: /^cannot reach the secrets extension \(ECONNREFUSED\); start aws-secretsmanager.*SECRETS_FAKE/ };
  await assert.rejects(secrets.get('x'), said);
  await assert.rejects(secrets.load(), said);
  await assert.rejects(withRotation(async () => 1)(custom, context()), { ...said, name: 'RotationError' });
  assert.throws(() => secrets.env, /SECRETS_FAKE/);
  env(t, { AWS_TOKEN: undefined, AWS_SESSION_TOKEN: undefined, AWS_CONTAINER_AUTHORIZATION_TOKEN: undefined });
  await assert.rejects(secrets.get('x'), /no token: none of AWS_TOKEN, .*start aws-secretsmanager.*SECRETS_FAKE/);
  env(t, { AWS_TOKEN: 't', AWS_LAMBDA_RUNTIME_API: '127.0.0.1:9001' });
  await assert.rejects(secrets.get('x'), { message: 'cannot reach the secrets extension (ECONNREFUSED); is its layer attached to the function?' });
});

test('SECRETS_FAKE is the secrets of a unit test', async (t) => {
  const { e, secrets, withRotation } = await start(t);
  const object = { PASSWORD: 'pw', NUMBER: 7, NONE: null, LIST: [1, 'x'], PATH: '/evil', LD_PRELOAD: 'evil', NODE_OPTIONS: '-e 1', 'not a name': 'x', 'prod/db': { user: 'app' }, text: 'tt' };
  env(t, { SECRETS_FAKE: JSON.stringify(object), text: undefined });
  const path = process.env.PATH;
  const handler = withRotation((event) => [event, process.env.PASSWORD]);
  assert.deepEqual(handler(7, context()), [7, 'pw'], 'the handler was not called at once');
  assert.deepEqual({ ...secrets.env }, { PASSWORD: 'pw', NUMBER: '7', NONE: '', LIST: '[1,"x"]', text: 'tt' });
  assert.deepEqual([process.env.NUMBER, process.env.NONE, process.env.LIST, process.env.PATH, process.env.LD_PRELOAD], ['7', '', '[1,"x"]', path, undefined]);
  assert.equal(await secrets.get('any/id', 'NUMBER'), 7);
  assert.deepEqual(await secrets.get('any/id'), object);
  assert.deepEqual(await secrets.get('prod/db'), { user: 'app' });
  assert.equal(await secrets.get('text'), 'tt');
  assert.equal((await secrets.refresh('any/id')).changed, false);
  for (const event of [custom, native]) assert.deepEqual(await handler(event, context()), [event, 'pw']);
  env(t, { SECRETS_FAKE: '{"PASSWORD":"pw2"}' });
  assert.deepEqual(handler(7, context()), [7, 'pw2']);
  assert.deepEqual([process.env.NUMBER, await secrets.load().then((v) => ({ ...v }))], [undefined, { PASSWORD: 'pw2' }]);
  assert.deepEqual(e.requests, []);
});

test('SECRETS_FAKE sets no variable that the extension does not set', async (t) => {
  const reserved = JSON.parse(process.env.RESERVED); // of the extension's sources, one name of each family
  assert.ok(reserved.length > 80);
  const near = ['SECRETLY', 'PATHS', 'AWSX', 'PYTHO', 'HTTP_PROXY', 'MY_AWS_', 'LD', 'path', '_', 'TZ', 'LANG'];
  const { secrets } = await start(t);
  env(t, { SECRETS_FAKE: JSON.stringify(Object.fromEntries([...reserved, ...near].map((name) => [name, 'x']))) });
  assert.deepEqual(new Set(Object.keys(secrets.env)), new Set(near));
  assert.deepEqual(new Set([...RESERVED, ...FAMILIES.map((family) => `${family}X`)]), new Set(reserved));
});

test('SECRETS_FAKE that is no object is an error without its value', async (t) => {
  for (const text of [canary, `["${canary}"]`, 'null', `"${canary}"`, `{"${canary}`]) {
    const { secrets, withRotation } = await start(t);
    env(t, { SECRETS_FAKE: text });
    const said = { name: 'SecretsError', message: 'SECRETS_FAKE: the value is not a JSON object' };
    await assert.rejects(secrets.get('x'), said);
    await assert.rejects(secrets.load(), said);
    assert.throws(() => secrets.env, said);
    assert.throws(() => withRotation(() => 1)({}), said);
  }
});

test('SECRETS_FAKE does not count in Lambda', async (t) => {
  const { secrets } = await start(t, { body: record({ SecretString: 'real' }) });
  const warn = console.warn;
  const lines = [];
  console.warn = (line) => lines.push(line);
  t.after(() => (console.warn = warn));
  env(t, { SECRETS_FAKE: '{"PASSWORD":"fake"}', AWS_LAMBDA_RUNTIME_API: '127.0.0.1:9001' });
  assert.deepEqual([await secrets.get('x'), await secrets.get('x')], ['real', 'real']);
  assert.equal((await secrets.load()).PASSWORD, canary);
  assert.deepEqual(lines, ['SECRETS_FAKE is for tests: in Lambda it is not used']);
});

test('nothing that is exported shows a value', async (t) => {
  const all = await start(t, { status: 500, body: { __type: 'X', message: 'm' } });
  const { e, ...exported } = all;
  const handler = exported.withRotation(async () => {});
  await exported.secrets.load();
  await handler({}, context());
  const view = exported.secrets.env;
  const errors = [];
  const broken = `HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{"SecretString":"${canary}"}`;
  for (const answer of [{ status: 500, body: { __type: 'X', message: 'm' } }, { body: canary }, { body: `{"a":"${canary}` }]) {
    e.on('GET /secretsmanager/get', answer);
    errors.push(await exported.secrets.get('x').catch((err) => err));
  }
  e.on('GET /secretsmanager/get', ({ socket }) => {
    socket.end(broken);
    return { wait: new Promise(() => {}) };
  });
  errors.push(await exported.secrets.get('x').catch((err) => err));
  for (const err of errors) assert.deepEqual([err.name, err.cause], ['SecretsError', undefined]);
  const everything = { exported, view, handler, errors, list: [view], map: new Map([[1, view]]) };
  const shown = [
    ...[{}, { showHidden: true }, { showProxy: true, showHidden: true, depth: 20 }, { getters: true, depth: 20 }].map((o) => inspect(everything, o)),
    JSON.stringify(everything), JSON.stringify(view), `${inspect(view)}`, inspect(exported.secrets, { getters: true, showHidden: true }),
    ...errors.map((err) => `${err.stack}${err}${JSON.stringify(err)}${inspect(err.cause)}`),
  ].join('\n');
  assert.ok(!shown.includes(canary), shown);
  assert.ok(!shown.includes('token-of-the-test'));
  assert.match(inspect(view), /PASSWORD/);
  assert.equal(view.PASSWORD, canary);
});

test('unlucky endpoints end in an error and never in an unhandled rejection', async (t) => {
  const { e, secrets, withRotation } = await start(t);
  const loose = [];
  const listen = (err) => loose.push(err);
  process.on('unhandledRejection', listen).on('uncaughtException', listen);
  t.after(() => process.off('unhandledRejection', listen).off('uncaughtException', listen));
  const warn = console.warn;
  console.warn = () => {};
  t.after(() => (console.warn = warn));
  const handler = withRotation(async () => 'ok');
  for (const answer of [{ cut: 'early' }, { cut: 'late', body: { PASSWORD: canary } }, { status: 500, body: 'x' }, { body: 'nonsense' }, { body: 'null' }, { status: 200, body: '' }]) {
    for (const what of ['GET /env', 'POST /rotation', 'GET /secretsmanager/get']) e.on(what, answer);
    passed(t, 1001);
    assert.equal(await handler({}, context()), 'ok');
    await assert.rejects(handler(custom, context()), { name: 'RotationError' });
    await assert.rejects(secrets.get('x'), { name: 'SecretsError' });
    withRotation((event, ctx, callback) => assert.fail())(custom, context(), () => {});
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(loose, []);
});
