import { describe, expect, test } from 'vitest';
import { execute } from '../../src/engine/execute.js';
import { createWorkerPool } from '../../src/engine/pool.js';
import type { StageSelection } from '../../src/engine/run-request.js';
import { LEFT_OUT, selectRun } from '../../src/engine/run-selection.js';
import { planStatus } from '../../src/engine/status.js';
import { openStore } from '../../src/engine/store/file-store.js';
import { compiledRig } from '../rigs/pipeline/compiled.js';
import { PipelineRig } from '../rigs/pipeline-rig.js';

/** a → b[n] → c[n] → d, and e by itself. */
const STAGES = `  a: { type: fake.inline, params: { label: a, text: "\${params.text}" } }
  b: { type: fake.inline, matrix: { n: [1, 2] }, inputs: { a: "\${stages.a}" }, params: { label: "b\${matrix.n}", text: "b\${matrix.n}" } }
  c: { type: fake.inline, matrix: { n: [1, 2] }, inputs: { a: "\${stages.b}" }, params: { label: "c\${matrix.n}" } }
  d: { type: fake.gather, inputs: { texts: "\${stages.c}" }, params: { label: d } }
  e: { type: fake.inline, params: { label: e, text: e } }
`;

function project(): PipelineRig {
  const rig = PipelineRig.create();
  rig.pipeline(STAGES, 'params: { text: x }\n');
  return rig;
}

/** Words of the stages in a run of this selection, shortened: `a ran, b1 …`. */
async function run(rig: PipelineRig, selection: StageSelection, set: readonly string[] = [], force?: (stage: string) => boolean) {
  const { plan, registry } = rig.plan(set);
  const { plan: selected, mayRun } = selectRun(plan, selection);
  const store = await openStore(rig.storeDirectory, { mode: 'read-write' });
  const pool = createWorkerPool({ workerEntry: compiledRig('worker-entry') });
  try {
    const statuses = await planStatus(selected, { registry, store, mayRun });
    const summary = await execute(selected, { registry, store, pool, cpus: 2, memoryMb: 1000, ...(mayRun === undefined ? {} : { mayRun }), ...(force === undefined ? {} : { force }) });
    const short = (name: string): string => name.replace(/\[n=(\d)\]/, '$1');
    return {
      outcome: summary.outcome,
      words: summary.record.stages.map(({ name, word }) => `${short(name)} ${word}`).join(', '),
      answers: statuses.map(({ stage, answer }) => `${short(stage)} ${answer}`).join(', '),
      reasons: Object.fromEntries(summary.record.stages.map(({ name, reason }) => [short(name), reason])),
    };
  } finally {
    await pool.close();
    await store.close();
  }
}

describe('a selection', () => {
  test('of nothing is everything', async () => {
    await using rig = project();
    const { plan } = rig.plan();
    expect(selectRun(plan, {})).toEqual({ plan, mayRun: undefined });
    expect((await run(rig, {})).words).toBe('a ran, b1 ran, b2 ran, c1 ran, c2 ran, d ran, e ran');
  });

  test('until a stage runs it and what it needs; the rest is skipped', async () => {
    await using rig = project();
    const { words, answers, reasons } = await run(rig, { until: ['c[n=2]'] });
    expect(words).toBe('a ran, b1 skipped, b2 ran, c1 skipped, c2 ran, d skipped, e skipped');
    expect(answers).toBe('a run, b1 skipped, b2 maybe, c1 skipped, c2 maybe, d skipped, e skipped');
    expect(reasons['e']).toBe('not selected');
    expect((await run(rig, { until: ['b*', 'e'] })).words).toBe('a restored, b1 ran, b2 restored, c1 skipped, c2 skipped, d skipped, e ran');
  });

  test('only a stage: what it needs is taken from the cache', async () => {
    await using rig = project();
    await run(rig, { until: ['b'] });
    expect((await run(rig, { only: ['c'] })).words).toBe('a restored, b1 restored, b2 restored, c1 ran, c2 ran, d skipped, e skipped');
  });

  test('only a stage whose inputs are not in the cache is blocked with a reason, and plan says so before', async () => {
    await using rig = project();
    const { outcome, words, answers, reasons } = await run(rig, { only: ['c', 'e'] });
    expect(words).toBe('a blocked, b1 blocked, b2 blocked, c1 blocked, c2 blocked, d skipped, e ran');
    expect(answers).toBe('a blocked, b1 blocked, b2 blocked, c1 blocked, c2 blocked, d skipped, e run');
    expect(reasons['a']).toBe(LEFT_OUT);
    expect(reasons['c1']).toBe('blocked by a');
    expect([outcome, rig.runs('a')]).toEqual(['failed', 0]);
  });

  test('from a stage runs it and what comes after, and blocks what another input would need', async () => {
    await using rig = project();
    await run(rig, {});
    rig.pipeline(STAGES.replace('label: "c${matrix.n}"', 'label: "c${matrix.n}", text: new'), 'params: { text: x }\n');
    expect((await run(rig, { from: ['c[n=1]'] })).words).toBe('a restored, b1 restored, b2 restored, c1 ran, c2 blocked, d blocked, e skipped');
    expect((await run(rig, { from: ['c'] })).words).toBe('a restored, b1 restored, b2 restored, c1 restored, c2 ran, d ran, e skipped');
  });

  test('from and until together are what lies between', async () => {
    await using rig = project();
    await run(rig, {});
    const selection = { from: ['b'], until: ['c'] };
    expect((await run(rig, selection, ['stages.b.params.text=other'])).words).toBe('a restored, b1 ran, b2 ran, c1 ran, c2 ran, d skipped, e skipped');
    expect((await run(rig, selection, ['params.text=y'])).words).toBe('a blocked, b1 blocked, b2 blocked, c1 blocked, c2 blocked, d skipped, e skipped');
  });

  test('omit leaves out a stage and what needs it', async () => {
    await using rig = project();
    expect((await run(rig, { omit: ['c[n=2]'] })).words).toBe('a ran, b1 ran, b2 ran, c1 ran, c2 skipped, d skipped, e ran');
    expect((await run(rig, { until: ['d'], omit: ['e'] })).words).toBe('a restored, b1 restored, b2 restored, c1 restored, c2 ran, d ran, e skipped');
  });

  test('the result does not depend on how a run was cut into pieces', async () => {
    await using whole = project();
    await using pieces = project();
    const { summary } = await whole.run();
    for (const selection of [{ until: ['b[n=1]'] }, { until: ['c[n=2]'] }, { only: ['e'] }, { from: ['c'], until: ['c[n=2]'] }]) expect((await run(pieces, selection)).outcome).toBe('succeeded');
    const again = await pieces.run();
    expect(pieces.digests(again.summary)).toEqual(whole.digests(summary));
    expect(['a', 'b1', 'b2', 'c1', 'c2', 'e'].map((label) => pieces.runs(label))).toEqual([1, 1, 1, 1, 1, 1]);
  });

  test('that leaves nothing, contradicts itself, or names what is not there is refused', async () => {
    await using rig = project();
    const { plan } = rig.plan();
    const error = (selection: StageSelection): string => {
      try {
        selectRun(plan, selection);
        return 'none';
      } catch (thrown) {
        const { code, hint } = thrown as { code: string; hint: string };
        return `${code} ${hint}`;
      }
    };
    expect(error({ from: ['d'], until: ['e'] })).toBe('E_USAGE select other stages');
    expect(error({ until: ['d'], omit: ['a'] })).toBe('E_USAGE select other stages');
    expect(error({ only: ['a'], from: ['b'] })).toBe('E_USAGE remove one of them');
    expect(error({ until: ['f*'] })).toMatch(/^E_UNKNOWN_STAGE_NAME/);
    expect(error({ only: ['b[n=3]'] })).toMatch(/^E_UNKNOWN_STAGE_NAME/);
  });
});
