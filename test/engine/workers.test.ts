import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PipelineRig } from '../rigs/pipeline-rig.js';

const ONE = '  w: { type: fake.work, params: { label: w } }\n  after: { type: fake.inline, params: { label: after }, inputs: { a: "${stages.w}" } }\n  other: { type: fake.work, params: { label: other } }\n';

describe('worker processes', () => {
  test.each([
    ['crash', 'signal SIGABRT', /memory ran out/],
    ['kill', 'signal SIGKILL', /memory ran out/],
    ['exit', 'exit code 3', /log of the stage/],
  ])('a worker that ends by %s fails its stage, not the run', async (what, found, hint) => {
    await using rig = PipelineRig.create();
    rig.pipeline(ONE);
    rig.want(`${what}-w`);
    const { summary } = await rig.run({ keepGoing: true, jobs: 1 });
    expect(rig.words(summary)).toEqual({ w: 'failed', after: 'blocked', other: 'ran' });
    const error = summary.failures[0]?.error;
    expect(error).toMatchObject({ code: 'E_STAGE_CRASHED', message: '"w" ended with its worker process', facts: { expected: 'an answer', found } });
    expect(error?.hint).toMatch(hint);
    if (what === 'exit') expect(error?.facts['last output']).toContain('last words');
    rig.release(`${what}-w`);
    expect(rig.words((await rig.run()).summary)).toEqual({ w: 'ran', after: 'ran', other: 'restored' });
  });

  test('a worker that cannot start fails its stage with what it said', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(ONE);
    const { summary } = await rig.run({ workerEntry: rig.path('no-such-worker.js'), keepGoing: true });
    expect(rig.words(summary)).toEqual({ w: 'failed', after: 'blocked', other: 'failed' });
    expect(summary.failures[0]?.error.code).toBe('E_STAGE_CRASHED');
    expect(summary.failures[0]?.error.facts['last output']).toContain('Cannot find module');
  });

  test('a process is used again, and its services are made once per set', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(['one', 'two', 'three'].map((label) => `  ${label}: { type: fake.serviced, params: { label: ${label} } }\n`).join(''));
    await rig.run({ jobs: 1 });
    expect(rig.lines('service made')).toHaveLength(1);
    expect(rig.lines('service made')[0]).toMatch(/threads 2$/);
    const uses = rig.lines('serviced').map((line) => line.split(' '));
    expect(new Set(uses.map((words) => words[2])).size).toBe(1);
    expect(uses.map((words) => words[4])).toEqual(['1', '2', '3']);
  });

  test('a service of another numeric family than the key says is refused', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline('  s: { type: fake.serviced, params: { label: s } }\n');
    const { summary } = await rig.run({ env: { PIPELINE_RIG_IDENTITY: 'counter-2' } });
    expect(summary.failures[0]?.error).toMatchObject({ code: 'E_ENVIRONMENT', facts: { expected: 'counter-1', found: 'counter-2' } });
    expect(rig.files('records')).toEqual([]);
  });

  test('code of another version than the manifest says is refused', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(ONE);
    const { summary } = await rig.run({ versions: { 'fake.work': 2 }, workerVersions: {} });
    expect(summary.failures[0]?.error).toMatchObject({ code: 'E_ENVIRONMENT', facts: { expected: 'fake.work version 2', found: 'fake.work version 1' } });
  });

  test('what a stage logs and prints is in its log and among the events; NODE_OPTIONS does not reach it', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(ONE);
    rig.want('print-w');
    const { summary, events } = await rig.run({ env: { NODE_OPTIONS: '--throw-deprecation' } });
    const log = readFileSync(join(summary.folder as string, 'logs', 'w.log'), 'utf8');
    expect(log.split('\n').filter((line) => line !== '').sort()).toEqual(['joining for w', 'printed by w']);
    expect(events).toContainEqual({ kind: 'stage.log', stage: 'w', level: 'info', text: 'printed by w' });
    expect(events).toContainEqual({ kind: 'stage.progress', stage: 'w', done: 1, total: 1 });
    expect(rig.control.lines().some((line) => line.startsWith('NODE_OPTIONS'))).toBe(false);
  });

  test('a stage that takes longer than its time fails with E_TIMEOUT, and its worker goes on to the next stage', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline('  w: { type: fake.work, params: { label: w }, resources: { time: 4 s } }\n  x: { type: fake.work, params: { label: x } }\n');
    rig.want('hold-w');
    const { summary } = await rig.run({ keepGoing: true, jobs: 1 });
    expect(rig.words(summary)).toEqual({ w: 'failed', x: 'ran' });
    expect(summary.failures[0]?.error).toMatchObject({ code: 'E_TIMEOUT', facts: { expected: 'at most 4 s' } });
    const pids = rig.lines('run').map((line) => line.split(' ')[2]);
    expect(pids[0]).toBe(pids[1]);
  });

  test('a stage that does not listen to its abort is killed after the grace', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline('  w: { type: fake.work, params: { label: w }, resources: { time: 4 s } }\n');
    rig.want('hold-w', 'deaf-w');
    const { summary } = await rig.run();
    expect(summary.failures[0]?.error.code).toBe('E_TIMEOUT');
    expect(summary.durationMs).toBeGreaterThan(8900);
    expect(summary.durationMs).toBeLessThan(20_000);
    const pid = Number(rig.lines('run')[0]?.split(' ')[2]);
    expect(() => process.kill(pid, 0)).toThrow();
  });

  test('cancelling aborts what runs, blocks the rest and keeps what was finished', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(`
  done: { type: fake.inline, params: { label: done } }
  w: { type: fake.work, params: { label: w }, inputs: { a: '\${stages.done}' } }
  after: { type: fake.inline, params: { label: after }, inputs: { a: '\${stages.w}' } }
`);
    rig.want('hold-w');
    const controller = new AbortController();
    const running = rig.run({ signal: controller.signal });
    await rig.until(() => rig.runs('w') === 1);
    controller.abort();
    const { summary, events } = await running;
    expect(rig.words(summary)).toEqual({ done: 'ran', w: 'failed', after: 'blocked' });
    expect(summary.outcome).toBe('cancelled');
    expect(summary.failures[0]?.error.code).toBe('E_CANCELLED');
    expect(events.at(-1)).toMatchObject({ kind: 'run.finished', outcome: 'cancelled' });
    rig.release('hold-w');
    expect(rig.words((await rig.run()).summary)).toEqual({ done: 'restored', w: 'ran', after: 'ran' });
  });

  test('a run that is cancelled before it starts runs nothing', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(ONE);
    const { summary } = await rig.run({ signal: AbortSignal.abort() });
    expect(summary).toMatchObject({ outcome: 'cancelled', counts: { ran: 0, failed: 0, blocked: 3 } });
  });

  test('stages run side by side as far as the cores reach, and one that asks for more than there are is given all of them', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(`
  x: { type: fake.work, params: { label: x } }
  y: { type: fake.work, params: { label: y } }
  wide: { type: fake.wide, params: { label: wide } }
`);
    rig.want('hold-x', 'hold-y');
    const running = rig.run({ cpus: 2 });
    await rig.until(() => rig.runs('x') === 1 && rig.runs('y') === 1);
    expect(rig.runs('wide')).toBe(0);
    rig.release('hold-x', 'hold-y');
    expect(rig.words((await running).summary)).toEqual({ x: 'ran', y: 'ran', wide: 'ran' });
  });
});

describe('memo', () => {
  test('a stage that was killed half way finds its finished chunks again', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline('  m: { type: fake.memo, params: { label: m, chunks: [p, q, r, p], pad: 5000 } }\n');
    rig.want('hold-m-q', 'kill-m-q');
    const running = rig.run();
    await rig.until(() => rig.runs('m-q') === 1);
    rig.release('hold-m-q');
    expect((await running).summary.failures[0]?.error.code).toBe('E_STAGE_CRASHED');
    expect(rig.lines('chunk')).toEqual(['chunk p', 'chunk q']);
    rig.release('kill-m-q');
    const { summary } = await rig.run();
    expect(rig.lines('chunk')).toEqual(['chunk p', 'chunk q', 'chunk r']);
    expect(summary.record.stages[0]?.metrics).toEqual({ restored: 3 });
    expect(rig.lines('resumed')).toEqual(['resumed m after q']);
    expect(rig.files('checkpoints')).toEqual([]);
  });

  test('another version of the type never meets an old value', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline('  m: { type: fake.memo, params: { label: m, chunks: [p] } }\n');
    await rig.run();
    await rig.run({ versions: { 'fake.memo': 2 } });
    expect(rig.lines('chunk')).toEqual(['chunk p', 'chunk p']);
  });

  test('a checkpoint folder is gone after success', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline('  m: { type: fake.memo, params: { label: m, chunks: [p] } }\n');
    await rig.run();
    expect(rig.files('checkpoints')).toEqual([]);
  });
});
