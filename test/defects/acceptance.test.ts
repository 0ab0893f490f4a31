/**
 * Eighteen things that an engine of this kind has to get right and that at least one other gets wrong: one test each.
 *
 *    1  what is reordered, swapped or removed runs again             10  a full or failing disk: tools/slow/io-errors.mjs, disk.mjs
 *    2  names, places, cores and log levels are in no key            11  links, empty folders, composed names, names that differ in case
 *    3  early cutoff, and the plan said "maybe"                      12  an environment variable that is unset is not an empty one
 *    4  an input edited while a stage runs                           13  a stage that is not deterministic
 *    5  same size, same time, other bytes                            14  failures and timeouts are never stored
 *    6  kill -9 (200 at random: npm run test:kill)                   15  ten thousand stages (times: bench/)
 *    7  any flipped bit (400: npm run test:damage)                   16  every mistake in a file has its place: test/hostile
 *    8  deleted objects run again just what made them                17  exports pass a validator: where exports are tested
 *    9  two processes on one cache (50 × 8: npm run test:races)      18  the exact leaf that changed, for each reason
 */
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/core/random.js';
import { explainStage } from '../../src/engine/explain.js';
import { planStatus } from '../../src/engine/status.js';
import { openStore } from '../../src/engine/store/file-store.js';
import { FakeProject } from '../cli/fake-project.js';
import { load, pipeline } from '../rigs/plan-rig.js';
import { PipelineRig } from '../rigs/pipeline-rig.js';
import { assertStoreInvariants } from '../rigs/store-invariants.js';

const PAD = 5000;
const CHAIN = `
  a: { type: fake.inline, params: { label: a, text: A, pad: ${PAD} } }
  b: { type: fake.work, params: { label: b, text: B, keep: 20 }, inputs: { a: '\${stages.a}' } }
  c: { type: fake.inline, params: { label: c, text: C, pad: ${PAD} }, inputs: { a: '\${stages.b}' } }
`;
const SOURCE = `
  s: { type: fake.source, params: { file: data.bin } }
  a: { type: fake.inline, params: { label: a }, inputs: { a: '\${stages.s}' } }
`;

async function words(rig: PipelineRig, set: readonly string[] = []): Promise<Record<string, string>> {
  return rig.words((await rig.run({ set })).summary);
}

async function answers(rig: PipelineRig, set: readonly string[] = [], versions: Record<string, number> = {}): Promise<Record<string, string>> {
  const { plan, registry } = rig.plan(set, versions);
  const store = await openStore(rig.storeDirectory, { mode: 'read' });
  try {
    return Object.fromEntries((await planStatus(plan, { registry, store })).map(({ stage, answer }) => [stage, answer]));
  } finally {
    await store.close();
  }
}

describe('acceptance', () => {
  test('1: values in another order, swapped contents, swapped parameters and a removed parameter run again', async () => {
    await using rig = PipelineRig.create();
    const stages = (chunks: string, params: string, file: string): string => `
  m: { type: fake.memo, params: { label: m, chunks: [${chunks}] } }
  p: { type: fake.inline, params: { ${params} } }
  s: { type: fake.source, params: { label: s, file: ${file} } }
`;
    rig.write({ 'one.bin': '1', 'two.bin': '2' });
    rig.pipeline(stages('x, y', 'label: l, text: t', 'one.bin'));
    expect(await words(rig)).toEqual({ m: 'ran', p: 'ran', s: 'ran' });
    rig.pipeline(stages('y, x', 'label: t, text: l', 'two.bin'));
    expect(await words(rig)).toEqual({ m: 'ran', p: 'ran', s: 'ran' });
    rig.pipeline(stages('x', 'label: l', 'one.bin'));
    expect(await words(rig)).toEqual({ m: 'ran', p: 'ran', s: 'restored' });
  });

  test('2: another name, place, number of cores, time limit and verbosity change no key', async () => {
    await using rig = PipelineRig.create();
    rig.write({ 'data.bin': 'content' });
    rig.pipeline(`${CHAIN}  s: { type: fake.source, params: { file: data.bin } }\n`);
    const { summary: first } = await rig.run();
    await using moved = PipelineRig.create();
    mkdirSync(join(moved.folder, 'deeper'));
    cpSync(rig.storeDirectory, moved.storeDirectory, { recursive: true });
    moved.write({ 'elsewhere.bin': 'content' });
    moved.pipeline(`
  new-s: { params: { file: elsewhere.bin }, type: fake.source }
  new-c: { type: fake.inline, resources: { cpus: 2, memory: 9 MB, time: 30 s }, params: { text: C, label: c, pad: ${PAD} }, inputs: { a: '\${stages.new-b}' } }
  new-b: { type: fake.work, resources: { cpus: 1 }, params: { keep: 20, label: b, text: B }, inputs: { a: '\${stages.new-a.out}' } }
  new-a: { type: fake.inline, params: { label: a, text: A, pad: ${PAD} } }
`);
    const { summary } = await moved.run({ cpus: 7, memoryMb: 5000, jobs: 1 });
    expect(moved.words(summary)).toEqual({ 'new-a': 'restored', 'new-b': 'restored', 'new-c': 'restored', 'new-s': 'restored' });
    expect(summary.record.stages.map(({ key }) => key).sort()).toEqual(first.record.stages.map(({ key }) => key).sort());
    using project = new FakeProject();
    await project.run(['run', 'demo.yaml']);
    for (const flag of ['--verbose', '--quiet', '--debug', '--json', '--jobs=1', '--color=always']) expect((await project.run(['run', 'demo.yaml', flag])).code).toBe(0);
    expect(project.runs).toEqual(['fake.number', 'fake.double']);
  });

  test('3: an upstream edit that gives the same bytes stops there, and the plan had said maybe', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    await rig.run();
    const set = ['stages.b.params.text=B']; // the same
    expect(await answers(rig, set)).toEqual({ a: 'hit', b: 'hit', c: 'hit' });
    const edit = ['stages.a.params.text=AX', 'stages.b.params.keep=0'];
    await rig.run({ set: ['stages.b.params.keep=0'] });
    expect(await answers(rig, edit)).toEqual({ a: 'run', b: 'maybe', c: 'maybe' });
    expect(await words(rig, edit)).toEqual({ a: 'ran', b: 'ran', c: 'restored' });
  });

  test('4: an input that is edited while a stage runs fails it, and putting it back gives the right result', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SOURCE);
    rig.write({ 'data.bin': 'content' });
    const expected = rig.digests((await rig.run({ mode: 'off' })).summary);
    const before = rig.runs('a');
    rig.want('hold-a');
    const running = rig.run();
    await rig.until(() => rig.runs('a') > before);
    writeFileSync(rig.path('data.bin'), 'CONTENT');
    rig.release('hold-a');
    expect((await running).summary.failures[0]?.error.code).toBe('E_INPUT_CHANGED');
    writeFileSync(rig.path('data.bin'), 'content');
    expect(rig.digests((await rig.run()).summary)).toEqual(expected);
  });

  test('4: an input that is edited and put back while one and the same stage runs stores nothing, and the next run computes it', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SOURCE);
    rig.write({ 'data.bin': 'content' });
    rig.want('hold-a');
    const running = rig.run();
    await rig.until(() => rig.runs('a') === 1);
    writeFileSync(rig.path('data.bin'), 'CONTENT');
    await new Promise((resolve) => setTimeout(resolve, 20));
    writeFileSync(rig.path('data.bin'), 'content');
    rig.release('hold-a');
    await running;
    expect(rig.files('records')).toHaveLength(1); // of `s` alone: what `a` has read is not known
    expect(await words(rig)).toEqual({ s: 'restored', a: 'ran' });
    expect(await words(rig)).toEqual({ s: 'restored', a: 'restored' });
  });

  test('5: an edit of the same size runs again, with its time put back and within one tick of the clock', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SOURCE);
    rig.write({ 'data.bin': '0000000' });
    await rig.run();
    for (let i = 1; i <= 5; i += 1) {
      const { atime, mtime } = statSync(rig.path('data.bin'));
      writeFileSync(rig.path('data.bin'), String(i).repeat(7));
      utimesSync(rig.path('data.bin'), atime, mtime);
      expect(await words(rig)).toEqual({ s: 'ran', a: 'ran' });
    }
  });

  test('6: killed at a random moment, the next run is right without any help and nothing partial is visible', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    const expected = rig.digests((await rig.run({ mode: 'off' })).summary);
    const random = new Random('acceptance');
    for (let round = 0; round < 3; round += 1) {
      rmSync(rig.storeDirectory, { recursive: true, force: true });
      const child = rig.spawnRun();
      await rig.until(() => rig.files('.').length > random.integer(0, 12));
      try {
        process.kill(-(child.pid as number), 'SIGKILL');
      } catch {
        // it had ended already
      }
      if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
      expect(rig.digests((await rig.run()).summary)).toEqual(expected);
      await assertStoreInvariants(rig.storeDirectory);
    }
  });

  test('7: one flipped bit of any file is found when it is read, set aside, reported and computed again', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    const expected = rig.digests((await rig.run()).summary);
    const random = new Random('bits');
    for (const path of [...rig.files('objects'), ...rig.files('records')]) {
      const bytes = readFileSync(path);
      const at = random.integer(0, bytes.length);
      bytes[at] = (bytes[at] as number) ^ (1 << random.integer(0, 8));
      chmodSync(path, 0o644);
      writeFileSync(path, bytes);
      const { summary, events } = await rig.run();
      expect(rig.digests(summary)).toEqual(expected);
      expect(events.filter(({ kind }) => kind === 'store.damaged').length).toBeGreaterThan(0);
      await assertStoreInvariants(rig.storeDirectory);
    }
  });

  test('8: deleted objects run again what made them, and only that', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    await rig.run();
    const ofA = rig.files('objects').find((path) => readFileSync(path, 'utf8').startsWith('A')) as string;
    rmSync(ofA);
    expect(await words(rig)).toEqual({ a: 'ran', b: 'restored', c: 'restored' });
    const ofC = rig.files('objects').find((path) => readFileSync(path, 'utf8').startsWith('C')) as string;
    rmSync(ofC);
    expect(await words(rig)).toEqual({ a: 'restored', b: 'restored', c: 'ran' });
  });

  test('9: two processes on one cache both succeed with the same bytes, also when one of them is killed', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    const expected = rig.digests((await rig.run({ mode: 'off' })).summary);
    const before = rig.runs('b');
    rig.want('hold-b');
    const [one, other] = [rig.spawnRun(), rig.spawnRun()];
    let said = '';
    other.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await rig.until(() => rig.runs('b') > before);
    process.kill(-(one.pid as number), 'SIGKILL');
    rig.release('hold-b');
    await once(other, 'close');
    expect(JSON.parse(said)).toMatchObject({ outcome: 'succeeded', counts: { failed: 0, blocked: 0 } });
    const { summary } = await rig.run();
    expect(rig.words(summary)).toEqual({ a: 'restored', b: 'restored', c: 'restored' });
    expect(rig.digests(summary)).toEqual(expected);
    await assertStoreInvariants(rig.storeDirectory);
  });

  test('9: of eight processes on one cache each stage is computed by exactly one, and all end with the same bytes', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    const expected = rig.digests((await rig.run({ mode: 'off' })).summary);
    const before = ['a', 'b', 'c'].map((label) => rig.runs(label));
    const children = Array.from({ length: 8 }, () => rig.spawnRun());
    const said = children.map(() => '');
    for (const [i, child] of children.entries()) child.stdout?.on('data', (chunk: Buffer) => (said[i] += chunk.toString()));
    await Promise.all(children.map((child) => once(child, 'close')));
    for (const text of said) expect(JSON.parse(text)).toMatchObject({ outcome: 'succeeded', counts: { failed: 0, blocked: 0 } });
    expect(['a', 'b', 'c'].map((label, i) => rig.runs(label) - (before[i] as number))).toEqual([1, 1, 1]);
    const { summary } = await rig.run();
    expect(rig.words(summary)).toEqual({ a: 'restored', b: 'restored', c: 'restored' });
    expect(rig.digests(summary)).toEqual(expected);
    await assertStoreInvariants(rig.storeDirectory);
  });

  test('11: a link that points elsewhere is other content; names keep their bytes, composed or not, in either case', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SOURCE);
    rig.write({ one: '1', two: '2' });
    symlinkSync('one', rig.path('data.bin'));
    expect(await words(rig)).toEqual({ s: 'ran', a: 'ran' });
    unlinkSync(rig.path('data.bin'));
    symlinkSync('two', rig.path('data.bin'));
    expect(await words(rig)).toEqual({ s: 'ran', a: 'ran' });
    renameSync(rig.path('two'), rig.path('three'));
    unlinkSync(rig.path('data.bin'));
    symlinkSync('three', rig.path('data.bin'));
    expect(await words(rig)).toEqual({ s: 'restored', a: 'restored' });

    for (const texts of [['caf\u00e9', 'cafe\u0301'], ['Name', 'name']]) {
      for (const text of texts) expect(await words(rig, [`stages.a.params.text=${text}`])).toEqual({ s: 'restored', a: 'ran' });
    }
  });

  test('12: an environment variable that is unset is not an empty one, and one that is not listed cannot be read', async () => {
    using project = new FakeProject();
    project.write('demo.yaml', "name: demo\nenv: [LIMIT]\nstages:\n  number:\n    type: fake.number\n    params: { value: \"${env.LIMIT == '' ? 1 : env.LIMIT == null ? 2 : 3}\" }\n");
    for (const env of [{}, { LIMIT: '' }, { LIMIT: 'x' }, { LIMIT: '', OTHER: 'y' }]) await project.run(['run', 'demo.yaml'], { env });
    expect(project.runs).toHaveLength(3);
    project.write('demo.yaml', 'name: demo\nstages:\n  number:\n    type: fake.number\n    params: { value: "${env.OTHER == null ? 1 : 2}" }\n');
    expect(await project.run(['run', 'demo.yaml'], { env: { OTHER: 'y' } })).toMatchObject({ code: 3 });
  });

  test('13: what follows a stage that gives other bytes each time stays as it is until that stage runs again', async () => {
    using project = new FakeProject();
    let drawn = 0;
    project.during = (type, { outputs }) => {
      if (type === 'fake.number') outputs['number']?.write('noise', String((drawn += 1)));
    };
    await project.run(['run', 'demo.yaml']);
    await project.run(['run', 'demo.yaml']);
    expect(project.runs).toEqual(['fake.number', 'fake.double']);
    await project.run(['run', 'demo.yaml', '--force=number']);
    expect(project.runs).toEqual(['fake.number', 'fake.double', 'fake.number', 'fake.double']); // other bytes are another input
    await project.run(['run', 'demo.yaml']);
    expect(project.runs).toHaveLength(4);
  });

  test('13: the evidence against such a stage is kept: both digests of what differs, in the run and beside it', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline('  a: { type: fake.inline, params: { label: a } }\n');
    rig.want('dice-a');
    const [first] = Object.values(rig.digests((await rig.run()).summary));
    for (const [how, cause, stands] of [[{ checkDeterminism: () => true }, 'check', 'stored'], [{ force: () => true }, 'forced', 'new']] as const) {
      const evidence = rig.files('evidence').length;
      const { summary, events } = await rig.run(how);
      const [stage] = summary.record.stages;
      expect(stage?.differs).toMatchObject({ cause, stands, files: [{ output: 'out', name: 'text.txt', stored: expect.stringMatching(/^[0-9a-f]{64}$/), now: expect.stringMatching(/^[0-9a-f]{64}$/) }] });
      expect(events.filter(({ kind }) => kind === 'stage.differs')).toHaveLength(1);
      expect(rig.files('evidence')).toHaveLength(evidence + 1);
      const [digest] = Object.values(rig.digests(summary));
      if (stands === 'stored') expect(digest).toBe(first);
      else expect(digest).not.toBe(first);
    }
  });

  test('14: failures and time limits are never stored, and a success after them is', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline('  a: { type: fake.inline, params: { label: a } }\n  w: { type: fake.work, params: { label: w }, resources: { time: 1 s } }\n');
    rig.want('fail-a', 'hold-w');
    const { summary } = await rig.run({ keepGoing: true });
    expect(summary.failures.map(({ stage, error }) => `${stage} ${error.code}`).sort()).toEqual(['a E_DATA', 'w E_TIMEOUT']);
    expect(rig.files('records')).toEqual([]);
    rig.release('fail-a', 'hold-w');
    expect(await words(rig)).toEqual({ a: 'ran', w: 'ran' });
    expect(await words(rig)).toEqual({ a: 'restored', w: 'restored' });
  });

  test('15: ten thousand stages are planned, each once and after what it needs', () => {
    const axis = `[${Array.from({ length: 100 }, (_, i) => i + 1).join(', ')}]`;
    const { plan, codes } = load(pipeline(`  sim:\n    type: fake.simulate\n    matrix: { subject: [1, 2, 3, 4], sessions: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25], copy: ${axis} }\n    params: { subject: "\${matrix.subject}", sessions: "\${matrix.sessions}" }\n`));
    expect(codes).toEqual([]);
    expect(new Set(plan?.stages.map(({ name }) => name)).size).toBe(10_000);
  });

  test('18: the exact leaf that changed is named, for a parameter, an input, an outside file, a version and a seed', async () => {
    await using rig = PipelineRig.create();
    rig.write({ 'data.bin': 'content' });
    rig.pipeline(`
  s: { type: fake.source, params: { file: data.bin } }
  a: { type: fake.inline, params: { label: a, text: A } }
  b: { type: fake.inline, params: { label: b, chunks: [x, y] }, inputs: { a: '\${stages.a}' } }
  r: { type: fake.random, params: { label: r } }
`, 'seed: 7\n');
    await rig.run();
    const why = async (stage: string, set: string[] = [], versions: Record<string, number> = {}): Promise<string> => {
      const { plan, registry } = rig.plan(set, versions);
      const store = await openStore(rig.storeDirectory, { mode: 'read' });
      try {
        return JSON.stringify(await explainStage(plan, stage, { registry, store }));
      } finally {
        await store.close();
      }
    };
    expect(await why('a', ['stages.a.params.text=Z'])).toContain('params.text \\"A\\" → \\"Z\\"');
    expect(await why('b', ['stages.b.params.chunks=[x, z]'])).toContain('params.chunks [');
    expect(await why('a', [], { 'fake.inline': 2 })).toContain('version 1 → 2');
    expect(await why('r', ['seed=8'])).toMatch(/seed /);
    await rig.run({ set: ['stages.a.params.text=Z'] });
    const { summary } = await rig.run({ set: ['stages.a.params.text=Y'] });
    expect(summary.record.stages.find(({ name }) => name === 'b')?.reason).toBe('inputs.a changed');
    rig.write({ 'data.bin': 'CONTENT' });
    const { summary: edited } = await rig.run();
    expect(edited.record.stages.find(({ name }) => name === 's')?.reason).toMatch(/^externals\.data\.txt/);
  });
});
