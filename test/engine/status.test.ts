import { utimesSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { explainStage } from '../../src/engine/explain.js';
import { planStatus, type StatusOptions } from '../../src/engine/status.js';
import { openStore } from '../../src/engine/store/file-store.js';
import { PipelineRig } from '../rigs/pipeline-rig.js';

const CHAIN = `
  a: { type: fake.inline, params: { label: a, text: A } }
  b: { type: fake.inline, params: { label: b, text: B, pad: 1 }, inputs: { a: '\${stages.a}' } }
  c: { type: fake.inline, params: { label: c, text: C }, inputs: { a: '\${stages.b}' } }
  off: { type: fake.inline, when: false, params: { label: off } }
`;

async function ask<T>(rig: PipelineRig, question: (options: StatusOptions, plan: ReturnType<PipelineRig['plan']>['plan']) => Promise<T>, set: string[] = [], versions = {}): Promise<T> {
  const { plan, registry } = rig.plan(set, versions);
  const store = await openStore(rig.storeDirectory, { mode: 'read' });
  try {
    return await question({ registry, store }, plan);
  } finally {
    await store.close();
  }
}

const status = (rig: PipelineRig, set: string[] = [], versions = {}): Promise<string[]> =>
  ask(rig, async (options, plan) => (await planStatus(plan, options)).map(({ stage, answer, why }) => `${stage} ${answer}${why === '' ? '' : `: ${why}`}`), set, versions);
const explain = (rig: PipelineRig, stage: string, set: string[] = [], versions = {}) => ask(rig, (options, plan) => explainStage(plan, stage, options), set, versions);

describe('plan', () => {
  test('says hit, run or maybe for each stage, and the exact leaf that changed', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    expect(await status(rig)).toEqual(['a run: never run', 'b maybe: after "a"', 'c maybe: after "b"', 'off skipped: when: is false']);
    await rig.run();
    const loads = rig.lines('load').length;
    expect(await status(rig)).toEqual(['a hit', 'b hit', 'c hit', 'off skipped: when: is false']);
    expect(await status(rig, ['stages.b.params.pad=2'])).toEqual(['a hit', 'b run: params.pad 1 → 2', 'c maybe: after "b"', 'off skipped: when: is false']);
    expect(await status(rig, ['stages.b.params.pad=2', 'stages.b.params.text=Z'])).toContain('b run: params.pad 1 → 2 and 1 more');
    expect((await status(rig, [], { 'fake.inline': 2 }))[0]).toBe('a run: version 1 → 2');
    expect(rig.lines('load')).toHaveLength(loads);
  });

  test('says the same as the run that follows', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    await rig.run();
    const { summary } = await rig.run({ set: ['stages.b.params.text=new'] });
    expect(rig.words(summary)).toMatchObject({ a: 'restored', b: 'ran', c: 'ran' });
    expect(summary.record.stages[1]?.reason).toBe('params.text "B" → "new"');
    expect(summary.record.stages[2]?.reason).toBe('inputs.a changed');
  });

  test('does not read outside files that were never digested', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline("  s: { type: fake.source, params: { file: data.bin } }\n  a: { type: fake.inline, params: { label: a }, inputs: { a: '${stages.s}' } }\n");
    rig.write({ 'data.bin': 'content' });
    utimesSync(rig.path('data.bin'), 1_000_000, 1_000_000);
    expect(await status(rig)).toEqual(['s maybe: 1 outside file not yet digested', 'a maybe: after "s"']);
    await new Promise((resolve) => setTimeout(resolve, 2100)); // until the stamp counts as settled
    await rig.run();
    expect(await status(rig)).toEqual(['s hit', 'a hit']);
    rig.write({ 'data.bin': 'other' });
    expect((await status(rig))[0]).toBe('s maybe: 1 outside file not yet digested');
  });
});

describe('explain', () => {
  test('names every changed leaf and what it was compared with', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    const { summary } = await rig.run();
    const explanation = await explain(rig, 'b', ['stages.b.params.pad=2', 'stages.b.params.chunks=[p]']);
    expect(explanation).toMatchObject({ answer: 'run', against: { run: summary.id, key: summary.record.stages[1]?.key } });
    expect(explanation.changes).toEqual([
      { code: 'param', path: 'params.chunks', before: [], after: ['p'], text: 'params.chunks [] → ["p"]' },
      { code: 'param', path: 'params.pad', before: 1, after: 2, text: 'params.pad 1 → 2' },
    ]);
  });

  test('compares what is certain when something before the stage will run', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    await rig.run();
    const explanation = await explain(rig, 'b', ['stages.a.params.text=new', 'stages.b.params.pad=2']);
    expect(explanation).toMatchObject({ answer: 'maybe', undecided: ['a'] });
    expect(explanation.changes.map(({ text }) => text)).toEqual(['params.pad 1 → 2']);
  });

  test('a stage under a new name is compared with the nearest record of its type', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    await rig.run();
    rig.pipeline("  renamed: { type: fake.inline, params: { label: a, text: other } }\n");
    const explanation = await explain(rig, 'renamed');
    expect(explanation.changes.map(({ text }) => text)).toEqual(['params.text "A" → "other"']);
    expect(explanation.why).toBe('never run; nearest record: params.text "A" → "other"');
  });

  test('a failure and a lost record are told apart from a change', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    rig.want('fail-a');
    await rig.run();
    expect((await explain(rig, 'a')).why).toBe('it failed last time');
    const edited = await explain(rig, 'a', ['stages.a.params.pad=3']); // it never had a result, and yet it has run
    expect(edited).toMatchObject({ why: 'it failed last time; params.pad 0 → 3', changes: [{ path: 'params.pad' }] });
    rig.release('fail-a');
    const { summary } = await rig.run();
    rig.want('fail-a');
    await rig.run({ set: ['stages.a.params.pad=3'] });
    expect(await explain(rig, 'a', ['stages.a.params.pad=3'])).toMatchObject({ why: 'it failed last time; params.pad 0 → 3', changes: [{ path: 'params.pad' }], against: { run: summary.id } });
    expect((await explain(rig, 'a', ['stages.a.params.pad=4'])).why).toBe('params.pad 0 → 4');
    rig.release('fail-a');
    const store = await openStore(rig.storeDirectory, { mode: 'read-write' });
    await store.dropRecord(summary.record.stages[0]?.key as never);
    await store.close();
    expect((await explain(rig, 'a')).why).toBe('its record is gone');
  });

  test('a run that was cancelled leaves the reason as it was', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline('  x: { type: fake.work, params: { label: x } }\n  y: { type: fake.work, params: { label: y } }\n');
    const { summary: done } = await rig.run();
    const set = ['stages.x.params.text=new', 'stages.y.params.text=new'];
    rig.want('hold-x', 'hold-y');
    const controller = new AbortController();
    const running = rig.run({ set, jobs: 1, signal: controller.signal });
    await rig.until(() => rig.runs('x') + rig.runs('y') === 3);
    await new Promise((resolve) => setTimeout(resolve, 100)); // the other waits with its key
    controller.abort();
    const { summary } = await running;
    expect(Object.values(rig.words(summary)).sort()).toEqual(['blocked', 'failed']);
    expect(summary.record.stages.map(({ key }) => key)).not.toContain(undefined);
    for (const stage of ['x', 'y']) {
      expect(await explain(rig, stage, set)).toMatchObject({ why: 'params.text "" → "new"', against: { run: done.id } });
    }
    expect(await status(rig, set)).toEqual(['x run: params.text "" → "new"', 'y run: params.text "" → "new"']);
  });

  test('an unknown stage is refused with the nearest name', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN.replace('  c:', '  dream:'));
    await expect(explain(rig, 'draem')).rejects.toMatchObject({ code: 'E_UNKNOWN_STAGE_NAME', hint: 'did you mean "dream"?' });
  });
});
