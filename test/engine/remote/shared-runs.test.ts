/** Whole runs on two machines: stages, worker processes, matrices and restrictions on one side; nothing but their results on the other. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { HttpRemote } from '../../../src/engine/remote/http-remote.js';
import { LayeredStore, type LayeredStoreOptions } from '../../../src/engine/remote/layered-store.js';
import { signingKey, TrustedKeys } from '../../../src/engine/remote/signing.js';
import type { FileStore } from '../../../src/engine/store/file-store.js';
import { CacheServer } from '../../rigs/cache-server.js';
import { compiledRig } from '../../rigs/pipeline/compiled.js';
import { PipelineRig } from '../../rigs/pipeline-rig.js';
import { assertStoreInvariants } from '../../rigs/store-invariants.js';
import { keyOf } from '../../rigs/store-rig.js';
import { contentsOf, Machine, TEAM } from '../../rigs/two-machines.js';

const STAGES = `  a: { type: fake.inline, params: { label: a, text: A, pad: 9000 } }
  many:
    type: fake.work
    matrix: { n: [1, 2, 3] }
    params: { label: "many\${matrix.n}", text: "t\${matrix.n}", pad: 9000 }
    inputs: { a: "\${stages.a}" }
  memo: { type: fake.memo, params: { label: memo, chunks: [x, y], pad: 9000 } }
  all: { type: fake.gather, params: { label: all }, inputs: { texts: "\${stages.many}" } }
`;

const behind = (server: CacheServer, mode: 'read' | 'read-write', more: Partial<LayeredStoreOptions> = {}) => (local: FileStore): LayeredStore =>
  new LayeredStore(local, { remote: new HttpRemote({ url: server.url, headers: {}, timeoutMs: 5000 }), mode, trust: new TrustedKeys([TEAM.publicKey]), signer: signingKey(TEAM.pem, 'test'), maxObjectBytes: 1e9, sendRestricted: false, ...more });

describe('a pipeline on two machines', () => {
  test('the second runs nothing, says where its results came from, and has the same bytes', async () => {
    await using server = await CacheServer.start();
    await using first = PipelineRig.create();
    first.pipeline(STAGES);
    const made = await first.run({ behind: behind(server, 'read-write') });
    expect(made.summary.counts).toMatchObject({ ran: 6 });
    expect(server.shelf('ac').size).toBe(6);

    await using second = PipelineRig.create();
    second.pipeline(STAGES);
    const { summary, events } = await second.run({ behind: behind(server, 'read') });
    expect(summary.counts).toMatchObject({ ran: 0, restored: 6 });
    expect(second.lines('run')).toEqual([]);
    expect(second.digests(summary)).toEqual(first.digests(made.summary));
    expect(summary.record.stages.map(({ from }) => from)).toEqual(Array(6).fill('remote'));
    expect(events.filter((event) => event.kind === 'stage.restored').every((event) => event.from === 'remote')).toBe(true);
    expect(second.files('objects').map((path) => path.slice(-65))).toEqual(first.files('objects').map((path) => path.slice(-65)));

    const again = await second.run();
    expect(again.summary.counts).toMatchObject({ restored: 6 });
    expect(again.summary.record.stages.every(({ from }) => from === undefined)).toBe(true);
  });

  test('a network that is cut in the middle of the run costs what was not fetched yet: those stages run', async () => {
    await using server = await CacheServer.start();
    await using first = PipelineRig.create();
    first.pipeline(STAGES);
    const made = await first.run({ behind: behind(server, 'read-write') });
    await using second = PipelineRig.create();
    second.pipeline(STAGES);
    let answers = 0;
    server.misbehave = ({ method }, response) => method === 'GET' && (answers += 1) > 4 && Boolean(response.destroy());
    const { summary, events } = await second.run({ behind: behind(server, 'read') });
    expect(summary.outcome).toBe('succeeded');
    expect(summary.counts.ran).toBeGreaterThan(0);
    expect(summary.counts.restored).toBeGreaterThan(0);
    expect(second.digests(summary)).toEqual(first.digests(made.summary));
    expect(events.filter(({ kind }) => kind === 'remote.warning').length).toBeLessThanOrEqual(3);
  });

  test('a damaged object here is fetched again instead of being computed again', async () => {
    await using server = await CacheServer.start();
    await using rig = PipelineRig.create();
    rig.pipeline(STAGES);
    await rig.run({ behind: behind(server, 'read-write') });
    const ran = rig.lines('run').length;
    for (const path of rig.files('objects')) rmSync(path);
    rig.pipeline(STAGES.replace('label: all', 'label: other'));
    const { summary } = await rig.run({ behind: behind(server, 'read-write') });
    expect(summary.counts).toMatchObject({ ran: 1, restored: 5 });
    expect(rig.lines('run').length).toBe(ran + 1);
  });

  test('what comes from restricted data stays on the machine, also through a stage that does not say so', async () => {
    await using server = await CacheServer.start();
    const stages = (restrict: boolean): string => `  source: { type: fake.source, params: { file: data.txt, restrict: ${restrict} } }
  derived: { type: fake.work, params: { label: derived, pad: 9000 }, inputs: { a: "\${stages.source}" } }
  free: { type: fake.inline, params: { label: free, text: F } }
`;
    await using first = PipelineRig.create();
    first.write({ 'data.txt': 'betas\n' });
    first.pipeline(stages(true));
    const made = await first.run({ behind: behind(server, 'read-write') });
    expect(made.summary.record.stages.map(({ name, outputs }) => [name, outputs['out']?.restricted])).toEqual([['source', true], ['derived', true], ['free', false]]);
    expect([server.shelf('ac').size, server.shelf('cas').size]).toEqual([1, 0]);

    await using second = PipelineRig.create();
    second.write({ 'data.txt': 'betas\n' });
    second.pipeline(stages(true));
    expect((await second.run({ behind: behind(server, 'read') })).summary.counts).toMatchObject({ ran: 2, restored: 1 });
  });

  test('a record that was made before its inputs were restricted is restricted here all the same, and is not sent on', async () => {
    await using server = await CacheServer.start();
    const stages = (restrict: boolean): string => `  source: { type: fake.source, params: { file: data.txt, restrict: ${restrict} } }
  derived: { type: fake.work, params: { label: derived, pad: 9000 }, inputs: { a: "\${stages.source}" } }
`;
    await using first = PipelineRig.create();
    first.write({ 'data.txt': 'betas\n' });
    first.pipeline(stages(false));
    await first.run({ behind: behind(server, 'read-write') });
    await using second = PipelineRig.create();
    second.write({ 'data.txt': 'betas\n' });
    second.pipeline(stages(true));
    const { summary } = await second.run({ behind: behind(server, 'read-write') });
    expect(second.words(summary)).toEqual({ source: 'ran', derived: 'restored' });
    expect(summary.record.stages.map(({ outputs }) => outputs['out']?.restricted)).toEqual([true, true]);
    expect(summary.record.restricted).toBe(true);
  });
});

test('a process that is killed while it fetches leaves a whole store, and the next one gets the result', async () => {
  await using server = await CacheServer.start();
  const remote = (): HttpRemote => new HttpRemote({ url: server.url, headers: {}, timeoutMs: 5000 });
  const contents = Array.from({ length: 5 }, (_, i) => `${i} ${'x'.repeat(50_000)}`);
  await using first = new Machine();
  await first.share(remote(), 'a', contents);
  await using second = new Machine();
  const key = keyOf('a');
  // in the middle of the record, of the first object, of the fourth, and when everything but one has come
  for (const nth of [1, 2, 5, 6]) {
    let asked = 0;
    let reached: () => void = () => undefined;
    const half = new Promise<void>((resolve) => (reached = resolve));
    server.misbehave = ({ method, path }, response) => {
      if (method !== 'GET' || (asked += 1) < nth) return false;
      const body = server.entries.get(path) as Buffer;
      response.writeHead(200, { 'content-length': body.length });
      response.write(body.subarray(0, body.length / 2), reached);
      return true;
    };
    const child = spawn(process.execPath, [compiledRig('fetch-child'), second.rig.directory, server.url, TEAM.publicKey, key], { stdio: 'ignore' });
    await half;
    child.kill('SIGKILL');
    await once(child, 'exit');
    await assertStoreInvariants(second.rig.directory, { finished: new Set() });
  }
  server.misbehave = undefined;
  expect(await contentsOf(await second.open(remote()), key)).toEqual(contents);
});
