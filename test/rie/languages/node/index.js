// Says what a function in Node has of its secret, at its import and now.
const { withRotation } = require('aws-secretsmanager');

const imported = process.env.DB_password;
let calls = 0;

exports.plain = async (event) => {
  calls++;
  if ('echo' in event) return event;
  const response = await fetch(`http://127.0.0.1:${process.env.PARAMETERS_SECRETS_EXTENSION_HTTP_PORT}/v1/prod/db?key=password`, {
    headers: { 'X-Aws-Parameters-Secrets-Token': process.env.AWS_SESSION_TOKEN },
  });
  return { imported, now: process.env.DB_password, endpoint: await response.text(), calls };
};

exports.client = withRotation(exports.plain);

if (globalThis.awslambda) {
  exports.stream = awslambda.streamifyResponse(async (event, stream) => {
    for (const piece of event.echo.match(/[^]{1,65536}/g)) {
      if (!stream.write(piece)) await new Promise((resolve) => stream.once('drain', resolve));
    }
    stream.end();
  });
}
