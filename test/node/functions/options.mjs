import { withRotation } from 'aws-secretsmanager';

export const handler = withRotation(async (event) => ({ event: event['detail-type'], process: process.env.PASSWORD }), {
  source: 'mine',
  detailType: 'Rotated',
  detailKey: 'id',
});
