const { withRotation } = require('aws-secretsmanager');

let calls = 0;
setInterval(() => {}, 1000); // as an open connection of a database keeps the loop alive

exports.handler = withRotation((event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false;
  calls++;
  setTimeout(() => callback(event.fail ? new Error('the handler failed') : null, { calls, process: process.env.PASSWORD }), 5);
});

exports.legacy = withRotation((event, context) => {
  setTimeout(() => context.succeed({ process: process.env.PASSWORD }), 5);
});
