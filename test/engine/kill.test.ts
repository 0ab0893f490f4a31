import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/core/random.js';
import { listRuns } from '../../src/engine/run-history.js';
import { PipelineRig } from '../rigs/pipeline-rig.js';
import { assertStoreInvariants } from '../rigs/store-invariants.js';

const STAGES = `
  a: { type: fake.inline, params: { label: a, text: A, pad: 300000 } }
  b: { type: fake.work, params: { label: b, text: B, pad: 300000 }, inputs: { a: '\${stages.a}' } }
  m: { type: fake.memo, params: { label: m, chunks: [p, q, r], pad: 100000 }, inputs: { a: '\${stages.b}' } }
  c: { type: fake.inline, params: { label: c, text: C, pad: 300000 }, inputs: { a: '\${stages.b}', b: '\${stages.m}' } }
`;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A process that has ended and that nobody has waited for yet is still in the table.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('kill -9', () => {
  test('a run that is killed at any moment leaves a cache that the next run uses correctly', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(STAGES);
    const expected = rig.digests((await rig.run({ mode: 'off' })).summary);
    const random = new Random('kill');
    for (let round = 0; round < 5; round += 1) {
      const child = rig.spawnRun();
      await sleep(200 + random.uniform(0, 1500));
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
    }
    const { summary } = await rig.run();
    expect(summary.outcome).toBe('succeeded');
    expect(rig.digests(summary)).toEqual(expected);
    await assertStoreInvariants(rig.storeDirectory);
  });

  test('killed while a stage runs: its worker leaves, the run counts as interrupted, finished stages are restored', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(STAGES);
    rig.want('hold-b');
    const child = rig.spawnRun();
    await rig.until(() => rig.runs('b') === 1);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const worker = Number(rig.lines('run').find((line) => line.startsWith('run b'))?.split(' ')[2]);
    await rig.until(() => !isAlive(worker));
    expect(listRuns(rig.storeDirectory).map(({ outcome }) => outcome)).toEqual(['interrupted']);
    rig.release('hold-b');
    expect(rig.words((await rig.run()).summary)).toEqual({ a: 'restored', b: 'ran', m: 'ran', c: 'ran' });
  });
});

test('two runs at the same time on one store both succeed', async () => {
  await using rig = PipelineRig.create();
  rig.pipeline(STAGES);
  const children = [rig.spawnRun(), rig.spawnRun()];
  const outputs = await Promise.all(children.map(async (child) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await once(child, 'close');
    return text;
  }));
  for (const output of outputs) expect(JSON.parse(output)).toMatchObject({ outcome: 'succeeded', counts: { failed: 0, blocked: 0 } });
  expect(rig.words((await rig.run()).summary)).toEqual({ a: 'restored', b: 'restored', m: 'restored', c: 'restored' });
  await assertStoreInvariants(rig.storeDirectory);
});
