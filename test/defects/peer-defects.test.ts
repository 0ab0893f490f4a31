/**
 * Defects that were found in the keys and caches of other pipeline engines and build tools, one test each, named after what ours does instead. Where other
 * tests go deeper, they are named in the last column; the test here is the sentence, short.
 *
 *   where it was found                      defect                                                        test here        deeper
 *   moon                                    order of arguments ignored                                    row 1            engine/key
 *   lage                                    contents of two inputs swapped, same key                      row 2            engine/key
 *   wireit                                  a kill while storing, later a partial restore                 row 3            engine/kill, npm run test:syscalls
 *   turbo, wireit, moon, nx                 input edited while a stage runs poisons the cache             row 4            engine/execute
 *   lage, nx                                same size, time set back: stale                               row 5            engine/external-digests
 *   wireit, lage, moon                      tampered entry restored silently                              row 6            engine/store/corruption, npm run test:damage
 *   wireit, Nextflow, DVC                   chmod +x of an input is invisible                             row 7
 *   Snakemake                               names of parameters not compared                              row 8            engine/key
 *   Snakemake                               code compared by time, imports never                          row 9            engine/key, stages-lock
 *   Nextflow, Snakemake, lage               undelimited concatenation, null hashes to nothing             row 10           engine/canonical
 *   Snakemake --cache                       port and file bound by sorted hashes                          row 11           engine/key
 *   Nextflow #4106                          content without name                                          row 12           engine/artifact-seal
 *   Nextflow #6198                          two folders with permuted contents are equal                  row 13           engine/artifact-seal
 *   redun                                   path and size only                                            row 14           engine/external-digests
 *   DVC < 3                                 line ends normalised before hashing                           row 15
 *   DVC #9913                               a removed dependency or parameter invalidates nothing         row 16           engine/key
 *   DVC #11058                              digest of an input taken after the command                    row 17           engine/execute
 *   moon                                    unset is the same as empty                                    row 18           engine/expression
 *   wireit                                  sorting by locale in the key; empty folders ignored           row 19           engine/canonical
 *   turbo, Shake, Nextflow                  digests of 64, 32 or 128 bits                                 row 20           core/digest
 *   nx #27965, turbo #13918                 key computed before what is upstream has finished             row 21           engine/execute
 *   nx #36932                               a failure replayed as a success                               row 22           engine/execute
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, chmodSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf, type Digest } from '../../src/core/digest.js';
import type { ArtifactFile } from '../../src/engine/artifact.js';
import { sealArtifact } from '../../src/engine/artifact-seal.js';
import { StagingWriter } from '../../src/engine/artifact-writer.js';
import { canonicalEncode } from '../../src/engine/canonical.js';
import { stageKey } from '../../src/engine/key.js';
import type { KeyMaterial } from '../../src/engine/record.js';
import { FakeProject } from '../cli/fake-project.js';
import { PipelineRig } from '../rigs/pipeline-rig.js';
import { assertStoreInvariants } from '../rigs/store-invariants.js';
import { StoreRig } from '../rigs/store-rig.js';

const PAD = 5000; // more than fits into a record
const MATERIAL: KeyMaterial = { format: 1, type: 't', version: 1, code: null, params: {}, inputs: {}, externals: {}, services: {}, seed: null };
const key = (change: Partial<KeyMaterial>): string => stageKey({ ...MATERIAL, ...change });

/** Two outside files that a third stage joins in this order. */
const TWO_FILES = `
  left: { type: fake.source, params: { label: side, file: left.bin } }
  right: { type: fake.source, params: { label: side, file: right.bin } }
`;

async function wordsAfter(rig: PipelineRig, set: readonly string[] = []): Promise<Record<string, string>> {
  return rig.words((await rig.run({ set })).summary);
}

describe('what other engines leave out of their keys', () => {
  test('row 1: the order in a list of values is part of the key, so reordered values run again', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline('  m: { type: fake.memo, params: { label: m, chunks: [one, two] } }\n');
    expect(await wordsAfter(rig)).toEqual({ m: 'ran' });
    expect(await wordsAfter(rig, ['stages.m.params.chunks=[two, one]'])).toEqual({ m: 'ran' });
    expect(await wordsAfter(rig)).toEqual({ m: 'restored' });
  });

  test('row 2: two inputs whose contents were swapped run again', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(`${TWO_FILES}  both: { type: fake.inline, params: { label: both }, inputs: { a: '\${stages.left}', b: '\${stages.right}' } }\n`);
    rig.write({ 'left.bin': 'one', 'right.bin': 'two' });
    await rig.run();
    rig.write({ 'left.bin': 'two', 'right.bin': 'one' });
    // The sources themselves are known: their key is the content, wherever it lies.
    expect(await wordsAfter(rig)).toEqual({ left: 'restored', right: 'restored', both: 'ran' });
    expect(rig.runs('both')).toBe(2);
  });

  test('row 8: two parameters that exchange their values run again, and so does a value that moves to another name', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline('  a: { type: fake.inline, params: { label: one, text: two } }\n');
    await rig.run();
    expect(await wordsAfter(rig, ['stages.a.params.label=two', 'stages.a.params.text=one'])).toEqual({ a: 'ran' });
    expect(key({ params: { x: 1, y: 2 } })).not.toBe(key({ params: { x: 2, y: 1 } }));
    expect(key({ params: { x: 1 } })).not.toBe(key({ params: { y: 1 } }));
    expect(key({ params: { x: 1, y: 1 } })).not.toBe(key({ params: { x: 1 } }));
  });

  test('row 9: the version of a type and the digest of user code are in the key, times of files are not', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline('  a: { type: fake.inline, params: { label: a } }\n');
    await rig.run();
    expect(rig.words((await rig.run({ versions: { 'fake.inline': 2 } })).summary)).toEqual({ a: 'ran' });
    expect(await wordsAfter(rig)).toEqual({ a: 'restored' });
    expect(key({ code: digestOf('with its imports') })).not.toBe(key({ code: digestOf('with its imports, one changed') }));
    expect(key({ code: digestOf('with its imports') })).not.toBe(key({ code: null }));
  });

  test('row 10: values are delimited and typed: no two different structures have one encoding', () => {
    const values = [['ab', 'c'], ['a', 'bc'], ['abc'], 'abc', null, '', [], {}, [null], [''], [[]], 0, '0', false, 'false', { a: null }, { a: '' }, { a: 1, b: 2 }, { a: 2, b: 1 }, [1, 2], [2, 1], [[1], 2], [[1, 2]]];
    const encodings = values.map((value) => Buffer.from(canonicalEncode('test/1', value)).toString('hex'));
    expect(new Set(encodings).size).toBe(values.length);
    expect(() => canonicalEncode('test/1', { a: undefined } as never)).toThrow();
  });

  test('row 11: which content is at which port is in the key', () => {
    const [a, b] = [digestOf('a'), digestOf('b')];
    expect(key({ inputs: { x: [a], y: [b] } })).not.toBe(key({ inputs: { x: [b], y: [a] } }));
    expect(key({ inputs: { x: [a, b] } as never })).not.toBe(key({ inputs: { x: [b, a] } as never }));
    expect(key({ inputs: { x: [a] } })).not.toBe(key({ inputs: { y: [a] } }));
  });

  const file = (name: string, content: string): ArtifactFile => ({ name, digest: digestOf(content), size: content.length, inline: Buffer.from(content).toString('base64') });
  const seal = (...files: ArtifactFile[]): Digest => sealArtifact({ type: 'T', files, restricted: false }).digest;

  test('row 12: the name of a file is part of what a stage made, and of what it reads from outside', () => {
    expect(seal(file('a.txt', 'same'))).not.toBe(seal(file('b.txt', 'same')));
    expect(key({ externals: { 'a.txt': digestOf('same') } })).not.toBe(key({ externals: { 'b.txt': digestOf('same') } }));
  });

  test('row 13: two sets of files whose contents are permuted are different', () => {
    expect(seal(file('a', '1'), file('b', '2'))).not.toBe(seal(file('a', '2'), file('b', '1')));
    expect(seal(file('a', '1'), file('b', '2'))).toBe(seal(file('b', '2'), file('a', '1')));
    expect(key({ externals: { a: digestOf('1'), b: digestOf('2') } })).not.toBe(key({ externals: { a: digestOf('2'), b: digestOf('1') } }));
  });

  test('row 16: a parameter or an input that is taken away runs again', async () => {
    await using rig = PipelineRig.create();
    const stages = (params: string, inputs: string): string => `
  x: { type: fake.inline, params: { label: x } }
  y: { type: fake.inline, params: { label: y, ${params} }, inputs: { a: '\${stages.x}'${inputs} } }
`;
    rig.pipeline(stages('text: T', ", b: '${stages.x}'"));
    await rig.run();
    rig.pipeline(stages('', ", b: '${stages.x}'"));
    expect(await wordsAfter(rig)).toEqual({ x: 'restored', y: 'ran' });
    rig.pipeline(stages('text: T', ''));
    expect(await wordsAfter(rig)).toEqual({ x: 'restored', y: 'ran' });
    // Written out or left to its default is the same value, and so the same key.
    rig.pipeline(stages("text: ''", ", b: '${stages.x}'"));
    expect(await wordsAfter(rig)).toEqual({ x: 'restored', y: 'restored' });
  });

  test('row 18: an environment variable that is empty is not one that is unset', async () => {
    using project = new FakeProject();
    project.write('demo.yaml', 'name: demo\nenv: [MODE]\nstages:\n  number:\n    type: fake.number\n    params: { value: "${env.MODE == null ? 1 : 2}" }\n');
    for (const env of [{}, { MODE: '' }, {}, { MODE: '' }]) expect((await project.run(['run', 'demo.yaml'], { env })).code).toBe(0);
    expect(project.runs).toEqual(['fake.number', 'fake.number']);
    expect(key({ params: { x: null } })).not.toBe(key({ params: { x: '' } }));
    expect(key({ params: { x: null } })).not.toBe(key({ params: {} }));
  });

  test('row 19: names are sorted by their bytes and not by a locale, and an empty folder is no silent nothing', async () => {
    const names = ['z', 'ä', 'a', 'Z', 'é', '\u{1f600}', '\ufffd', 'e\u0301', '10', '9'];
    const encoded = (order: readonly string[]): string => Buffer.from(canonicalEncode('test/1', Object.fromEntries(order.map((name) => [name, 1])))).toString('hex');
    expect(encoded([...names].reverse())).toBe(encoded(names));
    const sorted = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const places = sorted.map((name) => encoded(names).indexOf(Buffer.from(`s${Buffer.byteLength(name)}:${name}i1;`).toString('hex')));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places).not.toContain(-1);

    await using rig = new StoreRig();
    const writer = new StagingWriter('output "out"', join(rig.folder, 'out'), new Map());
    mkdirSync(writer.path('empty'));
    await expect(writer.finish(await rig.open())).rejects.toMatchObject({ code: 'E_OUTPUT_MISSING', facts: { found: 'a folder' } });
  });

  test('row 20: every key and every digest is a whole sha256', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(`  a: { type: fake.inline, params: { label: a, pad: ${PAD} } }\n`);
    const { summary } = await rig.run();
    const [stage] = summary.record.stages;
    expect(stage?.key).toMatch(/^[0-9a-f]{64}$/);
    for (const path of rig.files('objects')) expect(createHash('sha256').update(readFileSync(path)).digest('hex')).toBe(path.slice(-65).replace('/', ''));
    expect(stage?.key).toBe(createHash('sha256').update(canonicalEncode('stage-key/1', JSON.parse(readFileSync(rig.files('records')[0] as string, 'utf8')).record.material)).digest('hex'));
  });
});

describe('what other engines do not see of a file', () => {
  const SOURCE = `
  s: { type: fake.source, params: { file: data.bin } }
  a: { type: fake.inline, params: { label: a }, inputs: { a: '\${stages.s}' } }
`;
  const settled = (path: string): void => utimesSync(path, 1_000_000, 1_000_000);

  test('row 4: an input edited while a stage runs and put back afterwards never answers for the old content', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SOURCE);
    rig.write({ 'data.bin': 'content' });
    rig.want('hold-a');
    const running = rig.run();
    await rig.until(() => rig.runs('a') === 1);
    writeFileSync(rig.path('data.bin'), 'CONTENT'); // what `a` reads now
    rig.release('hold-a');
    expect(rig.words((await running).summary)).toEqual({ s: 'ran', a: 'failed' });
    writeFileSync(rig.path('data.bin'), 'content');
    const { summary } = await rig.run();
    expect(rig.words(summary)).toEqual({ s: 'restored', a: 'ran' });
    expect(readFileSync(rig.path('data.bin'), 'utf8')).toBe('content');
  });

  test('row 5: an edit of the same size with the modification time put back runs again', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SOURCE);
    rig.write({ 'data.bin': 'content' });
    settled(rig.path('data.bin'));
    await rig.run();
    writeFileSync(rig.path('data.bin'), 'CONTENT');
    settled(rig.path('data.bin'));
    expect(await wordsAfter(rig)).toEqual({ s: 'ran', a: 'ran' });
  });

  test('row 7: what a stage hands on has bytes and names only: its mode reaches nobody, so it cannot be missed in a key', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(`  m: { type: fake.inline, params: { label: m, pad: ${PAD} } }\n  n: { type: fake.inline, params: { label: n }, inputs: { a: '\${stages.m}' } }\n${SOURCE}`);
    rig.write({ 'data.bin': '#!/bin/sh\n' });
    await rig.run();
    for (const path of rig.files('objects')) expect(statSync(path).mode & 0o777).toBe(0o444);
    chmodSync(rig.path('data.bin'), 0o755); // a stage is handed the content of an outside file, so this is no other input
    expect(Object.values(await wordsAfter(rig))).toEqual(['restored', 'restored', 'restored', 'restored']);
  });

  test('row 14: the same path with the same size and other bytes runs again', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SOURCE);
    rig.write({ 'data.bin': '1111111' });
    await rig.run();
    rig.write({ 'data.bin': '2222222' });
    expect(await wordsAfter(rig)).toEqual({ s: 'ran', a: 'ran' });
  });

  test('row 15: line ends are bytes like any other', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SOURCE);
    const contents = ['a\nb\n', 'a\r\nb\r\n', 'a\rb\r', 'a\nb', Buffer.from([97, 13, 10, 0, 255]).toString('latin1')];
    for (const content of contents) {
      rig.write({ 'data.bin': content });
      expect(await wordsAfter(rig)).toEqual({ s: 'ran', a: 'ran' });
    }
    rig.write({ 'data.bin': contents[1] as string });
    expect(await wordsAfter(rig)).toEqual({ s: 'restored', a: 'restored' });
  });

  test('row 17: the digest of an input is of before the stage ran: what was edited meanwhile runs again', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(SOURCE);
    rig.write({ 'data.bin': 'content' });
    rig.want('hold-source');
    const running = rig.run();
    await rig.until(() => rig.runs('source') === 2); // once noted by the stage, once when it holds
    appendFileSync(rig.path('data.bin'), ', and more');
    rig.release('hold-source');
    expect(rig.words((await running).summary)).toEqual({ s: 'failed', a: 'blocked' });
    expect(await wordsAfter(rig)).toEqual({ s: 'ran', a: 'ran' }); // the new content was never taken for done
  });
});

describe('what other engines restore or replay', () => {
  test('row 3: a kill while outputs are being stored never leaves an entry that is restored in part', async () => {
    await using rig = PipelineRig.create();
    const chunks = Array.from({ length: 80 }, (_, i) => `c${i}`).join(', ');
    rig.pipeline(`  m: { type: fake.memo, params: { label: m, chunks: [${chunks}], pad: ${PAD} } }\n`);
    const expected = rig.digests((await rig.run({ mode: 'off' })).summary);
    for (const enough of [1, 20, 60]) {
      rmSync(rig.storeDirectory, { recursive: true, force: true });
      const child = rig.spawnRun();
      await rig.until(() => rig.files('objects').length >= enough);
      process.kill(-(child.pid as number), 'SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
      await assertStoreInvariants(rig.storeDirectory);
      const stored = rig.files('records').length;
      const { summary } = await rig.run();
      expect(rig.words(summary)).toEqual({ m: stored === 1 ? 'restored' : 'ran' });
      expect(rig.digests(summary)).toEqual(expected);
      expect(summary.outputs.get('m')?.['out']?.files).toHaveLength(81);
    }
  });

  test('row 6: an entry that somebody changed is found, set aside, reported and computed again', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(`  a: { type: fake.inline, params: { label: a, pad: ${PAD} } }\n  b: { type: fake.inline, params: { label: b, keep: 10 }, inputs: { a: '\${stages.a}' } }\n`);
    const expected = rig.digests((await rig.run()).summary);
    const tampered = [...rig.files('objects'), ...rig.files('records')];
    expect(tampered).toHaveLength(3);
    for (const path of tampered) {
      const bytes = readFileSync(path);
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
      chmodSync(path, 0o644);
      writeFileSync(path, bytes);
    }
    const { summary, events } = await rig.run();
    expect(rig.words(summary)).toEqual({ a: 'ran', b: 'ran' });
    expect(rig.digests(summary)).toEqual(expected);
    expect(events.filter(({ kind }) => kind === 'store.damaged').length).toBeGreaterThanOrEqual(2);
    expect(rig.files('quarantine')).toHaveLength(3);
    await assertStoreInvariants(rig.storeDirectory);
  });

  test('row 21: the key of a stage is made from what its inputs really came out as', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(`
  a: { type: fake.work, params: { label: a, text: one } }
  b: { type: fake.inline, params: { label: b }, inputs: { a: '\${stages.a}' } }
  c: { type: fake.inline, params: { label: c }, inputs: { a: '\${stages.b}' } }
`);
    await rig.run();
    rig.want('hold-a');
    const running = rig.run({ set: ['stages.a.params.text=two'] });
    await rig.until(() => rig.runs('a') === 2);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([rig.runs('b'), rig.runs('c')]).toEqual([1, 1]); // nothing is looked up for them before `a` has ended
    rig.release('hold-a');
    const { summary } = await running;
    expect(rig.words(summary)).toEqual({ a: 'ran', b: 'ran', c: 'ran' });
    expect(rig.words((await rig.run({ set: ['stages.a.params.text=two'] })).summary)).toEqual({ a: 'restored', b: 'restored', c: 'restored' });
  });

  test('row 22: a stage that failed fails again and is never replayed as a success', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline('  a: { type: fake.inline, params: { label: a } }\n  w: { type: fake.work, params: { label: w } }\n');
    rig.want('fail-a', 'exit-w');
    for (const times of [1, 2]) {
      const { summary } = await rig.run({ keepGoing: true });
      expect(summary.outcome).toBe('failed');
      expect(rig.words(summary)).toEqual({ a: 'failed', w: 'failed' });
      expect([rig.runs('a'), rig.runs('w')]).toEqual([times, times]);
    }
    expect(rig.files('records')).toEqual([]);
    rig.release('fail-a', 'exit-w');
    expect(await wordsAfter(rig)).toEqual({ a: 'ran', w: 'ran' });
    expect(await wordsAfter(rig)).toEqual({ a: 'restored', w: 'restored' });
  });
});
