/** Running: instances of a matrix and what is gathered from them, with keys, restarts, damage, workers and reasons. */
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { explainStage } from '../../src/engine/explain.js';
import { missingExternals } from '../../src/engine/missing-externals.js';
import type { Plan } from '../../src/engine/plan.js';
import type { KeyMaterial, StageKey } from '../../src/engine/record.js';
import { publishResults } from '../../src/engine/publish-results.js';
import type { MaterialLine } from '../../src/engine/run-folder.js';
import { readMaterials } from '../../src/engine/run-history.js';
import { planStatus, type StatusOptions } from '../../src/engine/status.js';
import { openStore } from '../../src/engine/store/file-store.js';
import { Past } from '../../src/engine/why.js';
import { PipelineRig } from '../rigs/pipeline-rig.js';
import { assertStoreInvariants } from '../rigs/store-invariants.js';

const PAD = 5000;
/** 2 × 2 texts, gathered a letter at a time, and all together with a stage of its own. */
const SWEEP = `
  text: { type: fake.inline, matrix: { letter: [a, b], number: [10, 9] }, params: { label: 'text-\${matrix.letter}\${matrix.number}', text: '\${matrix.letter}\${matrix.number}', pad: ${PAD} } }
  same: { type: fake.work, matrix: { number: [10, 9], letter: [a, b] }, params: { label: same }, inputs: { a: '\${stages.text}' } }
  each: { type: fake.gather, matrix: { letter: [a, b] }, params: { label: 'each-\${matrix.letter}' }, inputs: { texts: '\${stages.text}' } }
  lone: { type: fake.inline, params: { label: lone, text: L } }
  all: { type: fake.gather-work, params: { label: all }, inputs: { texts: { sweep: '\${stages.text}', lone: '\${stages.lone}' }, more: '\${stages.each}' } }
`;
const REVERSED = `${SWEEP.trimEnd().split('\n').reverse().join('\n').replace('letter: [a, b], number: [10, 9]', 'number: [9, 10], letter: [b, a]').replace("sweep: '${stages.text}', lone: '${stages.lone}'", "lone: '${stages.lone}', sweep: '${stages.text}'")}\n`;

async function ask<T>(rig: PipelineRig, question: (options: StatusOptions, plan: Plan) => Promise<T>, set: string[] = []): Promise<T> {
  const { plan, registry } = rig.plan(set);
  const store = await openStore(rig.storeDirectory, { mode: 'read' });
  try {
    return await question({ registry, store }, plan);
  } finally {
    await store.close();
  }
}

const explain = (rig: PipelineRig, stage: string, set: string[] = []) => ask(rig, (options, plan) => explainStage(plan, stage, options), set);
const materialOf = (rig: PipelineRig, run: string, stage: string): KeyMaterial | undefined => readMaterials(rig.storeDirectory, run).find((line) => line.stage === stage)?.material;

describe('instances and gathers', () => {
  test('run with their own params, labels sorted, and are restored the second time', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SWEEP);
    let text = '';
    const first = await rig.run({
      inspect: async (store, _plan, { outputs }) => {
        const file = outputs.get('all')?.['out']?.files.find(({ name }) => name === 'text.txt');
        text = file?.inline === undefined ? readFileSync(store.objectPath(file?.digest as never), 'utf8') : Buffer.from(file.inline, 'base64').toString();
      },
    });
    expect(first.summary.counts).toEqual({ ran: 12, restored: 0, skipped: 0, failed: 0, blocked: 0 });
    expect(text.replaceAll('.', '').split('\n').filter((line) => line.startsWith('{') || line.includes('+'))).toEqual([
      '{"letter":"a","name":"sweep","number":9} a9(-,-)v1',
      '{"letter":"a","name":"sweep","number":10} a10(-,-)v1',
      '{"letter":"b","name":"sweep","number":9} b9(-,-)v1',
      '{"letter":"b","name":"sweep","number":10} b10(-,-)v1',
      '{"name":"lone"} L(-,-)v1',
      '{"letter":"a"} {"number":9} a9(-,-)v1',
      '{"number":10} a10(-,-)v1',
      '2+0',
      '{"letter":"b"} {"number":9} b9(-,-)v1',
      '{"number":10} b10(-,-)v1',
      '2+0',
      '5+2',
    ]);
    const second = await rig.run();
    expect(second.summary.counts).toEqual({ ran: 0, restored: 12, skipped: 0, failed: 0, blocked: 0 });
    expect(rig.digests(second.summary)).toEqual(rig.digests(first.summary));
    await assertStoreInvariants(rig.storeDirectory);
  });

  test('have keys that do not depend on the order of the file, nor on names', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SWEEP);
    const first = await rig.run();
    rig.pipeline(REVERSED);
    const second = await rig.run();
    expect(second.summary.counts).toMatchObject({ ran: 0, restored: 12 });
    expect(rig.digests(second.summary)).toEqual(rig.digests(first.summary));
    rig.pipeline(SWEEP.replace('  text:', '  other:').replaceAll('stages.text', 'stages.other'));
    expect((await rig.run()).summary.counts).toMatchObject({ ran: 0, restored: 12 });
  });

  test('enter the key as labels and digests; a port that takes one enters as before', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SWEEP);
    const { summary } = await rig.run();
    const digest = (name: string): string => rig.digests(summary)[`${name}.out`] as string;
    expect(materialOf(rig, summary.id, 'each[letter=b]')?.inputs).toEqual({ texts: [{ labels: { number: 9 }, digest: digest('text[letter=b,number=9]') }, { labels: { number: 10 }, digest: digest('text[letter=b,number=10]') }] });
    expect(materialOf(rig, summary.id, 'same[letter=b,number=9]')?.inputs).toEqual({ a: [digest('text[letter=b,number=9]')] });
    expect(JSON.stringify(materialOf(rig, summary.id, 'all'))).not.toContain('"stage"');
  });

  test('with equal keys are made once', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline("  twins: { type: fake.work, matrix: { n: [1, 2, 3, 4] }, params: { label: twin } }\n  all: { type: fake.gather, inputs: { texts: '${stages.twins}' } }\n");
    const { summary } = await rig.run();
    expect(Object.values(rig.words(summary)).sort()).toEqual(['ran', 'ran', 'restored', 'restored', 'restored']);
    expect(rig.runs('twin')).toBe(1);
    expect(materialOf(rig, summary.id, 'all')?.inputs['texts']).toHaveLength(4);
    expect((await rig.run({ force: () => true })).summary.counts).toMatchObject({ ran: 2, restored: 3 });
    expect(rig.runs('twin')).toBe(2);
  });

  test.each(['off', 'read'] as const)('with equal keys are made once also where nothing is stored, in mode %s', async (mode) => {
    await using rig = PipelineRig.create();
    rig.pipeline("  twins: { type: fake.work, matrix: { n: [1, 2, 3, 4] }, params: { label: twin } }\n  all: { type: fake.gather, inputs: { texts: '${stages.twins}' } }\n");
    const { summary } = await rig.run({ mode });
    expect(summary.counts).toMatchObject({ ran: 2, restored: 3 });
    expect(rig.runs('twin')).toBe(1);
    const again = await rig.run({ mode });
    expect(rig.runs('twin')).toBe(2);
    expect(rig.digests(again.summary)).toEqual(rig.digests(summary));
    expect(rig.digests((await rig.run()).summary)).toEqual(rig.digests(summary));
  });

  test('that draw random numbers draw the same where their parameters are the same, and others where a coordinate enters', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline("  plain: { type: fake.random, matrix: { n: [1, 2] } }\n  seeded: { type: fake.random, matrix: { n: [1, 2] }, seed: '${matrix.n}' }\n");
    const digests = rig.digests((await rig.run()).summary);
    expect(digests['plain[n=1].out']).toBe(digests['plain[n=2].out']);
    expect(digests['seeded[n=1].out']).not.toBe(digests['seeded[n=2].out']);
  });

  test('a new point of the matrix runs alone, with what gathers it', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SWEEP);
    await rig.run();
    const { summary } = await rig.run({ set: ['stages.text.matrix.number=[10, 9, 8]'] });
    const ran = Object.entries(rig.words(summary)).filter(([, word]) => word === 'ran').map(([name]) => name);
    expect(ran).toEqual(['text[letter=a,number=8]', 'text[letter=b,number=8]', 'each[letter=a]', 'each[letter=b]', 'all']);
    expect(summary.record.stages.find(({ name }) => name === 'each[letter=b]')?.reason).toBe('inputs.texts[number=8] added');
  });

  test('a member that runs again and gives the same bytes leaves the gather alone', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SWEEP);
    await rig.run();
    const { summary } = await rig.run({ force: (stage) => stage.startsWith('text[letter=a') });
    expect(summary.counts).toMatchObject({ ran: 2, restored: 10 });
  });

  test('members that are skipped are left out, and an optional port without any is an empty list', async () => {
    await using rig = PipelineRig.create();
    const gather = "  t: { type: fake.inline, matrix: { n: [1, 2, 3] }, when: '${matrix.n <= params.most}', params: { text: 't${matrix.n}' } }\n  lone: { type: fake.inline }\n  all: { type: fake.gather, inputs: { texts: '${stages.lone}', more: '${stages.t}' } }\n  need: { type: fake.gather, inputs: { texts: '${stages.t}' } }\n";
    rig.pipeline(gather, 'params: { most: 2 }\n');
    const some = await rig.run();
    expect(rig.words(some.summary)).toEqual({ 't[n=1]': 'ran', 't[n=2]': 'ran', 't[n=3]': 'skipped', lone: 'ran', all: 'ran', need: 'ran' });
    expect(materialOf(rig, some.summary.id, 'need')?.inputs['texts']).toHaveLength(2);
    const none = await rig.run({ set: ['params.most=0'] });
    expect(rig.words(none.summary)).toMatchObject({ all: 'ran', need: 'skipped' });
    expect(none.summary.record.stages.find(({ name }) => name === 'need')?.reason).toBe('needs "t" (3), which are skipped');
    expect(materialOf(rig, none.summary.id, 'all')?.inputs).not.toHaveProperty('more');
  });

  test('restricted members make what gathers them restricted', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline("  s: { type: fake.source, matrix: { n: [1, 2] }, params: { file: 'data${matrix.n}.bin', restrict: '${matrix.n == 2}' } }\n  each: { type: fake.gather, matrix: { n: [1, 2] }, inputs: { texts: '${stages.s}' } }\n  all: { type: fake.gather-work, inputs: { texts: '${stages.s}' } }\n");
    rig.write({ 'data1.bin': 'one', 'data2.bin': 'two' });
    for (const word of ['ran', 'restored']) {
      const { summary } = await rig.run();
      expect(summary.record.stages.map(({ name, word: was, outputs }) => [name, was, outputs['out']?.restricted])).toEqual([['s[n=1]', word, false], ['s[n=2]', word, true], ['each[n=1]', word, false], ['each[n=2]', word, true], ['all', word, true]]);
    }
  });
});

describe('failures and damage', () => {
  test('an instance that fails blocks what gathers it, and with keepGoing the other instances go on', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SWEEP);
    rig.want('fail-text-a9');
    const { summary } = await rig.run({ keepGoing: true });
    expect(summary.counts).toEqual({ ran: 8, restored: 0, skipped: 0, failed: 1, blocked: 3 });
    expect(rig.words(summary)).toMatchObject({ 'text[letter=a,number=9]': 'failed', 'same[letter=a,number=9]': 'blocked', 'each[letter=a]': 'blocked', 'each[letter=b]': 'ran', all: 'blocked' });
    expect(existsSync(join(summary.folder as string, 'logs', 'text', 'letter=a,number=9.log'))).toBe(true);
    rig.release('fail-text-a9');
    expect((await rig.run()).summary.counts).toMatchObject({ ran: 4, restored: 8 });
  });

  test('a damaged member is made again before the gather reads it', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SWEEP);
    await rig.run();
    const object = rig.files('objects').find((file) => readFileSync(file, 'utf8').startsWith('b9')) as string;
    chmodSync(object, 0o644);
    writeFileSync(object, 'x'.repeat(statSync(object).size));
    const { summary } = await rig.run({ set: ['stages.each.params.text=new'] });
    expect(rig.words(summary)).toMatchObject({ 'text[letter=a,number=9]': 'restored', 'text[letter=b,number=9]': 'ran', 'each[letter=a]': 'ran', 'each[letter=b]': 'ran' });
    expect(summary.outcome).toBe('succeeded');
    await assertStoreInvariants(rig.storeDirectory);
  });
});

describe('reasons', () => {
  test('name the member that changed, came or went', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SWEEP);
    await rig.run();
    expect(await explain(rig, 'all')).toMatchObject({ answer: 'hit' });
    await rig.run({ set: ['stages.lone.params.text=M'] });
    rig.pipeline(SWEEP.replace(", lone: '${stages.lone}'", '').replace("texts: '${stages.text}' } }", "texts: '${stages.text[number=9]}' } }"));
    expect((await explain(rig, 'all')).undecided).toEqual(['each[letter=a]', 'each[letter=b]']);
    const changes = async (stage: string): Promise<string[]> => (await explain(rig, stage)).changes.map(({ text }) => text);
    expect(await changes('each[letter=b]')).toEqual(['inputs.texts[number=10] removed']);
    await rig.run();
    rig.pipeline(SWEEP);
    await rig.run();
    const { summary } = await rig.run({ set: ['stages.lone.params.text=N'] });
    expect(summary.record.stages.find(({ name }) => name === 'all')?.reason).toBe('inputs.texts[name=lone] changed');
  });

  test('come from the materials of past runs where records are gone, which are read once', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SWEEP);
    const { summary } = await rig.run();
    const letters = ['a', 'b'].map((letter) => `text[letter=${letter},number=9]`);
    const past = letters.map((stage) => readMaterials(rig.storeDirectory, summary.id).find((line) => line.stage === stage) as MaterialLine);
    for (const file of rig.files('records')) rmSync(file);
    await ask(rig, async ({ store }) => {
      const memory = new Past(rig.path('p.yaml'), store);
      for (const [i, { stage, material }] of past.entries()) {
        const reason = await memory.why(stage, 'f'.repeat(64) as StageKey, { ...material, params: { ...material.params, text: 'new' } });
        expect(reason.text).toBe(`params.text "${['a9', 'b9'][i] as string}" → "new"`);
        rmSync(join(summary.folder as string, 'materials.ndjson'), { force: true });
      }
    });
  });

  test('are put together in a plan: after what, and how many of it', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SWEEP);
    const lines = async (set: string[] = []): Promise<string[]> => ask(rig, async (options, plan) => (await planStatus(plan, options)).map(({ stage, answer, why }) => `${stage} ${answer} ${why}`.trimEnd()), set);
    expect((await lines()).slice(-3)).toEqual(['each[letter=b] maybe after "text" (2)', 'lone run never run', 'all maybe after "text" (4), "lone", "each" (2)']);
    await rig.run();
    expect((await lines()).every((line) => line.endsWith(' hit'))).toBe(true);
    expect((await lines(['stages.lone.params.text=M'])).filter((line) => !line.endsWith(' hit'))).toEqual(['lone run params.text "L" → "M"', 'all maybe after "lone"']);
  });

  test('explain takes one instance, by its whole name or by what tells it apart', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SWEEP);
    expect(await explain(rig, 'same[number=9, letter="a"]')).toMatchObject({ stage: 'same[letter=a,number=9]' });
    await expect(explain(rig, 'same[letter=a]')).rejects.toMatchObject({ code: 'E_USAGE', message: '"same[letter=a]" means 2 instances' });
    await expect(explain(rig, 'same[letter=c]')).rejects.toMatchObject({ code: 'E_UNKNOWN_STAGE_NAME', facts: { expected: 'coordinates on number, letter', found: 'letter=c' } });
    await expect(explain(rig, 'sme')).rejects.toMatchObject({ code: 'E_UNKNOWN_STAGE_NAME', hint: 'did you mean "same"?' });
    await expect(explain(rig, 'same[letter')).rejects.toMatchObject({ code: 'E_USAGE' });
  });
});

test('results of instances lie in folders named after their coordinates, whatever characters those have', async () => {
  await using rig = PipelineRig.create();
  rig.pipeline("  t: { type: fake.inline, matrix: { n: [1, '1', '../up', 'a/b', 'é', '.'] }, params: { text: 't${matrix.n}' } }\n");
  const { summary } = await rig.run({
    inspect: async (store, plan, run) => {
      const { files } = await publishResults(plan, run, store, rig.path('results'), async () => 'report');
      expect(files.map(({ stage, path }) => [stage, path.slice(path.indexOf('/t/'))])).toEqual([
        ['t[n=1]', '/t/n=1/out/text.txt'],
        ['t[n="1"]', '/t/n=%221%22/out/text.txt'],
        ['t[n="../up"]', '/t/n=%22..%2fup%22/out/text.txt'],
        ['t[n="a/b"]', '/t/n=%22a%2fb%22/out/text.txt'],
        ['t[n="é"]', '/t/n=%22%c3%a9%22/out/text.txt'],
        ['t[n="."]', '/t/n=%22.%22/out/text.txt'],
      ]);
      expect(files.every(({ path }) => existsSync(path))).toBe(true);
    },
  });
  expect(summary.record.stages.map(({ coordinates }) => coordinates?.['n'])).toEqual([1, '1', '../up', 'a/b', 'é', '.']);
});

test('a thousand instances run, are gathered, and are restored', async () => {
  await using rig = PipelineRig.create();
  rig.pipeline(`  t: { type: fake.random, matrix: { a: [${Array.from({ length: 40 }, (_, i) => i).join(', ')}], b: [${Array.from({ length: 25 }, (_, i) => i).join(', ')}] }, seed: '\${100 * matrix.a + matrix.b}' }\n  all: { type: fake.gather, inputs: { texts: '\${stages.t}' } }\n`);
  const first = await rig.run();
  expect(first.summary.counts).toMatchObject({ ran: 1001, failed: 0 });
  const second = await rig.run();
  expect(second.summary.counts).toMatchObject({ ran: 0, restored: 1001 });
  expect(rig.digests(second.summary)).toEqual(rig.digests(first.summary));
});

test('an outside file that is gone is one error for all instances that read it, and one more for another file', async () => {
  await using rig = PipelineRig.create();
  rig.pipeline("  s: { type: fake.source, matrix: { n: [1, 2, 3] }, params: { file: 'data${matrix.n < 3 ? 1 : 3}.bin' } }\n");
  rig.write({ 'data1.bin': 'one', 'data3.bin': 'three' });
  const { plan, registry } = rig.plan();
  rmSync(rig.path('data1.bin'));
  rmSync(rig.path('data3.bin'));
  const found = await missingExternals(plan, registry);
  expect(found.map(({ error }) => [error.code, error.facts['expected']])).toEqual([['E_EXTERNAL_MISSING', rig.path('data1.bin')], ['E_EXTERNAL_MISSING', rig.path('data3.bin')]]);
});
