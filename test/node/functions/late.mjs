// Nothing is awaited at the start: the first invocation has the variables all the same.

import { withRotation } from 'aws-secretsmanager';

export const handler = withRotation(async () => process.env.PASSWORD);
