/** One test a code: each names the exact place, in the plan beforehand and in the record afterwards. */
import { chmodSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { diffMaterial } from '../../src/engine/diff-material.js';
import { loadPlan } from '../../src/engine/load-plan.js';
import { keptReasons, throughEnvironment, type StageReason } from '../../src/engine/reasons.js';
import type { KeyMaterial } from '../../src/engine/record.js';
import type { StageRegistry } from '../../src/engine/stage.js';
import { planStatus } from '../../src/engine/status.js';
import { openStore } from '../../src/engine/store/file-store.js';
import { PipelineRig } from '../rigs/pipeline-rig.js';
import { fakeRegistryFor } from '../rigs/pipeline/run-pipeline.js';

const PIPELINE = `
  a: { type: fake.inline, params: { label: a, text: A } }
  b: { type: fake.inline, params: { label: b, text: "\${params.word}" }, inputs: { a: '\${stages.a}' } }
  r: { type: fake.random, params: { label: r } }
  s: { type: fake.source, params: { file: data.bin } }
  c: { type: fake.serviced, params: { label: c } }
`;
const BEFORE = "env: [WORD]\nseed: 1\nparams: { word: \"${env.WORD ?? 'none'}\" }\n";

async function ran(): Promise<PipelineRig> {
  const rig = PipelineRig.create();
  rig.pipeline(PIPELINE, BEFORE);
  data(rig, 'content');
  await rig.run();
  return rig;
}

/** Old enough for its stamp to count. */
function data(rig: PipelineRig, text: string): void {
  rig.write({ 'data.bin': text });
  utimesSync(rig.path('data.bin'), 1_000_000, 1_000_000);
}

interface Question {
  readonly set?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly versions?: Readonly<Record<string, number>>;
  readonly serviceIdentity?: StageRegistry['serviceIdentity'];
}

async function planned(rig: PipelineRig, stage: string, { set = [], env = {}, versions = {}, serviceIdentity }: Question = {}): Promise<readonly StageReason[] | undefined> {
  const registry = { ...fakeRegistryFor(rig.control, versions), ...(serviceIdentity === undefined ? {} : { serviceIdentity }) };
  const { plan } = loadPlan(rig.path('p.yaml'), { registry, set, env });
  const store = await openStore(rig.storeDirectory, { mode: 'read' });
  try {
    return (await planStatus(plan as NonNullable<typeof plan>, { registry, store })).find((status) => status.stage === stage)?.reasons;
  } finally {
    await store.close();
  }
}

async function recorded(rig: PipelineRig, stage: string, request: Parameters<PipelineRig['run']>[0] = {}): Promise<readonly StageReason[] | undefined> {
  const { summary, events } = await rig.run(request);
  const reasons = summary.record.stages.find(({ name }) => name === stage)?.reasons;
  const told = events.find((event) => event.kind === 'stage.started' && event.stage === stage);
  expect(told === undefined ? undefined : (told as { reasons?: unknown }).reasons).toEqual(reasons);
  return reasons;
}

function recordOf(rig: PipelineRig, label: string): string {
  const found = rig.files('records').find((path) => rig.text(path.slice(rig.folder.length + 1)).includes(`"label":"${label}"`));
  return found as string;
}

describe('the reason of a stage that runs', () => {
  test('first-run: it has no past', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline("  a: { type: fake.inline, params: { label: a } }\n");
    expect(await planned(rig, 'a')).toEqual([{ code: 'first-run', text: 'never run' }]);
    expect(await recorded(rig, 'a')).toEqual([{ code: 'first-run', text: 'never run' }]);
  });

  test('param: the parameter, before and after; input: the port behind it', async () => {
    await using rig = await ran();
    const set = ['stages.a.params.text=B'];
    const reason = { code: 'param', path: 'params.text', before: 'A', after: 'B', text: 'params.text "A" → "B"' };
    expect(await planned(rig, 'a', { set })).toEqual([reason]);
    expect(await recorded(rig, 'b', { set })).toMatchObject([{ code: 'input', path: 'inputs.a', text: 'inputs.a changed' }]);
  });

  test('env: the parameter and the variable that it follows', async () => {
    await using rig = await ran();
    expect(await planned(rig, 'b', { env: { WORD: 'other' } })).toEqual([{ code: 'env', path: 'params.text', variable: 'WORD', before: 'none', after: 'other', text: 'params.text "none" → "other" (env.WORD)' }]);
    expect(await planned(rig, 'b', { set: ['params.word=other'] })).toMatchObject([{ code: 'param', path: 'params.text' }]);
  });

  test('version: of the stage type', async () => {
    await using rig = await ran();
    expect(await planned(rig, 'a', { versions: { 'fake.inline': 2 } })).toEqual([{ code: 'version', path: 'version', before: 1, after: 2, text: 'version 1 → 2' }]);
  });

  test('external: the logical name of the outside file', async () => {
    await using rig = await ran();
    data(rig, 'other');
    expect(await recorded(rig, 's')).toMatchObject([{ code: 'external', path: 'externals.data.txt', text: 'externals.data.txt changed' }]);
  });

  test('service: its numeric family', async () => {
    await using rig = await ran();
    expect(await planned(rig, 'c', { serviceIdentity: (name) => `${name}-2` })).toEqual([{ code: 'service', path: 'services.counter', before: 'counter-1', after: 'counter-2', text: 'services.counter "counter-1" → "counter-2"' }]);
  });

  test('seed: only where random numbers are drawn', async () => {
    await using rig = await ran();
    expect(await planned(rig, 'r', { set: ['seed=2'] })).toEqual([{ code: 'seed', path: 'seed', before: 1, after: 2, text: 'seed 1 → 2' }]);
    expect(await planned(rig, 'a', { set: ['seed=2'] })).toBeUndefined();
  });

  test('evicted: the key is the old one and its record is gone', async () => {
    await using rig = await ran();
    rmSync(recordOf(rig, 'a'));
    expect(await planned(rig, 'a')).toMatchObject([{ code: 'evicted' }]);
    expect(await recorded(rig, 'a')).toMatchObject([{ code: 'evicted' }]);
  });

  test('damaged: the record is there and cannot be used', async () => {
    await using rig = await ran();
    const path = recordOf(rig, 'a');
    chmodSync(path, 0o644);
    writeFileSync(path, 'damage');
    expect(await planned(rig, 'a')).toEqual([{ code: 'damaged', text: 'its record was damaged' }]);
    expect(await recorded(rig, 'a')).toEqual([{ code: 'damaged', text: 'its record was damaged' }]);
  });

  test('forced: asked for', async () => {
    await using rig = await ran();
    expect(await recorded(rig, 'a', { force: (stage) => stage === 'a' })).toEqual([{ code: 'forced', text: 'forced' }]);
  });

  test('failed-before: with what changed since it last had a result', async () => {
    await using rig = await ran();
    rig.want('fail-a');
    await rig.run({ set: ['stages.a.params.text=B'] });
    expect(await planned(rig, 'a', { set: ['stages.a.params.text=B'] })).toMatchObject([{ code: 'failed-before' }, { code: 'param', path: 'params.text' }]);
  });

  test('code, type and engine: what the key says of code and of itself', () => {
    const material: KeyMaterial = { format: 1, type: 'my.type', version: 1, code: 'a'.repeat(64) as never, params: {}, inputs: {}, externals: {}, services: {}, seed: null };
    const codes = (after: object): unknown => diffMaterial(material, { ...material, ...after }).map(({ code, path }) => [code, path]);
    expect(codes({ code: 'b'.repeat(64) })).toEqual([['code', 'code']]);
    expect(codes({ type: 'my.other' })).toEqual([['type', 'type']]);
    expect(codes({ format: 2 })).toEqual([['engine', 'format']]);
  });
});

test('a variable accounts for a change only if it explains all of it', () => {
  const change = (before: string, after: string): StageReason => ({ code: 'param', path: 'params.p', before, after, text: 'params.p' });
  const through = (reason: StageReason, was: string | null, is: string | null) => throughEnvironment([reason], { V: was }, { V: is })[0]?.code;
  expect(through(change('/a/x', '/b/x'), '/a', '/b')).toBe('env');
  expect(through(change('/a/x', '/b/y'), '/a', '/b')).toBe('param');
  expect(through(change('/a', 'fallback'), '/a', null)).toBe('env');
  expect(through(change('1', '2'), '/a', '/a')).toBe('param');
  expect(through(change('', 'x'), '', '')).toBe('param');
});

test('a record keeps at most twenty reasons, and no long values', () => {
  const many = Array.from({ length: 30 }, (_, i): StageReason => ({ code: 'param', path: `params.p${i}`, before: 'x'.repeat(i === 0 ? 2000 : 1), text: 't' }));
  const kept = keptReasons(many);
  expect(kept).toHaveLength(20);
  expect(kept[0]).toEqual({ code: 'param', path: 'params.p0', text: 't' });
  expect(kept[1]).toEqual(many[1]);
});
