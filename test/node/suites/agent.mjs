// The package against the real extension. CONTROL is where the test changes the world.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { canary, context, custom, fresh, passed } from './endpoint.mjs';

async function control(what, body) {
  const answer = await fetch(`${process.env.CONTROL}/${what}`, { method: 'POST', body });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}

const awkward = readFileSync(new URL('awkward.json', import.meta.url), 'utf8');
const { secrets, withRotation } = fresh();
const handler = withRotation(async () => process.env.PASSWORD);

test('variables are spelled exactly, and those that change how a process runs are never set', async () => {
  const before = { ...process.env };
  const want = {
    PASSWORD: `${canary}-1`, NUMBER: '7.50', LARGE: '12345678901234567890', TRUE: 'true', NONE: '', NESTED: '{"a":[1,"x"]}',
    QUOTES: ' "double" \'single\' `back` \\ $HOME =x', LINES: 'one\ntwo\r\nthree\n', WORDS: 'é € 𝄞', CONFIGURED: 'during',
  };
  assert.deepEqual({ ...(await secrets.load()) }, want);
  assert.deepEqual({ ...process.env }, { ...before, ...want });
});

test('a secret is read by every id, with the types of its JSON', async () => {
  const { ARN } = await secrets.record('db');
  const partial = ARN.slice(0, ARN.lastIndexOf('-'));
  for (const id of ['db', ARN, partial]) assert.deepEqual(await secrets.get(id), JSON.parse(awkward));
  assert.equal(await secrets.get('db', 'NUMBER'), 7.5);
  assert.equal(await secrets.get('db', 'GONE'), undefined);
  assert.deepEqual(await secrets.get('binary'), Buffer.from([0, 0xff, 10]));
  await control('put?secret=a%2Bb/c=d@e.f', 'plain');
  assert.equal(await secrets.get('a+b/c=d@e.f'), 'plain');
  await assert.rejects(secrets.get('gone'), { name: 'SecretsError', status: 400, type: 'ResourceNotFoundException' });
});

test('a rotation event is followed, and keys that left are taken back', async () => {
  await control('put?secret=db', JSON.stringify({ PASSWORD: `${canary}-2` }));
  const answer = await handler(await control('native?secret=db'), context());
  assert.deepEqual([answer.rotated, answer.changed], [true, true]);
  assert.equal(await handler({}, context()), `${canary}-2`);
  assert.deepEqual([process.env.CONFIGURED, process.env.NUMBER], ['before', undefined]);
  const again = await handler(await control('native?secret=db'), context());
  assert.deepEqual([again.rotated, again.changed], [true, false]);
});

test('options: the rotation is by id and version', async () => {
  const { version } = await control('put?secret=db', JSON.stringify({ PASSWORD: `${canary}-3` }));
  const mine = withRotation(async () => 'handler', { source: 'mine', detailKey: 'id' });
  const event = (id) => ({ source: 'mine', 'detail-type': 'Secret Rotation', detail: { id, versionId: version } });
  assert.deepEqual(await mine(event('db'), context()), { rotated: true, secretId: 'db', versionId: version, changed: true });
  assert.equal(process.env.PASSWORD, `${canary}-3`);
  assert.equal(await mine(event('another'), context()), 'handler');
});

test('a rotation that fails says why, and the old values stay', async () => {
  await control('put?secret=db', JSON.stringify({ PASSWORD: `${canary}-4` }));
  const event = await control('native?secret=db');
  await control('deny');
  await assert.rejects(handler(event, context()), { name: 'RotationError', status: 502, type: 'AccessDeniedException', message: /^rotation of arn:.*AccessDeniedException/ });
  assert.equal(await handler({}, context()), `${canary}-3`);
  await control('heal');
  assert.equal((await handler(event, context())).rotated, true);
  assert.equal(await handler({}, context()), `${canary}-4`);
});

test('refresh asks once for many that were refused, and renews the variables', async () => {
  const held = await secrets.record('db');
  await new Promise((resolve) => setTimeout(resolve, 1100)); // a fetch within the second before would answer
  const { version } = await control('put?secret=db', JSON.stringify({ PASSWORD: `${canary}-5` }));
  const calls = await control('calls');
  const all = await Promise.all(Array.from({ length: 10 }, () => secrets.refresh('db', { ifVersion: held.VersionId })));
  assert.deepEqual(all, Array(10).fill({ versionId: version, changed: true }));
  assert.equal((await control('calls')) - calls, 1);
  assert.equal(process.env.PASSWORD, `${canary}-5`);
});

test('another version is read by its stage', async () => {
  const previous = await secrets.record('db', { versionStage: 'AWSPREVIOUS' });
  assert.equal(JSON.parse(previous.SecretString).PASSWORD, `${canary}-4`);
  assert.equal(JSON.parse((await secrets.record('db', { versionId: previous.VersionId })).SecretString).PASSWORD, `${canary}-4`);
});

test('an ordinary invocation learns of what came another way', async (t) => {
  await control('put?secret=db', JSON.stringify({ PASSWORD: `${canary}-6` }));
  await secrets.record('db', { refreshNow: true });
  assert.equal(await handler({}, context()), `${canary}-5`, 'a second has not passed');
  passed(t, 1001);
  assert.equal(await handler({}, context()), `${canary}-6`);
});

test('an extension that went away and came back is found again', async (t) => {
  await control('stop');
  await assert.rejects(secrets.get('db'), /^SecretsError: cannot reach the secrets extension/);
  await assert.rejects(handler(custom, context()), { name: 'RotationError' });
  await control('put?secret=db', JSON.stringify({ PASSWORD: `${canary}-7` }));
  await control('restart');
  passed(t, 5000); // the test before has set the clock forward and back
  assert.equal(await handler({}, context()), `${canary}-7`);
});

test('a wrong token is an error that says so', async (t) => {
  const { AWS_TOKEN } = process.env;
  t.after(() => (process.env.AWS_TOKEN = AWS_TOKEN));
  process.env.AWS_TOKEN = 'wrong';
  await assert.rejects(secrets.get('db'), { message: 'get secret "db": status 403: Bad Token', status: 403 });
});
