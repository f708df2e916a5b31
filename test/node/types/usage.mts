// What must compile, and with @ts-expect-error what must not.

import { type RotationOptions, RotationError, type SecretRecord, type Secrets, SecretsError, type Variables, rotation, secrets, withRotation } from 'aws-secretsmanager';

interface Order {
  id: number;
}
interface Context {
  getRemainingTimeInMillis(): number;
}
type Callback<T> = (err?: Error | null, value?: T) => void;
interface Stream {
  write(chunk: string): boolean;
  end(): void;
}

// A handler keeps its type.
export const handler: (event: Order, context: Context) => Promise<string> = withRotation(async (event: Order, _context: Context) => String(event.id));
export const byCallback: (event: Order, context: Context, callback: Callback<number>) => void = withRotation((event: Order, _context: Context, callback: Callback<number>) =>
  callback(null, event.id),
);
export const streamed: (event: Order, stream: Stream) => Promise<void> = withRotation(async (_event: Order, stream: Stream) => stream.end(), { source: 'mine' });
const options: RotationOptions = { source: 'mine', detailType: 'Rotated', detailKey: 'id' };
export const extended: number = withRotation(Object.assign(async () => 1, { mark: 7 }), options).mark;
// @ts-expect-error: no handler
withRotation('index.handler');
// @ts-expect-error: no such option
withRotation(async () => 1, { detail: 'id' });
// @ts-expect-error: the handler wants an order
void handler('x', { getRemainingTimeInMillis: () => 1 });

const { before } = rotation({ detailKey: 'id' });
void before({ event: {}, context: {} });

export async function read(from: Secrets): Promise<string> {
  const any = await from.get('prod/db');
  const db = await from.get<{ user: string; port: number }>('prod/db');
  const port: number = db.port;
  const password: string | undefined = await from.get<string>('prod/db', 'password');
  const record: SecretRecord = await from.record('prod/db', { versionStage: 'AWSPREVIOUS', refreshNow: true });
  const text: string | undefined = record.SecretString;
  const bytes: Uint8Array | undefined = record.SecretBinary;
  const { versionId, changed } = await from.refresh('prod/db', { ifVersion: record.VersionId });
  const variables: Variables = await from.load();
  const key: string | undefined = variables.API_KEY ?? from.env.API_KEY;
  // @ts-expect-error: it cannot be changed
  from.env.API_KEY = 'x';
  // @ts-expect-error: it may not be set
  const certain: string = from.env.OTHER;
  // @ts-expect-error: an id is needed
  await from.get();
  return [any, port, password, text, bytes?.length, versionId, changed === true, key, certain].join();
}
void read(secrets);

try {
  await secrets.get('x');
} catch (err) {
  if (err instanceof RotationError || err instanceof SecretsError) {
    const status: number | undefined = err.status;
    const type: string | undefined = err.type;
    console.log(status, type, err.message);
  }
}
