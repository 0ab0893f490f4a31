/**
 * Against a server that others wrote: bazel-remote (Apache 2.0), with its checks of ActionResults on. Runs where BAZEL_REMOTE names its program:
 *
 *   BAZEL_REMOTE=/path/to/bazel-remote npx vitest run test/engine/remote/bazel-remote.test.ts
 */
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { HttpRemote } from '../../../src/engine/remote/http-remote.js';
import { recordId } from '../../../src/engine/remote/remote-cache.js';
import { keyOf, temporaryFolder } from '../../rigs/store-rig.js';
import { contentsOf, Machine } from '../../rigs/two-machines.js';

const PROGRAM = process.env['BAZEL_REMOTE'];
const CONTENTS = ['one', `big ${'x'.repeat(3_000_000)}`, 'three'];

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test.skipIf(PROGRAM === undefined)('bazel-remote takes our records as action results, serves them to a second machine, and hides one whose objects are gone', async () => {
  using folder = temporaryFolder();
  const port = await freePort();
  const server = spawn(PROGRAM as string, ['--dir', join(folder.path, 'data'), '--max_size', '1', '--http_address', `127.0.0.1:${port}`, '--grpc_address', 'none', '--storage_mode', 'uncompressed'], { stdio: 'ignore' });
  try {
    const url = `http://127.0.0.1:${port}/team`;
    for (let i = 0; i < 100 && !(await fetch(`http://127.0.0.1:${port}/status`).then(({ ok }) => ok, () => false)); i += 1) await sleep(50);
    const remote = (): HttpRemote => new HttpRemote({ url, headers: {}, timeoutMs: 5000 });
    await using first = new Machine();
    const record = await first.share(remote(), 'a', CONTENTS);
    expect(first.warnings).toEqual([]);

    await using second = new Machine();
    const store = await second.open(remote());
    expect(await contentsOf(store, keyOf('a'))).toEqual(CONTENTS);
    expect([second.warnings, store.totals.fetched]).toEqual([[], 1]);

    // what is no action result it refuses, so the form of our records is what makes it work
    expect((await fetch(`${url}/ac/${recordId(keyOf('b'))}`, { method: 'PUT', body: 'no action result' })).status).toBe(400);
    // and it looks after the objects of a record
    expect((await fetch(`${url}/ac/${recordId(keyOf('a'))}`, { method: 'HEAD' })).status).toBe(200);
    const [, big] = record.outputs['out']?.files ?? [];
    rmSync(join(folder.path, 'data', 'cas.v2', (big?.digest ?? '').slice(0, 2)), { recursive: true });
    await using third = new Machine();
    expect(await contentsOf(await third.open(remote()), keyOf('a'))).toBeUndefined();
  } finally {
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill();
    await ended;
  }
});
