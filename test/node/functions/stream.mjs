import { withRotation } from 'aws-secretsmanager';

const write = async (event, stream) => {
  stream.setContentType('text/plain');
  stream.write(process.env.PASSWORD);
  if (event.fail) throw new Error('the handler failed');
  for (let i = 0; i < (event.megabytes ?? 0); i++) {
    if (!stream.write('x'.repeat(1 << 20))) await new Promise((resolve) => stream.once('drain', resolve));
  }
  stream.end();
};

export const inside = withRotation(awslambda.streamifyResponse((event, stream) => write(event, stream)));
export const outside = awslambda.streamifyResponse(withRotation((event, stream) => write(event, stream)));
