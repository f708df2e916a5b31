// A function that never handles a rotation event, and always has the current values.
import { secrets, withRotation } from 'aws-secretsmanager';

const { GREETING } = await secrets.load(); // the variables of SECRET, before the first event
console.log(`started: ${GREETING}`);

export const handler = withRotation(async (event) => {
  const { user } = await secrets.get('prod/db'); // any secret that the function's role may read
  return { greeting: process.env.GREETING, user, order: event.id };
});
