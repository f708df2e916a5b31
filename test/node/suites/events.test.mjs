// Which events are handed to the extension, and that all others cost nothing.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint, context, custom, env, fresh, native, rotated } from './endpoint.mjs';

const sns = (...messages) => ({ Records: messages.map((m) => ({ EventSource: 'aws:sns', Sns: { Message: JSON.stringify(m) } })) });
const sqs = (...messages) => ({ Records: messages.map((m) => ({ eventSource: 'aws:sqs', body: JSON.stringify(m) })) });
const notification = (m) => ({ Type: 'Notification', Message: JSON.stringify(m) });
const trail = (detail) => ({ source: 'aws.secretsmanager', 'detail-type': 'AWS API Call via CloudTrail', detail: { eventSource: 'secretsmanager.amazonaws.com', ...detail } });

/** told invokes a handler and returns what the extension was told, or "handler". */
async function told(t, event, options) {
  const e = await Endpoint.start(t);
  e.on('POST /rotation', { body: rotated });
  const got = await fresh().withRotation(async () => 'handler', options)(event, context());
  const asked = e.asked('POST /rotation');
  if (got === 'handler') {
    assert.deepEqual(asked, [], 'the extension was asked about an event of the handler');
    return got;
  }
  return asked.map(({ body, query }) => (body === '' ? query : JSON.parse(body)));
}

for (const [name, event] of Object.entries({
  custom,
  native,
  'CloudTrail, a call': trail({ eventName: 'PutSecretValue' }),
  'CloudTrail, a rotation': { ...trail({ eventName: 'RotationSucceeded' }), 'detail-type': 'AWS Service Event via CloudTrail' },
  'CloudTrail under another source': { ...trail({}), source: 'mine' },
  'in SNS': sns(native),
  'in SQS': sqs(custom, native),
  'in SNS in SQS': sqs(notification(native)),
  'in SQS, spelled with escapes': { Records: [{ body: JSON.stringify(native).replace('detail-type', '\\u0064etail-type') }] },
})) {
  test(`the extension is asked about an event that may be a rotation: ${name}`, async (t) => {
    assert.deepEqual(await told(t, event), [event]);
  });
}

const detail = { secretId: 'prod/db', versionId: 'v2' };
for (const [name, event] of Object.entries({
  'nothing': undefined,
  'null': null,
  'text': 'Secret Rotation',
  'a number': 7,
  'a list': [custom],
  'an order': { id: 1, note: 'Secret Rotation of secretsmanager' },
  'another event of EventBridge': { source: 'aws.s3', 'detail-type': 'Object Created', detail: {} },
  'another detail-type': { ...custom, 'detail-type': 'Secret Rotated' },
  'another source': { ...custom, source: 'secretsmanager2' },
  'no id': { ...custom, detail: {} },
  'an empty id': { ...custom, detail: { secretId: '' } },
  'an id that is no text': { ...custom, detail: { secretId: 7 } },
  'no detail': { source: 'secretsmanager', 'detail-type': 'Secret Rotation' },
  'no records': { Records: [] },
  'records of S3': { Records: [{ s3: { object: { key: 'secretsmanager detail-type' } } }] },
  'a batch with an order': { Records: [...sqs(custom).Records, { body: '{"order":1}' }] },
  'a batch with nothing in it': { Records: [null, ...sqs(custom).Records] },
})) {
  test(`the handler has every other event: ${name}`, async (t) => {
    assert.equal(await told(t, event), 'handler');
  });
}

const options = { source: 'mine', detailType: 'Rotated', detailKey: 'id' };
const mine = (id, versionId) => ({ source: 'mine', 'detail-type': 'Rotated', detail: { id, versionId } });

test('options are matched here, and the extension is told the secret', async (t) => {
  assert.deepEqual(await told(t, mine('prod/db', 'v2'), options), [{ secretId: 'prod/db', versionId: 'v2' }]);
});

test('options: without a version', async (t) => {
  assert.deepEqual(await told(t, mine('a+b/c d'), options), [{ secretId: 'a+b/c d' }]);
});

test('options: the default event is the handler\'s then', async (t) => {
  assert.equal(await told(t, custom, options), 'handler');
});

test('options: the events of AWS are not affected', async (t) => {
  assert.deepEqual(await told(t, native, options), [native]);
});

test('options: one of them is enough', async (t) => {
  assert.deepEqual(await told(t, { ...custom, source: 'mine' }, { source: 'mine' }), [{ secretId: 'prod/db' }]);
});

test('options: in SQS, each once', async (t) => {
  const event = sqs(mine('a', '1'), mine('a', '1'), notification(mine('b', '2')));
  assert.deepEqual(await told(t, event, options), [{ secretId: 'a', versionId: '1' }, { secretId: 'b', versionId: '2' }]);
});

test('options: in SQS with events of AWS, which the extension is to look at', async (t) => {
  const [{ Records }] = await told(t, { Records: [...sqs(mine('a', '1')).Records, ...sns(native).Records] }, options);
  const details = Records.map(({ body }) => JSON.parse(body).detail);
  assert.deepEqual(details, [{ name: 'a', labelUpdated: 'AWSCURRENT', versionId: '1' }, native.detail]);
});

test('options: in SQS, a source that JSON spells otherwise', async (t) => {
  assert.deepEqual(await told(t, sqs({ ...custom, source: 'a"b' }), { source: 'a"b' }), [{ secretId: 'prod/db' }]);
});

test('options that repeat the variables leave the event, which has the time, to the extension', async (t) => {
  assert.deepEqual(await told(t, custom, { source: 'secretsmanager', detailType: 'Secret Rotation', detailKey: 'secretId' }), [custom]);
  env(t, { SECRETS_ROTATION_SOURCE: 'mine', SECRETS_ROTATION_DETAIL_TYPE: 'Rotated', SECRETS_ROTATION_DETAIL_KEY: 'id' });
  for (const event of [mine('prod/db', 'v2'), sqs(mine('prod/db', 'v2'))]) assert.deepEqual(await told(t, event, options), [event]);
  assert.deepEqual(await told(t, { ...mine('prod/db', 'v2'), source: 'other' }, { source: 'other' }), [{ secretId: 'prod/db', versionId: 'v2' }]);
});

test('the variables of the function count where there are no options', async (t) => {
  env(t, { SECRETS_ROTATION_SOURCE: 'mine', SECRETS_ROTATION_DETAIL_TYPE: 'Rotated', SECRETS_ROTATION_DETAIL_KEY: 'id' });
  assert.deepEqual(await told(t, mine('prod/db', 'v2')), [mine('prod/db', 'v2')]);
  assert.equal(await told(t, { ...custom, detail }), 'handler');
});

test('an ordinary event of 6 MB is neither turned into text nor read through', async (t) => {
  const big = { body: 'Secret Rotation '.repeat(400_000), toJSON: () => assert.fail('the event was turned into text') };
  assert.equal(await told(t, big), 'handler');
  const { withRotation } = fresh();
  env(t, { SECRETS_FAKE: '{}' });
  const handler = withRotation(() => 1);
  const queue = { Records: [{ body: big.body }] };
  for (const event of [big, queue]) {
    handler(event);
    const start = process.hrtime.bigint();
    for (let i = 0; i < 10; i++) handler(event);
    const each = Number(process.hrtime.bigint() - start) / 1e7;
    assert.ok(each < 100, `an invocation took ${each} ms`);
  }
});
