import middy from '@middy/core';
import { rotation, withRotation } from 'aws-secretsmanager';

const base = async (event) => ({ seen: event.seen, process: process.env.PASSWORD });
const see = { before: ({ event }) => void (event.seen = true) };

export const middleware = middy(base).use(rotation()).use(see);
export const around = withRotation(middy(base)).use(see);
