// Most of what the tests do needs one function: it tells what it sees, or does as the event says.

import { secrets, withRotation } from 'aws-secretsmanager';

const atStart = { ...(await secrets.load()) };
let calls = 0;

export const handler = withRotation(async (event, context) => {
  calls++;
  if (event.echo !== undefined) return event.echo;
  if (event.fail) throw new Error('the handler failed');
  return {
    calls,
    atStart: atStart.PASSWORD,
    process: process.env.PASSWORD,
    env: secrets.env.PASSWORD,
    secret: await secrets.get('db', 'PASSWORD'),
    extra: process.env.EXTRA ?? null,
    request: context.awsRequestId,
    event: event['detail-type'] ?? null,
  };
});
