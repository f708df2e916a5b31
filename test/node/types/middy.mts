// With middy's own types.

import middy from '@middy/core';
import { rotation, withRotation } from 'aws-secretsmanager';

interface Order {
  id: number;
}

const base = async (event: Order): Promise<number> => event.id;
export const inside = middy(base).use(rotation({ source: 'mine' }));
export const around = withRotation(middy(base)).use(rotation());
