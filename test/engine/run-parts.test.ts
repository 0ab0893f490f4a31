import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Digest } from '../../src/core/digest.js';
import { digestOf } from '../../src/core/digest.js';
import { checkFileName } from '../../src/engine/artifact-name.js';
import { diffMaterial } from '../../src/engine/diff-material.js';
import { Gate } from '../../src/engine/gate.js';
import { stageKey } from '../../src/engine/key.js';
import { LineSplitter } from '../../src/engine/line-splitter.js';
import { publishedFiles } from '../../src/engine/published-files.js';
import type { KeyMaterial } from '../../src/engine/record.js';
import type { StageManifest } from '../../src/engine/stage.js';

describe('names of files in artifacts', () => {
  test.each(['a', 'maps/v1.npy', 'a.b/c d/é.png', '..a', 'a..b/c', '.hidden'])('%j is a name', (name) => expect(() => checkFileName(name)).not.toThrow());
  test.each(['', '/a', 'a/', 'a//b', '../a', 'a/../b', './a', 'a/.', 'C:/x', 'a\\b', 'a\0b', 'a\nb', 'x'.repeat(241), 'x/'.repeat(600) + 'x'])('%j is refused', (name) => {
    expect(() => checkFileName(name)).toThrow(expect.objectContaining({ code: 'E_DATA' }));
  });
});

const D = (text: string): Digest => digestOf(text);
const MATERIAL: KeyMaterial = { format: 1, type: 't', version: 1, code: null, params: { steps: 64, nested: { a: 1, b: [1, 2] } }, inputs: { features: [D('f')] }, externals: { 'a/b.h5': D('e') }, services: { tensor: 'onnxruntime-cpu' }, seed: 1 };
const texts = (after: Partial<KeyMaterial>): string[] => diffMaterial(MATERIAL, { ...MATERIAL, ...after }).map(({ text }) => text);

describe('the difference of two key materials', () => {
  test('names each changed leaf', () => {
    expect(texts({})).toEqual([]);
    expect(texts({ version: 2 })).toEqual(['version 1 → 2']);
    expect(texts({ params: { steps: 128, nested: { a: 1, b: [1, 3] } } })).toEqual(['params.nested.b [1,2] → [1,3]', 'params.steps 64 → 128']);
    expect(texts({ params: { nested: { a: 1, b: [1, 2], c: null }, new: 'x' } })).toEqual(['params.nested.c added: null', 'params.new added: "x"', 'params.steps removed: 64']);
    expect(texts({ inputs: { features: [D('g')] } })).toEqual(['inputs.features changed']);
    expect(texts({ inputs: {} })).toEqual(['inputs.features removed']);
    expect(texts({ externals: { 'a/b.h5': D('x'), c: D('y') } })).toEqual(['externals.a/b.h5 changed', 'externals.c added']);
    expect(texts({ services: { tensor: 'tensorflow' }, seed: null })).toEqual(['seed 1 → null', 'services.tensor "onnxruntime-cpu" → "tensorflow"']);
  });

  test('is empty exactly when the key is the same', () => {
    const json = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 2 }, fc.integer(), fc.boolean(), fc.string({ unit: 'grapheme' }), fc.constant(null), fc.array(tie('value'), { maxLength: 2 }), fc.dictionary(fc.constantFrom('a', 'b', '__proto__x'), tie('value'), { maxKeys: 2 })),
    })).value;
    const params = fc.dictionary(fc.constantFrom('a', 'b', 'c'), json, { maxKeys: 3 });
    fc.assert(
      fc.property(params, params, (p, q) => {
        const [a, b] = [{ ...MATERIAL, params: p as never }, { ...MATERIAL, params: q as never }];
        expect(diffMaterial(a, b).length === 0).toBe(stageKey(a) === stageKey(b));
      }),
      { numRuns: 300 },
    );
  });
});

describe('published files', () => {
  const manifest = (publish: string[]): StageManifest => ({ outputs: { out: { type: 'T', description: '', publish }, quiet: { type: 'T', description: '' } } }) as unknown as StageManifest;
  const artifact = (...names: string[]) => ({ type: 'T', digest: D('x'), files: names.map((name) => ({ name, digest: D(name), size: 1 })) });
  const matching = (pattern: string, ...names: string[]): string[] => publishedFiles(manifest([pattern]), { out: artifact(...names), quiet: artifact('z') }).map(({ file }) => file.name);

  test('a star matches within one segment of the path', () => {
    expect(matching('*.png', 'a.png', 'x/a.png', 'b.json', '.png')).toEqual(['a.png', '.png']);
    expect(matching('maps/*', 'maps/a', 'maps/b/c', 'maps')).toEqual(['maps/a']);
    expect(matching('a*b*c', 'abc', 'aXbYc', 'ab', 'aXcb', 'abcabc')).toEqual(['abc', 'aXbYc', 'abcabc']);
    expect(matching('a*a', 'a', 'aa')).toEqual(['aa']);
    expect(matching('dreams.json', 'dreams.json', 'dreamsXjson')).toEqual(['dreams.json']);
  });
});

test('lines come whole however the bytes arrive', () => {
  const text = 'ä one\ntwo\r\nprogress 1\rprogress 2\nlast';
  const bytes = Buffer.from(text);
  for (let size = 1; size < bytes.length; size += 1) {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line));
    for (let i = 0; i < bytes.length; i += size) splitter.push(bytes.subarray(i, i + size));
    splitter.end();
    expect(lines).toEqual(['ä one', 'two', 'progress 1', 'progress 2', 'last']);
  }
});

test('a gate lets so many through at a time, also after a failure', async () => {
  const gate = new Gate(2);
  let inside = 0;
  let most = 0;
  const work = async (i: number): Promise<number> => {
    inside += 1;
    most = Math.max(most, inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside -= 1;
    if (i === 1) throw new RangeError('one');
    return i;
  };
  const results = await Promise.allSettled(Array.from({ length: 7 }, (_, i) => gate.run(() => work(i))));
  expect(most).toBe(2);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', ...Array<string>(5).fill('fulfilled')]);
});
