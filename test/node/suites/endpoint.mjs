// What the suites share: the package as a process that has just started has it, and an endpoint that does as it is told.

import http from 'node:http';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
export const home = fileURLToPath(new URL('../../../layer/nodejs/node_modules/aws-secretsmanager/', import.meta.url));

// canary is part of every value, and must be in nothing that is printed.
export const canary = 'c4n4ry';

/** fresh loads the package anew: it knows no variables, and its connections are its own. */
export function fresh() {
  for (const path of Object.keys(require.cache)) {
    if (path.startsWith(home)) delete require.cache[path];
  }
  return require(home);
}

/** env sets variables for the time of a test; undefined unsets one. */
export function env(t, vars) {
  for (const [name, value] of Object.entries(vars)) {
    const before = process.env[name];
    const put = (v) => (v === undefined ? delete process.env[name] : (process.env[name] = v));
    put(value);
    t.after(() => put(before));
  }
}

/** Endpoint is a server for the requests of one test. Its requests are the log of what it was asked. */
export class Endpoint {
  vars = {};
  generation = 1;
  requests = []; // { method, path, query, body, headers, socket }
  answers = new Map(); // "METHOD /path" -> function of a request, { status, body, headers, wait, cut }

  static async start(t, vars = {}) {
    const e = new Endpoint();
    e.vars = vars;
    e.server = http.createServer((req, res) => e.#serve(req, res).catch((err) => res.destroy(err)));
    await new Promise((resolve) => e.server.listen(0, '127.0.0.1', resolve));
    t.after(() => e.stop());
    env(t, {
      PARAMETERS_SECRETS_EXTENSION_HTTP_PORT: String(e.server.address().port),
      AWS_TOKEN: 'token-of-the-test',
      SECRETS_DOTENV_PATH: 'off',
      SECRETS_FAKE: undefined,
      SECRETS_ON_INIT_ERROR: undefined,
      AWS_LAMBDA_RUNTIME_API: undefined,
    });
    return e;
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }

  set(vars) {
    this.vars = vars;
    this.generation++;
  }

  /** on has requests answered by a function, or always alike. */
  on(what, answer) {
    this.answers.set(what, typeof answer === 'function' ? answer : () => answer);
  }

  /** asked returns the requests of a kind. */
  asked(what) {
    return this.requests.filter((r) => `${r.method} ${r.path}` === what);
  }

  async #serve(req, res) {
    const url = new URL(req.url, 'http://x');
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const r = {
      method: req.method,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      body: Buffer.concat(chunks).toString(),
      headers: req.headers,
      socket: req.socket,
    };
    this.requests.push(r);
    const answer = (this.answers.get(`${r.method} ${r.path}`) ?? ((r) => this.#usual(r)))(r);
    if (answer.wait) await answer.wait;
    if (answer.cut === 'early') return req.socket.destroy();
    const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body ?? {});
    const type = typeof answer.body === 'string' ? 'text/plain' : 'application/json';
    res.writeHead(answer.status ?? 200, { 'Content-Type': type, ...answer.headers });
    if (answer.cut === 'late') return res.write(text.slice(0, 1), () => req.socket.destroy());
    res.end(answer.status === 304 ? undefined : text);
  }

  #usual({ method, path, headers }) {
    const etag = `"p-${this.generation}"`;
    if (method === 'GET' && path === '/env') {
      if (headers['if-none-match'] === etag) return { status: 304, headers: { ETag: etag } };
      return { body: this.vars, headers: { ETag: etag } };
    }
    if (method === 'POST' && path === '/rotation') return { body: { rotated: false } };
    return { status: 404, body: 'Not found' };
  }
}

/** rotated is the answer to the rotation of prod/db. */
export const rotated = { rotated: true, secretId: 'prod/db', versionId: 'v2', changed: true };

export const custom = { source: 'secretsmanager', 'detail-type': 'Secret Rotation', detail: { secretId: 'prod/db' } };

export const native = {
  version: '0',
  id: '5f2b6c1e-8c5c-4c5e-9d1f-2f3a4b5c6d7e',
  'detail-type': 'Secret Label Updated',
  source: 'aws.secretsmanager',
  account: '123456789012',
  time: '2024-02-06T16:43:48Z',
  region: 'us-east-1',
  resources: ['arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-a1b2c3'],
  detail: { name: 'prod/db', labelUpdated: 'AWSCURRENT', versionId: 'v2' },
};

/** passed has the package take a time for past, in milliseconds, without waiting. */
export function passed(t, ms) {
  const now = Date.now;
  Date.now = () => now() + ms;
  t.after(() => (Date.now = now));
}

export const context = (left = 3000) => ({ awsRequestId: 'r', getRemainingTimeInMillis: () => left });
