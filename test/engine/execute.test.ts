import { appendFileSync, chmodSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/core/random.js';
import { PipelineRig } from '../rigs/pipeline-rig.js';
import { assertStoreInvariants } from '../rigs/store-invariants.js';

const PAD = 5000; // more than fits into a record: the output becomes an object
const CHAIN = `
  a: { type: fake.inline, params: { label: a, text: A, pad: ${PAD} } }
  b: { type: fake.inline, params: { label: b, text: B }, inputs: { a: '\${stages.a}' } }
  c: { type: fake.inline, params: { label: c, text: C }, inputs: { a: '\${stages.b}' } }
`;
/** A file that was written well before now: its stamp is trusted. */
function settle(path: string): void {
  const past = Date.now() / 1000 - 3600;
  utimesSync(path, past, past);
}

describe('running and restoring', () => {
  test('runs once and is restored the second time', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    const first = await rig.run();
    expect(rig.words(first.summary)).toEqual({ a: 'ran', b: 'ran', c: 'ran' });
    const second = await rig.run();
    expect(rig.words(second.summary)).toEqual({ a: 'restored', b: 'restored', c: 'restored' });
    expect(rig.digests(second.summary)).toEqual(rig.digests(first.summary));
    expect([rig.runs('a'), rig.runs('b'), rig.runs('c')]).toEqual([1, 1, 1]);
    expect(second.summary.counts).toEqual({ ran: 0, restored: 3, skipped: 0, failed: 0, blocked: 0 });
  });

  test('v0 -> v1 -> v0 gives runs 1, 2, 2', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    await rig.run();
    expect(rig.runs('a')).toBe(1);
    await rig.run({ set: ['stages.a.params.text=other'] });
    expect(rig.runs('a')).toBe(2);
    const third = await rig.run();
    expect(rig.runs('a')).toBe(2);
    expect(rig.words(third.summary)).toEqual({ a: 'restored', b: 'restored', c: 'restored' });
  });

  test('no stage code is loaded when everything is restored', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    await rig.run();
    expect(rig.lines('load')).toHaveLength(3);
    await rig.run();
    expect(rig.lines('load')).toHaveLength(3);
  });

  test('a stage that runs again and gives the same bytes changes nothing after it', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(`
  a: { type: fake.inline, params: { label: a, text: xy, keep: 1 } }
  b: { type: fake.inline, params: { label: b }, inputs: { a: '\${stages.a}' } }
`);
    await rig.run();
    const { summary } = await rig.run({ set: ['stages.a.params.text=xz'] });
    expect(rig.words(summary)).toEqual({ a: 'ran', b: 'restored' });
  });

  test('raising the version of a type runs just its stages and what differs after them', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(`
  a: { type: fake.inline, params: { label: a, text: A } }
  cut: { type: fake.work, params: { label: cut, keep: 0 }, inputs: { a: '\${stages.a}' } }
  whole: { type: fake.work, params: { label: whole }, inputs: { a: '\${stages.a}' } }
  after-cut: { type: fake.inline, params: { label: x }, inputs: { a: '\${stages.cut}' } }
  after-whole: { type: fake.inline, params: { label: y }, inputs: { a: '\${stages.whole}' } }
`);
    await rig.run();
    const { summary } = await rig.run({ versions: { 'fake.work': 2 } });
    expect(rig.words(summary)).toEqual({ a: 'restored', cut: 'ran', whole: 'ran', 'after-cut': 'restored', 'after-whole': 'ran' });
  });

  test('the order of keys and of stages in the file changes no key', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(`
  a: { type: fake.inline, params: { label: a, text: A } }
  b: { type: fake.inline, params: { text: B, label: b }, inputs: { a: '\${stages.a}' } }
`);
    await rig.run();
    rig.pipeline(`
  second: { inputs: { a: '\${stages.first}' }, params: { label: b, text: B }, type: fake.inline }
  first: { params: { text: A, label: a }, type: fake.inline }
`);
    const { summary } = await rig.run();
    expect(rig.words(summary)).toEqual({ first: 'restored', second: 'restored' });
  });

  test('swapping two inputs is another key', async () => {
    await using rig = PipelineRig.create();
    const stages = (a: string, b: string): string => `
  x: { type: fake.inline, params: { label: x, text: X } }
  y: { type: fake.inline, params: { label: y, text: Y } }
  z: { type: fake.inline, params: { label: z }, inputs: { a: '\${stages.${a}}', b: '\${stages.${b}}' } }
`;
    rig.pipeline(stages('x', 'y'));
    await rig.run();
    rig.pipeline(stages('y', 'x'));
    const { summary } = await rig.run();
    expect(rig.words(summary)).toEqual({ x: 'restored', y: 'restored', z: 'ran' });
  });

  test('a skipped stage is skipped, and so is what needs it', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(`
  a: { type: fake.inline, when: false, params: { label: a } }
  b: { type: fake.inline, params: { label: b }, inputs: { a: '\${stages.a}' } }
`);
    const { summary } = await rig.run();
    expect(rig.words(summary)).toEqual({ a: 'skipped', b: 'ran' }); // the port is optional
    expect(rig.runs('a')).toBe(0);
  });

  test('--force runs a stage again and what follows is restored when the bytes are the same', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    await rig.run();
    const { summary, events } = await rig.run({ force: (stage) => stage === 'b' });
    expect(rig.words(summary)).toEqual({ a: 'restored', b: 'ran', c: 'restored' });
    expect(events.find((event) => event.kind === 'stage.started')).toMatchObject({ stage: 'b', reason: 'forced' });
  });

  test('a stage that draws random numbers draws the same ones for the same seed, whatever its name', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(`
  one: { type: fake.random, params: { label: r } }
  two: { type: fake.random, params: { label: r } }
  other: { type: fake.random, params: { label: s } }
`, 'seed: 7\n');
    const digests = rig.digests((await rig.run()).summary);
    expect(digests['one.out']).toBe(digests['two.out']);
    expect(digests['one.out']).not.toBe(digests['other.out']);
    const again = rig.digests((await rig.run({ set: ['seed=8'] })).summary);
    expect(again['one.out']).not.toBe(digests['one.out']);
  });
});

describe('outside files', () => {
  const SOURCE = `
  s: { type: fake.source, params: { file: data.bin } }
  a: { type: fake.inline, params: { label: a }, inputs: { a: '\${stages.s}' } }
`;

  test('changing only the modification time runs nothing', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SOURCE);
    rig.write({ 'data.bin': 'content' });
    await rig.run();
    utimesSync(rig.path('data.bin'), 1_000_000, 1_000_000);
    const { summary } = await rig.run();
    expect(rig.words(summary)).toEqual({ s: 'restored', a: 'restored' });
  });

  test('the same bytes under another path are the same key, other bytes of the same size and time are not', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SOURCE);
    rig.write({ 'data.bin': 'content' });
    settle(rig.path('data.bin'));
    await rig.run();
    renameSync(rig.path('data.bin'), rig.path('moved.bin'));
    expect(rig.words((await rig.run({ set: ['stages.s.params.file=moved.bin'] })).summary)).toEqual({ s: 'restored', a: 'restored' });
    const { atime, mtime } = statSync(rig.path('moved.bin'));
    writeFileSync(rig.path('moved.bin'), 'CONTENT');
    utimesSync(rig.path('moved.bin'), atime, mtime);
    expect(rig.words((await rig.run({ set: ['stages.s.params.file=moved.bin'] })).summary)).toEqual({ s: 'ran', a: 'ran' });
  });

  test('a file that changes while a stage uses it fails the stage and nothing is cached', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SOURCE);
    rig.write({ 'data.bin': 'content' });
    rig.want('hold-source');
    const running = rig.run();
    await rig.until(() => rig.runs('source') === 2); // once noted by the stage, once when it holds
    appendFileSync(rig.path('data.bin'), ' and more');
    rig.release('hold-source');
    const { summary } = await running;
    expect(rig.words(summary)).toEqual({ s: 'failed', a: 'blocked' });
    expect(summary.failures[0]?.error).toMatchObject({ code: 'E_INPUT_CHANGED', message: '"data.txt" changed while "s" was using it' });
    expect(rig.files('records')).toEqual([]);
    expect(rig.words((await rig.run()).summary)).toEqual({ s: 'ran', a: 'ran' });
  });

  test('a file that changes while a later stage reads it is not cached either', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SOURCE);
    rig.write({ 'data.bin': 'content' });
    rig.want('hold-a');
    const running = rig.run();
    await rig.until(() => rig.runs('a') === 1);
    appendFileSync(rig.path('data.bin'), ' and more');
    rig.release('hold-a');
    const { summary } = await running;
    expect(rig.words(summary)).toEqual({ s: 'ran', a: 'failed' });
    expect(rig.files('records')).toHaveLength(1);
  });

  test.each([
    ['edited and put back', (path: string): void => ['CONTENT', 'content'].forEach((text) => writeFileSync(path, text))],
    ['touched', (path: string): void => utimesSync(path, 1_000_000, 1_000_000)],
    ['given another mode', (path: string): void => chmodSync(path, 0o444)],
    ['replaced by an equal copy', (path: string): void => [rmSync(path), writeFileSync(path, 'content')].forEach(() => undefined)],
  ])('a file that is %s while a stage reads it: its result serves this run, is not stored, and the run says so', async (_, touch) => {
    await using rig = PipelineRig.create();
    rig.pipeline(`${SOURCE}  b: { type: fake.inline, params: { label: b }, inputs: { a: '\${stages.a}' } }\n`);
    rig.write({ 'data.bin': 'content' });
    rig.want('hold-a');
    const running = rig.run();
    await rig.until(() => rig.runs('a') === 1);
    touch(rig.path('data.bin'));
    rig.release('hold-a');
    const { summary, events } = await running;
    expect(rig.words(summary)).toEqual({ s: 'ran', a: 'ran', b: 'ran' });
    expect(summary.outcome).toBe('succeeded');
    expect(summary.unsaved).toMatchObject({ stages: ['a'], causes: [{ what: 'result', path: rig.path('data.bin'), message: '"data.txt" was touched while "a" ran', times: 1 }], hint: expect.stringContaining('run again next time') });
    expect(summary.record.unsaved).toEqual(summary.unsaved);
    expect(events.find((event) => event.kind === 'stage.ran' && event.stage === 'a')).toMatchObject({ stored: false });
    expect(rig.words((await rig.run()).summary)).toEqual({ s: 'restored', a: 'ran', b: 'restored' });
    expect(rig.words((await rig.run()).summary)).toEqual({ s: 'restored', a: 'restored', b: 'restored' });
  });

  test('a file that was touched before a stage began is no reason not to store its result', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SOURCE);
    rig.write({ 'data.bin': 'content' });
    rig.want('hold-source');
    const running = rig.run();
    await rig.until(() => rig.runs('source') === 2);
    utimesSync(rig.path('data.bin'), 1_000_000, 1_000_000);
    rig.release('hold-source');
    const { summary } = await running;
    expect(summary.unsaved?.stages).toEqual(['s']);
    expect(rig.words((await rig.run()).summary)).toEqual({ s: 'ran', a: 'restored' });
  });

  test('a forced stage whose file is touched leaves the record that is there, and one that is compared is not accused', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SOURCE);
    rig.write({ 'data.bin': 'content' });
    await rig.run();
    const before = rig.files('records').map((path) => readFileSync(path, 'utf8'));
    for (const how of [{ force: (stage: string) => stage === 'a' }, { checkDeterminism: (stage: string) => stage === 'a' }]) {
      const runs = rig.runs('a');
      rig.want('hold-a', 'dice-a');
      const running = rig.run(how);
      await rig.until(() => rig.runs('a') > runs);
      utimesSync(rig.path('data.bin'), 1_000_000 + runs, 1_000_000);
      rig.release('hold-a');
      const { summary, events } = await running;
      expect(summary.outcome).toBe('succeeded');
      expect(summary.unsaved?.causes).toMatchObject([{ what: 'result' }]);
      expect(events.filter(({ kind }) => kind === 'stage.differs')).toEqual([]);
      rig.release('dice-a');
      expect(rig.files('records').map((path) => readFileSync(path, 'utf8'))).toEqual(before);
    }
  });

  test.each([
    ['and the stage goes on to its end', []],
    ['and its worker is killed', ['kill-m-p']],
  ])('a file that is touched between two memo values, %s: the first stays, nothing made after it and no checkpoint does', async (_, more) => {
    await using rig = PipelineRig.create();
    rig.pipeline(`
  s: { type: fake.source, params: { file: data.bin } }
  m: { type: fake.memo, params: { label: m, chunks: [p, q] }, inputs: { a: '\${stages.s}' } }
`);
    rig.write({ 'data.bin': 'content' });
    rig.want('hold-m-p', ...more);
    const running = rig.run();
    await rig.until(() => rig.runs('m-p') === 1);
    for (const text of ['CONTENT', 'content']) writeFileSync(rig.path('data.bin'), text);
    rig.release('hold-m-p');
    const { summary } = await running;
    expect(rig.words(summary)).toEqual({ s: 'ran', m: more.length === 0 ? 'ran' : 'failed' });
    expect(rig.files('memos')).toHaveLength(1);
    expect(rig.files('checkpoints')).toEqual([]);
    for (const name of more) rig.release(name);
    const { summary: next } = await rig.run();
    expect(rig.words(next)).toEqual({ s: 'restored', m: 'ran' });
    expect(next.record.stages.find(({ name }) => name === 'm')?.metrics).toEqual({ restored: 1 });
    expect(rig.lines('resumed')).toEqual([]);
  });

  test.each([
    ['before it stores a memo value', 'm-p', [], 1, 'E_INPUT_CHANGED'],
    ['after its last memo value', 'm-q', [], 2, 'E_INPUT_CHANGED'],
    ['before its worker is killed', 'm-p', ['kill-m-p'], 1, 'E_STAGE_CRASHED'],
  ])('a file that changes while a stage reads it, %s, leaves neither a memo value made from it nor a checkpoint', async (_, held, more, memos, code) => {
    await using rig = PipelineRig.create();
    rig.pipeline(`
  s: { type: fake.source, params: { file: data.bin } }
  m: { type: fake.memo, params: { label: m, chunks: [p, q] }, inputs: { a: '\${stages.s}' } }
`);
    rig.write({ 'data.bin': 'content' });
    rig.want(`hold-${held}`, ...more);
    const running = rig.run();
    await rig.until(() => rig.runs(held) === 1);
    writeFileSync(rig.path('data.bin'), 'CONTENT');
    rig.release(`hold-${held}`);
    const { summary } = await running;
    expect(rig.words(summary)).toEqual({ s: 'ran', m: 'failed' });
    expect(summary.failures[0]?.error.code).toBe(code);
    expect(rig.files('memos')).toHaveLength(memos);
    expect(rig.files('checkpoints')).toEqual([]);
    for (const name of more) rig.release(name);
    writeFileSync(rig.path('data.bin'), 'content');
    expect(rig.words((await rig.run()).summary)).toEqual({ s: 'restored', m: 'ran' });
    expect(rig.lines('resumed')).toEqual([]);
  });

  test('a missing file fails its stage before anything of it runs', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SOURCE);
    rig.write({ 'data.bin': 'content' });
    const { plan } = rig.plan();
    expect(plan.stages).toHaveLength(2);
    const running = rig.run({ onEvent: (event) => event.kind === 'run.started' && rmSync(rig.path('data.bin')) });
    const { summary } = await running;
    expect(rig.words(summary)).toEqual({ s: 'failed', a: 'blocked' });
    expect(summary.failures[0]?.error.code).toBe('E_EXTERNAL_MISSING');
    expect(rig.runs('source')).toBe(0);
  });

  test('what is made from restricted data is restricted', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(`
  s: { type: fake.source, params: { file: data.bin, restrict: true } }
  free: { type: fake.inline, params: { label: free } }
  a: { type: fake.inline, params: { label: a }, inputs: { a: '\${stages.free}', b: '\${stages.s}' } }
  b: { type: fake.work, params: { label: b }, inputs: { a: '\${stages.a}' } }
`);
    rig.write({ 'data.bin': 'content' });
    for (const words of [{ s: 'ran', free: 'ran', a: 'ran', b: 'ran' }, { s: 'restored', free: 'restored', a: 'restored', b: 'restored' }]) {
      const { summary } = await rig.run();
      expect(rig.words(summary)).toEqual(words);
      expect(Object.fromEntries(summary.record.stages.map(({ name, outputs }) => [name, outputs['out']?.restricted]))).toEqual({ s: true, free: false, a: true, b: true });
      expect(summary.record.restricted).toBe(true);
    }
  });

  test('what was made before its input became restricted is restricted when it is restored', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(`${SOURCE}  b: { type: fake.work, params: { label: b }, inputs: { a: '\${stages.a}' } }\n`);
    rig.write({ 'data.bin': 'content' });
    expect((await rig.run()).summary.record.restricted).toBe(false);
    const { summary } = await rig.run({ set: ['stages.s.params.restrict=true'] });
    expect(rig.words(summary)).toEqual({ s: 'ran', a: 'restored', b: 'restored' });
    expect(summary.record.stages.map(({ outputs }) => outputs['out']?.restricted)).toEqual([true, true, true]);
    expect(summary.outputs.get('b')?.['out']?.restricted).toBe(true);
  });
});

describe('two stages with the same key', () => {
  const TWINS = '  one: { type: fake.work, params: { label: w } }\n  two: { type: fake.work, params: { label: w } }\n';

  test('run once: the second is restored', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(TWINS);
    rig.want('hold-w');
    const running = rig.run();
    await rig.until(() => rig.runs('w') === 1);
    await new Promise((resolve) => setTimeout(resolve, 100)); // time enough for the other to start
    rig.release('hold-w');
    expect(Object.values(rig.words((await running).summary)).sort()).toEqual(['ran', 'restored']);
    expect(rig.runs('w')).toBe(1);
  });

  test('each try when the first fails; without a store the second still takes what the first made', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(TWINS);
    rig.want('fail-w');
    expect(rig.words((await rig.run({ keepGoing: true })).summary)).toEqual({ one: 'failed', two: 'failed' });
    expect(Object.values(rig.words((await rig.run()).summary)).sort()).toEqual(['blocked', 'failed']);
    rig.release('fail-w');
    expect(Object.values(rig.words((await rig.run({ mode: 'off' })).summary)).sort()).toEqual(['ran', 'restored']);
  });
});

describe('failures', () => {
  test('a run that cannot be recorded succeeds all the same, and its summary says so', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    await rig.run();
    rmSync(join(rig.storeDirectory, 'runs'), { recursive: true });
    writeFileSync(join(rig.storeDirectory, 'runs'), 'a file');
    const { summary } = await rig.run();
    expect(rig.words(summary)).toEqual({ a: 'restored', b: 'restored', c: 'restored' });
    expect(summary).toMatchObject({ outcome: 'succeeded', folder: undefined, unsaved: { stages: [], causes: [{ what: 'run', system: 'EEXIST', times: 1 }] } });
  });

  const FORK = `
  bad: { type: fake.inline, params: { label: bad } }
  child: { type: fake.inline, params: { label: child }, inputs: { a: '\${stages.bad}' } }
  grandchild: { type: fake.inline, params: { label: grandchild }, inputs: { a: '\${stages.child}' } }
  sibling: { type: fake.work, params: { label: sibling } }
  nephew: { type: fake.work, params: { label: nephew }, inputs: { a: '\${stages.sibling}' } }
`;

  test('a failed stage leaves no entry and blocks its dependents, and with keepGoing its siblings continue', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(FORK);
    rig.want('fail-bad');
    const { summary, events } = await rig.run({ keepGoing: true });
    expect(rig.words(summary)).toEqual({ bad: 'failed', child: 'blocked', grandchild: 'blocked', sibling: 'ran', nephew: 'ran' });
    expect(summary.outcome).toBe('failed');
    expect(summary.failures).toMatchObject([{ stage: 'bad', error: { code: 'E_DATA', message: '"bad" was told to fail', facts: { expected: 'luck', found: 'none' }, hint: 'Try again.' } }]);
    expect(events.filter((event) => event.kind === 'stage.blocked')).toEqual([
      { kind: 'stage.blocked', stage: 'child', by: 'bad' },
      { kind: 'stage.blocked', stage: 'grandchild', by: 'bad' },
    ]);
    expect(rig.files('records')).toHaveLength(2);
    rig.release('fail-bad');
    expect(rig.words((await rig.run()).summary)).toEqual({ bad: 'ran', child: 'ran', grandchild: 'ran', sibling: 'restored', nephew: 'restored' });
  });

  test('without keepGoing what runs already ends in good order and nothing new starts', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(FORK);
    rig.want('fail-bad', 'hold-bad', 'hold-sibling');
    const running = rig.run();
    await rig.until(() => rig.runs('sibling') === 1 && rig.runs('bad') === 1);
    rig.release('hold-bad');
    await rig.until(() => rig.files('runs').some((file) => file.endsWith('events.ndjson') && readFileSync(file, 'utf8').includes('stage.failed')));
    rig.release('hold-sibling');
    const { summary } = await running;
    expect(rig.words(summary)).toEqual({ bad: 'failed', child: 'blocked', grandchild: 'blocked', sibling: 'ran', nephew: 'blocked' });
  });

  test('a declared output without a file is an error, and a bug in a stage is told apart from an expected failure', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(`
  silent: { type: fake.inline, params: { label: silent } }
  buggy: { type: fake.work, params: { label: buggy } }
`);
    rig.want('silent-silent', 'bug-buggy');
    const { summary } = await rig.run({ keepGoing: true });
    const errors = Object.fromEntries(summary.failures.map(({ stage, error }) => [stage, error]));
    expect(errors['silent']).toMatchObject({ code: 'E_OUTPUT_MISSING', message: '"silent" wrote no file into its output "out"' });
    expect(errors['buggy']).toMatchObject({ code: 'BUG', message: 'a mistake in the stage' });
    expect(rig.files('records')).toEqual([]);
    expect(rig.files('staging')).toEqual([]);
  });
});

describe('damage', () => {
  test('a corrupt object is found when it is read, and the stage that made it runs again in the same run', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    const first = await rig.run();
    const [object] = rig.files('objects') as [string];
    const bytes = readFileSync(object);
    bytes[PAD - 1] = 0x21;
    chmodSync(object, 0o644);
    writeFileSync(object, bytes);
    const { summary, events } = await rig.run({ set: ['stages.b.params.text=other'] });
    expect(rig.words(summary)).toEqual({ a: 'ran', b: 'ran', c: 'ran' });
    expect(summary.outcome).toBe('succeeded');
    expect(rig.digests(summary)['a.out']).toBe(rig.digests(first.summary)['a.out']);
    expect(events.filter((event) => event.kind === 'store.damaged')).toHaveLength(1);
    expect(rig.files('quarantine')).toHaveLength(1);
    await assertStoreInvariants(rig.storeDirectory);
  });

  test('a corrupt object that goes into the results is found even if no stage reads it', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    await rig.run();
    const [object] = rig.files('objects') as [string];
    chmodSync(object, 0o644);
    writeFileSync(object, '!'.repeat(statSync(object).size));
    const { summary } = await rig.run();
    expect(rig.words(summary)).toEqual({ a: 'ran', b: 'restored', c: 'restored' });
  });

  test('a damaged chunk is made again without making the others', async () => {
    await using rig = PipelineRig.create();
    const stages = (text: string): string => `
  m: { type: fake.memo, params: { label: m, chunks: [p, q, r], pad: ${PAD} } }
  a: { type: fake.inline, params: { label: a, text: ${text} }, inputs: { a: '\${stages.m}' } }
`;
    rig.pipeline(stages('A'));
    await rig.run();
    expect(rig.lines('chunk')).toEqual(['chunk p', 'chunk q', 'chunk r']);
    const object = rig.files('objects').find((file) => readFileSync(file, 'utf8').startsWith('q')) as string;
    chmodSync(object, 0o644);
    writeFileSync(object, 'x'.repeat(statSync(object).size));
    rig.pipeline(stages('B'));
    const { summary } = await rig.run();
    expect(rig.words(summary)).toEqual({ m: 'ran', a: 'ran' });
    expect(rig.lines('chunk')).toEqual(['chunk p', 'chunk q', 'chunk r', 'chunk q']);
    await assertStoreInvariants(rig.storeDirectory);
  });

  test('deleting a random subset of the cache never changes any output', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(`
  a: { type: fake.inline, params: { label: a, text: A, pad: ${PAD} } }
  b: { type: fake.work, params: { label: b, text: B, pad: ${PAD} }, inputs: { a: '\${stages.a}' } }
  m: { type: fake.memo, params: { label: m, chunks: [p, q], pad: ${PAD} }, inputs: { a: '\${stages.b}' } }
  c: { type: fake.inline, params: { label: c, text: C, pad: ${PAD} }, inputs: { a: '\${stages.b}', b: '\${stages.m}' } }
`);
    const expected = rig.digests((await rig.run()).summary);
    const random = new Random('perturb');
    for (let round = 0; round < 12; round += 1) {
      for (const file of [...rig.files('objects'), ...rig.files('records'), ...rig.files('memos')]) if (random.uniform() < 0.4) rmSync(file);
      const { summary } = await rig.run();
      expect(rig.digests(summary)).toEqual(expected);
      expect(summary.outcome).toBe('succeeded');
    }
    await assertStoreInvariants(rig.storeDirectory);
  });
});

describe('cache modes', () => {
  test('mode off looks at nothing, writes nothing and gives the same bytes', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(`${CHAIN}  w: { type: fake.memo, params: { label: w, chunks: [p, q], pad: ${PAD} }, inputs: { a: '\${stages.a}' } }\n`);
    const off = await rig.run({ mode: 'off' });
    expect(rig.words(off.summary)).toEqual({ a: 'ran', b: 'ran', c: 'ran', w: 'ran' });
    expect(off.summary.folder).toBeUndefined();
    expect([...rig.files('records'), ...rig.files('objects'), ...rig.files('runs')]).toEqual([]);
    expect(rig.digests((await rig.run()).summary)).toEqual(rig.digests(off.summary));
  });

  test('mode read restores what is there and keeps the rest to itself', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(CHAIN);
    await rig.run();
    const before = rig.files('.');
    const { summary, events } = await rig.run({ mode: 'read', set: ['stages.b.params.text=new'] });
    expect(rig.words(summary)).toEqual({ a: 'restored', b: 'ran', c: 'ran' });
    expect(events.filter((event) => event.kind === 'stage.ran').map((event) => event.stored)).toEqual([false, false]);
    expect(rig.files('.')).toEqual(before);
  });
});

test('an error of whoever listens ends the run instead of being lost', async () => {
  await using rig = PipelineRig.create();
  rig.pipeline(CHAIN);
  const running = rig.run({
    onEvent: (event) => {
      if (event.kind === 'stage.ran' && event.stage === 'b') throw new RangeError('broken listener');
    },
  });
  await expect(running).rejects.toThrow('broken listener');
  expect(rig.runs('c')).toBe(0);
  expect(rig.words((await rig.run()).summary)).toEqual({ a: 'restored', b: 'restored', c: 'ran' });
});
