import { describe, expect, test } from 'vitest';
import { ERROR_CODES } from '../../src/core/errors.js';
import type { RunEvent } from '../../src/engine/events.js';
import type { RetryPolicy } from '../../src/engine/plan.js';
import { delayBefore, retryKind } from '../../src/engine/retries.js';
import { PipelineRig } from '../rigs/pipeline-rig.js';
import { load, pipeline, stageOf } from '../rigs/plan-rig.js';

const stage = (retries: string, type = 'fake.work', more = ''): string => `  a: { type: ${type}, params: { label: a }, retries: ${retries}${more} }\n  b: { type: fake.inline, inputs: { a: "\${stages.a}" }, params: { label: b } }\n`;
const retrying = (events: readonly RunEvent[]) => events.flatMap((event) => (event.kind === 'stage.retrying' ? [`${event.attempt} of ${event.of} ${event.error.code} ${event.delayMs}`] : []));

/** Runs with something wrong that goes away when the given attempt has failed. */
async function mended(rig: PipelineRig, what: string, after: number) {
  rig.want(what);
  return rig.run({ onEvent: (event) => event.kind === 'stage.retrying' && event.attempt === after && rig.release(what) });
}

describe('a failure that goes away', () => {
  test.each([
    ['a bug', 'bug-a', 'BUG'],
    ['a process that dies', 'kill-a', 'E_STAGE_CRASHED'],
    ['a process that leaves', 'exit-a', 'E_STAGE_CRASHED'],
  ])('%s: the stage is tried again until it succeeds', async (_, what, code) => {
    await using rig = PipelineRig.create();
    rig.pipeline(stage('{ times: 3, delay: 0.01 s }'));
    const { summary, events } = await mended(rig, what, 2);
    expect(rig.words(summary)).toEqual({ a: 'ran', b: 'ran' });
    expect(retrying(events)).toEqual([`1 of 4 ${code} 10`, `2 of 4 ${code} 20`]);
    expect(rig.runs('a')).toBe(3);
    expect(summary.record.stages.map(({ attempts }) => attempts)).toEqual([3, undefined]);
    expect(events.filter(({ kind }) => kind === 'stage.started')).toHaveLength(2);
  });

  test('a stage in this process, and one that ran into its time, which each attempt has anew', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(stage('{ times: 1, delay: 0.01 s }', 'fake.inline'));
    expect(retrying((await mended(rig, 'bug-a', 1)).events)).toEqual(['1 of 2 BUG 10']);
    rig.pipeline(stage('{ times: 2, delay: 0.01 s, on: [timeout] }', 'fake.inline', ', resources: { time: 0.3 s }').replace('label: a', 'label: a, text: slow'));
    const { summary, events } = await mended(rig, 'hold-a', 1);
    expect(rig.words(summary)).toEqual({ a: 'ran', b: 'ran' });
    expect(retrying(events)).toEqual(['1 of 3 E_TIMEOUT 10']);
  });

  test('the attempts are in no key: what needed three is restored by a file that has no retries', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(stage('{ times: 3, delay: 0.01 s }'));
    await mended(rig, 'bug-a', 2);
    rig.pipeline(stage('0'));
    expect(rig.words((await rig.run()).summary)).toEqual({ a: 'restored', b: 'restored' });
  });

  test('what an attempt kept is taken up by the next', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline('  a: { type: fake.memo, params: { label: a, chunks: [x, y] }, retries: { times: 1, delay: 0.01 s } }\n');
    rig.want('hold-a-y', 'bug-a-y');
    const running = rig.run({ onEvent: (event) => event.kind === 'stage.retrying' && rig.release('bug-a-y') });
    await rig.until(() => rig.lines('run').some((line) => line.startsWith('run a-y ')));
    rig.release('hold-a-y');
    const { summary } = await running;
    expect(rig.words(summary)).toEqual({ a: 'ran' });
    expect(rig.lines('chunk')).toEqual(['chunk x', 'chunk y']);
    expect(rig.lines('resumed')).toEqual(['resumed a after y']);
  });
});

describe('a failure that stays', () => {
  test('is the error of the last attempt, blocks what needs the stage, and leaves nothing in the store', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(stage('{ times: 2, delay: 0.01 s }'));
    rig.want('bug-a');
    const { summary, events } = await rig.run();
    expect(rig.words(summary)).toEqual({ a: 'failed', b: 'blocked' });
    expect(summary.record.stages[0]).toMatchObject({ attempts: 3, error: { code: 'BUG' } });
    expect(retrying(events)).toHaveLength(2);
    expect(rig.files('records')).toEqual([]);
    expect(rig.files('runs').some((path) => path.includes('logs/a'))).toBe(true);
  });

  test('bad data are not tried again, unless they are asked for', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(stage('{ times: 2, delay: 0.01 s }'));
    rig.want('fail-a');
    await rig.run();
    expect(rig.runs('a')).toBe(1);
    rig.pipeline(stage('{ times: 2, delay: 0.01 s, on: [data] }'));
    await rig.run();
    expect(rig.runs('a')).toBe(4);
  });

  test('a kind that is not listed is not tried again', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(stage('{ times: 2, delay: 0.01 s, on: [timeout, error] }'));
    rig.want('kill-a');
    await rig.run();
    expect(rig.runs('a')).toBe(1);
  });

  test('Ctrl-C ends the waiting at once', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(stage('{ times: 2, delay: 30 min }'));
    rig.want('bug-a');
    const controller = new AbortController();
    const { summary } = await rig.run({ signal: controller.signal, onEvent: (event) => event.kind === 'stage.retrying' && setTimeout(() => controller.abort(), 50) });
    expect(summary.outcome).toBe('cancelled');
    expect(summary.failures.map(({ error }) => error.code)).toEqual(['E_CANCELLED']);
    expect(rig.runs('a')).toBe(1);
  });

  test('so does the failure of another stage, and then the stage failed by its own error', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(`${stage('{ times: 2, delay: 30 min }')}  c: { type: fake.work, params: { label: c } }\n`);
    rig.want('bug-a', 'hold-c', 'fail-c');
    const { summary } = await rig.run({ onEvent: (event) => event.kind === 'stage.retrying' && rig.release('hold-c') });
    expect(rig.words(summary)).toEqual({ a: 'failed', b: 'blocked', c: 'failed' });
    expect(summary.failures.map(({ error }) => error.code)).toEqual(['BUG', 'E_DATA']);
  });

  test('while one waits, others run on its cores', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(`  a: { type: fake.wide, params: { label: a }, retries: { times: 1, delay: 0.4 s } }\n  c: { type: fake.wide, params: { label: c } }\n`);
    const { summary, events } = await mended(rig, 'bug-a', 1);
    expect(rig.words(summary)).toEqual({ a: 'ran', c: 'ran' });
    const at = (kind: string, name: string): number => events.findIndex((event) => event.kind === kind && 'stage' in event && event.stage === name);
    expect(at('stage.ran', 'c')).toBeLessThan(at('stage.ran', 'a'));
  });
});

describe('what is worth another attempt', () => {
  const policy: RetryPolicy = { times: 10, delayMs: 1000, on: ['crash', 'timeout', 'error'] };

  test('the delay doubles, up to an hour, and ends with the attempts', () => {
    expect(Array.from({ length: 11 }, (_, i) => delayBefore(policy, i + 1, { code: 'BUG' }))).toEqual([1e3, 2e3, 4e3, 8e3, 16e3, 32e3, 64e3, 128e3, 256e3, 512e3, undefined]);
    expect(delayBefore({ ...policy, times: 100 }, 60, { code: 'BUG' })).toBe(3_600_000);
    expect(delayBefore(undefined, 1, { code: 'BUG' })).toBeUndefined();
  });

  test('every code has its kind', () => {
    const of = (kind: string | undefined): string[] => (Object.keys(ERROR_CODES) as (keyof typeof ERROR_CODES)[]).filter((code) => retryKind({ code }) === kind);
    expect(of('crash')).toEqual(['E_STAGE_CRASHED']);
    expect(of('timeout')).toEqual(['E_TIMEOUT']);
    expect(of('data')).toEqual(['E_FORMAT', 'E_DATA', 'E_GRAPH', 'E_NOT_DIFFERENTIABLE', 'E_OPERATOR', 'E_OUTPUT_MISSING', 'E_NOT_CONVERGED', 'E_LEAK']);
    expect(of('error')).toContain('E_RUNTIME');
    expect(of(undefined)).toEqual(expect.arrayContaining(['E_CANCELLED', 'E_INPUT_CHANGED', 'E_EXTERNAL_MISSING', 'E_ENVIRONMENT', 'E_SERVICE_MISSING', 'E_NO_SPACE', 'E_USAGE']));
  });
});

test.each([
  ['2', { times: 2, delayMs: 1000, on: ['crash', 'timeout', 'error'] }],
  ['{ times: 2, delay: 10 s }', { times: 2, delayMs: 10_000, on: ['crash', 'timeout', 'error'] }],
  ['{ times: "${params.n}", on: [crash] }', { times: 3, delayMs: 1000, on: ['crash'] }],
  ['"${params.n}"', { times: 3, delayMs: 1000, on: ['crash', 'timeout', 'error'] }],
  ['0', undefined],
])('retries: %s is %j', (text, expected) => {
  expect(stageOf(load(pipeline(`  a: { type: fake.simulate, retries: ${text} }\n`, 'params: { n: 3 }\n')), 'a').retries).toEqual(expected);
});
