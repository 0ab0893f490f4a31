import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { collectGarbage } from '../../../src/engine/store/gc.js';
import { assertStoreInvariants } from '../../rigs/store-invariants.js';
import { keyOf, runStage, StoreRig, temporaryFolder } from '../../rigs/store-rig.js';
import { transpileStore } from '../../rigs/transpiled-engine.js';

const modules = temporaryFolder();
let script = '';

/** A process that runs the stages given by name, a given number of rounds, and says so after each. */
const PROGRAM = `
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from './engine/store/file-store.js';
import { stageKey } from './engine/key.js';
import { sealArtifact } from './engine/artifact-seal.js';
const [directory, rounds, ...names] = process.argv.slice(2);
const store = await openStore(directory, { mode: 'read-write' });
process.stdout.write('open\\n');
for (let round = 0; round < Number(rounds); round += 1) {
  for (const name of names) {
    const staging = await store.createStaging(name);
    const files = [];
    for (const [i, content] of ['shared'.repeat(20000), name.repeat(50000)].entries()) {
      const path = join(staging, 'f' + i);
      writeFileSync(path, content);
      files.push({ name: 'f' + i, ...(await store.putFile(path)) });
    }
    const material = { format: 1, type: 'test.stage', version: 1, code: null, params: { name }, inputs: {}, externals: {}, services: {}, seed: null };
    const outputs = { out: sealArtifact({ type: 'Test', files, restricted: false }) };
    const made = { at: '2026-11-23T00:00:00.000Z', durationMs: 1, host: 'test', software: {} };
    await store.publish({ format: 1, key: stageKey(material), material, outputs, metrics: {}, made });
    await store.discardStaging(staging);
    process.stdout.write('done ' + name + '\\n');
  }
}
await store.close();
`;

beforeAll(() => {
  transpileStore(modules.path);
  script = join(modules.path, 'program.js');
  writeFileSync(script, PROGRAM);
});
afterAll(() => modules[Symbol.dispose]());

interface Child {
  readonly process: ChildProcess;
  output: string;
  readonly exit: Promise<{ code: number | null; signal: string | null; errors: string }>;
}

function start(directory: string, rounds: number, names: readonly string[]): Child {
  const process_ = spawn(process.execPath, [script, directory, String(rounds), ...names], { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  process_.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const exit = once(process_, 'close').then(([code, signal]) => ({ code: code as number | null, signal: signal as string | null, errors }));
  const child: Child = { process: process_, output: '', exit };
  process_.stdout.on('data', (chunk: Buffer) => (child.output += chunk.toString()));
  return child;
}

const NAMES = ['a', 'b', 'c'];
const FINISHED = new Set(NAMES.map((name) => keyOf(name)));

describe('several processes', () => {
  test('two writers of one key both succeed, with a gc in a loop beside them', async () => {
    await using rig = new StoreRig();
    const children = [start(rig.directory, 8, NAMES), start(rig.directory, 8, [...NAMES].reverse())];
    let running = true;
    const exits = Promise.all(children.map((child) => child.exit)).finally(() => (running = false));
    let collections = 0;
    while (running) {
      await collectGarbage(rig.directory, { dryRun: false, graceMs: 0, maxBytes: 0 });
      collections += 1;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (const { code, errors } of await exits) expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(collections).toBeGreaterThan(1);
    const store = await rig.open();
    for (const key of FINISHED) expect(await store.lookup(key)).toBeDefined();
    await store.close();
    await assertStoreInvariants(rig.directory, { finished: FINISHED });
  });

  test('two stores in one process that write the same things at once both succeed', async () => {
    await using rig = new StoreRig();
    const stores = await Promise.all([rig.open(), rig.open(), rig.open()]);
    for (let round = 0; round < 10; round += 1) {
      const records = await Promise.all(stores.map((store) => runStage(store, `r${round}`, ['shared', `own ${round}`])));
      expect(records[1]).toEqual(records[0]);
      expect(await stores[0]?.lookup(keyOf(`r${round}`))).toEqual(records[0]);
    }
    for (const store of stores) await store.close();
    await assertStoreInvariants(rig.directory);
  });

  test('killed at 12 random moments while storing: what it acknowledged is there, and the next run goes on', async () => {
    await using rig = new StoreRig();
    const random = new Random('kills');
    for (let kill = 0; kill < 12; kill += 1) {
      const child = start(rig.directory, 1000, NAMES);
      while (!child.output.includes('open') && child.process.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 2));
      await new Promise((resolve) => setTimeout(resolve, random.uniform(0, 60)));
      child.process.kill('SIGKILL');
      expect((await child.exit).signal).toBe('SIGKILL');
      const store = await rig.open();
      for (const name of NAMES) if (child.output.includes(`done ${name}\n`)) expect(await store.lookup(keyOf(name))).toBeDefined();
      await store.close();
    }
    const leases = readdirSync(join(rig.directory, 'leases')).filter((name) => name.endsWith('.json'));
    expect(leases).toHaveLength(12);
    const summary = await collectGarbage(rig.directory, { dryRun: false });
    expect(summary.removed.leases.count).toBe(12);
    expect(readdirSync(join(rig.directory, 'leases'))).toEqual([]);
    expect(readdirSync(join(rig.directory, 'staging'))).toEqual([]);
    const last = await start(rig.directory, 1, NAMES).exit;
    expect(last).toMatchObject({ code: 0, errors: '' });
    await assertStoreInvariants(rig.directory, { finished: FINISHED });
  });

  test('a living process keeps its staging folder through a gc, a killed one does not', async () => {
    await using rig = new StoreRig();
    const child = start(rig.directory, 100_000, NAMES);
    while (!child.output.includes('done')) await new Promise((resolve) => setTimeout(resolve, 2));
    child.process.kill('SIGSTOP');
    const folder = join(rig.directory, 'staging');
    mkdirSync(folder, { recursive: true });
    const before = readdirSync(folder);
    await collectGarbage(rig.directory, { dryRun: false, graceMs: 0 });
    expect(readdirSync(folder)).toEqual(before);
    child.process.kill('SIGKILL');
    await child.exit;
    await collectGarbage(rig.directory, { dryRun: false, graceMs: 0 });
    expect(readdirSync(folder)).toEqual([]);
  });
});
