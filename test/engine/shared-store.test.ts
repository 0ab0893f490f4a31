import { once } from 'node:events';
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import type { RunEvent } from '../../src/engine/events.js';
import { PipelineRig } from '../rigs/pipeline-rig.js';
import { assertStoreInvariants } from '../rigs/store-invariants.js';

const PROCESSES = 8;
const LABELS = ['a', 'b', 'c', 'd', 'e', 'f'];
/** Two chains that meet, inline and in workers. */
const PIPELINE = `
  a: { type: fake.inline, params: { label: a, text: A, pad: 5000 } }
  b: { type: fake.work, params: { label: b, text: B, pad: 5000 }, inputs: { a: '\${stages.a}' } }
  c: { type: fake.inline, params: { label: c, text: C }, inputs: { a: '\${stages.a}' } }
  d: { type: fake.work, params: { label: d, text: D }, inputs: { a: '\${stages.b}', b: '\${stages.c}' } }
  e: { type: fake.inline, params: { label: e, text: E, pad: 5000 }, inputs: { a: '\${stages.d}' } }
  f: { type: fake.work, params: { label: f, text: F } }
`;

async function endOf(child: ChildProcess): Promise<{ code: number | null; summary: { counts: Record<string, number>; outcome: string } | undefined }> {
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, summary: output === '' ? undefined : JSON.parse(output) };
}

describe('several processes on one store', { timeout: 120_000 }, () => {
  test('eight runs at once compute each stage once, and all succeed', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(PIPELINE);
    const ends = await Promise.all(Array.from({ length: PROCESSES }, () => endOf(rig.spawnRun())));
    let ran = 0;
    for (const { code, summary } of ends) {
      expect(code).toBe(0);
      expect(summary).toMatchObject({ outcome: 'succeeded', counts: { failed: 0, blocked: 0 } });
      ran += summary?.counts['ran'] ?? 0;
    }
    expect(Object.fromEntries(LABELS.map((label) => [label, rig.runs(label)]))).toEqual(Object.fromEntries(LABELS.map((label) => [label, 1])));
    expect(ran).toBe(LABELS.length);
    expect(readdirSync(join(rig.storeDirectory, 'claims'))).toEqual([]);
    await assertStoreInvariants(rig.storeDirectory);
  });

  test('a run whose stage another process computes waits for it without holding cores, and is restored', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(`
  slow: { type: fake.work, params: { label: slow } }
  other: { type: fake.work, params: { label: other } }
`);
    rig.want('hold-slow');
    const first = rig.spawnRun();
    const end = endOf(first);
    await rig.until(() => rig.runs('slow') === 1 && rig.files('records').some((path) => path.endsWith('.json')));
    rmSync(join(rig.storeDirectory, 'records'), { recursive: true }); // so that there is something to do beside waiting
    const events: RunEvent[] = [];
    const second = rig.run({ cpus: 1, onEvent: (event) => events.push(event) });
    await rig.until(() => events.some(({ kind }) => kind === 'stage.waiting') && rig.runs('other') === 2);
    expect(events.find(({ kind }) => kind === 'stage.waiting')).toMatchObject({ stage: 'slow', holder: { pid: first.pid, readable: true, about: expect.stringMatching(/^run \d{8}-.*, stage slow$/) } });
    rig.release('hold-slow');
    const { summary } = await second;
    expect(rig.words(summary)).toEqual({ slow: 'restored', other: 'ran' });
    expect(rig.runs('slow')).toBe(1);
    expect((await end).code).toBe(0);
  });

  test('a run whose stage another process was computing when it was killed computes it itself', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline('  slow: { type: fake.work, params: { label: slow } }\n');
    rig.want('hold-slow');
    const first = rig.spawnRun();
    await rig.until(() => rig.runs('slow') === 1);
    const events: RunEvent[] = [];
    const second = rig.run({ onEvent: (event) => events.push(event) });
    await rig.until(() => events.some(({ kind }) => kind === 'stage.waiting'));
    process.kill(-(first.pid as number), 'SIGKILL');
    await rig.until(() => rig.runs('slow') === 2);
    rig.release('hold-slow');
    expect(rig.words((await second).summary)).toEqual({ slow: 'ran' });
    expect(readdirSync(join(rig.storeDirectory, 'claims'))).toEqual([]);
  });

  test('a run whose stage another process has failed to compute tries it itself', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline('  slow: { type: fake.work, params: { label: slow } }\n');
    rig.want('hold-slow', 'fail-slow');
    const first = rig.run();
    await rig.until(() => rig.runs('slow') === 1);
    const events: RunEvent[] = [];
    const second = rig.run({ onEvent: (event) => events.push(event) });
    await rig.until(() => events.some(({ kind }) => kind === 'stage.waiting'));
    rig.release('hold-slow');
    expect(rig.words((await first).summary)).toEqual({ slow: 'failed' });
    expect(rig.words((await second).summary)).toEqual({ slow: 'failed' });
    expect(rig.runs('slow')).toBe(2);
  });

  test('a run that waits ends at once when it is cancelled, and when another of its stages fails', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(`
  slow: { type: fake.work, params: { label: slow } }
  bad: { type: fake.inline, params: { label: bad }, inputs: { a: '\${stages.gate}' } }
  gate: { type: fake.inline, params: { label: gate } }
`);
    rig.want('hold-slow');
    const first = rig.run();
    await rig.until(() => rig.runs('slow') === 1);
    const stop = new AbortController();
    const onEvent = (event: RunEvent): void => {
      if (event.kind === 'stage.waiting') stop.abort();
    };
    const cancelled = await rig.run({ signal: stop.signal, onEvent });
    expect(cancelled.summary.outcome).toBe('cancelled');
    expect(rig.words(cancelled.summary)).toMatchObject({ slow: 'blocked' });
    rig.want('fail-bad');
    const failed = await rig.run({ force: (stage) => stage === 'bad' });
    expect(rig.words(failed.summary)).toMatchObject({ slow: 'blocked', bad: 'failed' });
    rig.release('hold-slow', 'fail-bad');
    expect((await first).summary.outcome).toBe('succeeded');
  });

  test('a forced stage does not wait for another process that computes it', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline('  slow: { type: fake.work, params: { label: slow } }\n');
    rig.want('hold-slow');
    const first = rig.run();
    await rig.until(() => rig.runs('slow') === 1);
    const second = rig.run({ force: () => true });
    await rig.until(() => rig.runs('slow') === 2);
    rig.release('hold-slow');
    expect(rig.words((await first).summary)).toEqual({ slow: 'ran' });
    expect(rig.words((await second).summary)).toEqual({ slow: 'ran' });
  });

  test('a store that is removed while a run uses it is made again, and the run succeeds', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(PIPELINE);
    rig.want('hold-d');
    const running = rig.run();
    await rig.until(() => rig.runs('d') === 1);
    rmSync(rig.storeDirectory, { recursive: true, force: true });
    rig.release('hold-d');
    const { summary } = await running;
    // The stage that was running has lost its folder; whatever has not yet begun finds its inputs gone and has them made again.
    expect(['succeeded', 'failed']).toContain(summary.outcome);
    for (const { error } of summary.failures) expect(error.code).toMatch(/^E_/);
    const again = await rig.run();
    expect(again.summary.outcome).toBe('succeeded');
    await assertStoreInvariants(rig.storeDirectory);
  });
});

describe('a stage that is not deterministic', () => {
  const CHAIN = `
  a: { type: fake.inline, params: { label: a, text: A, pad: 5000 } }
  b: { type: fake.work, params: { label: b, text: B }, inputs: { a: '\${stages.a}' } }
`;

  test('is found by a check, and what is stored stands', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    rig.want('dice-a');
    const first = await rig.run();
    const objects = rig.files('objects');
    const checked = await rig.run({ checkDeterminism: () => true });
    expect(rig.words(checked.summary)).toEqual({ a: 'restored', b: 'restored' });
    expect(rig.digests(checked.summary)).toEqual(rig.digests(first.summary));
    expect([rig.runs('a'), rig.runs('b')]).toEqual([2, 2]);
    const [a, b] = checked.summary.record.stages;
    expect(b?.differs).toBeUndefined();
    expect(a?.differs).toMatchObject({ cause: 'check', stands: 'stored', files: [{ output: 'out', name: 'text.txt', stored: expect.any(String), now: expect.any(String) }] });
    const [evidence] = rig.files('evidence');
    expect(JSON.parse(readFileSync(evidence as string, 'utf8'))).toMatchObject({ key: a?.key, stage: 'a', type: 'fake.inline', cause: 'check', files: a?.differs?.files });
    expect((await rig.run()).summary.counts).toMatchObject({ restored: 2, ran: 0 });
    expect(rig.files('objects')).toEqual(objects);
    await assertStoreInvariants(rig.storeDirectory);
  });

  test('is not made up: a stage that gives the same bytes passes the check, also one that kept values inside', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(`${CHAIN}  m: { type: fake.memo, params: { label: m, chunks: [x, y], pad: 5000 } }\n`);
    await rig.run();
    const { summary } = await rig.run({ checkDeterminism: (stage) => stage === 'm' });
    expect(summary.record.stages.map(({ differs }) => differs)).toEqual([undefined, undefined, undefined]);
    expect([rig.runs('a'), rig.runs('m')]).toEqual([1, 2]);
    expect(rig.lines('chunk')).toEqual(['chunk x', 'chunk y', 'chunk x', 'chunk y']); // nothing that the first run kept was used
  });

  test('that is forced is replaced, and the evidence is kept', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    rig.want('dice-a');
    await rig.run();
    const forced = await rig.run({ force: (stage) => stage === 'a' });
    expect(forced.events.find(({ kind }) => kind === 'stage.differs')).toMatchObject({ stage: 'a', cause: 'forced', stands: 'new' });
    expect(rig.digests((await rig.run()).summary)).toEqual(rig.digests(forced.summary));
    expect(rig.files('evidence')).toHaveLength(1);
  });

  test('that two processes computed at once has one result for both: that of the first', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    rig.want('dice-a', 'hold-a');
    const first = rig.run();
    await rig.until(() => rig.runs('a') === 1);
    rmSync(join(rig.storeDirectory, 'claims'), { recursive: true });
    // A claim that cannot be written leaves the second without one: both compute.
    rig.write({ 'cache/claims': 'a file in the way' });
    const second = rig.run();
    await rig.until(() => rig.runs('a') === 2);
    rig.release('hold-a');
    const [one, two] = [await first, await second];
    expect(rig.digests(two.summary)).toEqual(rig.digests(one.summary));
    const differing = [...one.events, ...two.events].filter(({ kind }) => kind === 'stage.differs');
    expect(differing).toEqual([expect.objectContaining({ stage: 'a', cause: 'race', stands: 'stored' })]);
    expect(rig.files('records')).toHaveLength(2);
  });
});
