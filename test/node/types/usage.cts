// CommonJS: the same package by require.

import aws = require('aws-secretsmanager');

export const handler = aws.withRotation(async (event: { id: number }): Promise<number> => event.id + Number(aws.secrets.env.OFFSET ?? 0));
const answer: Promise<number> = handler({ id: 1 });
void answer;
// @ts-expect-error: there is no default export
aws.default;
