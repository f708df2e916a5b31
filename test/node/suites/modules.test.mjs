// Both kinds of modules, workers, and a process that ends by itself.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Endpoint, canary, env, home } from './endpoint.mjs';

const run = promisify(execFile);
const names = ['RotationError', 'SecretsError', 'rotation', 'secrets', 'withRotation'];

/** project makes a folder with files and the package in its node_modules, and returns a function that runs one of them. */
function project(t, files) {
  const dir = mkdtempSync(join(tmpdir(), 'project'));
  t.after(() => rmSync(dir, { recursive: true }));
  mkdirSync(join(dir, 'node_modules'));
  symlinkSync(home, join(dir, 'node_modules', 'aws-secretsmanager'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return async (name, ...flags) => {
    const { stdout, stderr } = await run(process.execPath, [...flags, join(dir, name)], { timeout: 10_000 });
    assert.equal(stderr, '');
    return stdout;
  };
}

test('import and require give the same', async (t) => {
  const node = project(t, {
    'a.mjs': `import * as esm from 'aws-secretsmanager';
      import { secrets, withRotation } from 'aws-secretsmanager';
      import { createRequire } from 'node:module';
      const cjs = createRequire(import.meta.url)('aws-secretsmanager');
      console.log(Object.keys(esm).sort().join(), Object.keys(cjs).sort().join(), Object.keys(esm).every((k) => esm[k] === cjs[k]), esm.secrets === secrets, typeof withRotation);`,
    'b.cjs': `const { secrets, withRotation } = require('aws-secretsmanager');
      import('aws-secretsmanager').then((esm) => console.log(esm.secrets === secrets, esm.withRotation === withRotation));`,
  });
  assert.equal(await node('a.mjs'), `${names} ${names} true true function\n`);
  assert.equal(await node('b.cjs'), 'true true\n');
  if (process.allowedNodeEnvironmentFlags.has('--experimental-require-module')) {
    assert.equal(await node('b.cjs', '--no-experimental-require-module'), 'true true\n'); // as Lambda starts Node 22
  }
});

test('require finds it by NODE_PATH, as in a layer', async (t) => {
  const { stdout } = await run(process.execPath, ['-p', 'typeof require("aws-secretsmanager").withRotation'], { env: { ...process.env, NODE_PATH: dirname(home.replace(/\/$/, '')) } });
  assert.equal(stdout, 'function\n');
});

test('variables are there at the top of an ES module, and the process ends by itself', async (t) => {
  await Endpoint.start(t, { PASSWORD: canary });
  env(t, { PASSWORD: undefined });
  const node = project(t, {
    'a.mjs': `import { secrets } from 'aws-secretsmanager';
      await secrets.load();
      const begin = Date.now();
      console.log(process.env.PASSWORD);
      process.on('exit', () => console.log(Date.now() - begin < 2000 ? 'ended' : 'held up'));`,
  });
  assert.equal(await node('a.mjs'), `${canary}\nended\n`);
});

test('the loop does not run dry while a request is under way on a kept connection', async (t) => {
  const e = await Endpoint.start(t, {});
  const node = project(t, {
    'a.mjs': `import { secrets } from 'aws-secretsmanager';
      process.on('beforeExit', () => console.log('dry'));
      for (let i = 0; i < 3; i++) { await secrets.load(); console.log(i); }`,
  });
  e.on('GET /env', { body: {}, wait: new Promise((resolve) => setTimeout(resolve, 300)) });
  assert.equal(await node('a.mjs'), '0\n1\n2\ndry\n');
});

test('each worker thread has variables of its own', async (t) => {
  const e = await Endpoint.start(t, { PASSWORD: canary });
  env(t, { PASSWORD: undefined });
  const node = project(t, {
    'a.cjs': `const { Worker, isMainThread, parentPort } = require('node:worker_threads');
      const { secrets } = require('aws-secretsmanager');
      if (!isMainThread) secrets.load().then(() => parentPort.postMessage(process.env.PASSWORD));
      else Promise.all([1, 2, 3].map(() => new Promise((resolve) => new Worker(__filename, { env: process.env }).once('message', resolve)))).then((all) => console.log(all.join(), process.env.PASSWORD));`,
  });
  assert.equal(await node('a.cjs'), `${canary},${canary},${canary} undefined\n`);
  assert.equal(e.requests.length, 3);
});

test('the package has no dependency, and loads no module of HTTP until it is needed', async (t) => {
  const manifest = createRequire(import.meta.url)(`${home}package.json`);
  assert.deepEqual([manifest.dependencies, manifest.engines.node], [undefined, '>=18']);
  const node = project(t, {
    'a.cjs': `const before = new Set(process.moduleLoadList);
      require('aws-secretsmanager');
      console.log(process.moduleLoadList.filter((m) => !before.has(m) && /http|undici|tls|crypto/.test(m)).join());`,
  });
  assert.equal(await node('a.cjs'), '\n');
});
