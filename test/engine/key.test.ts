import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/core/digest.js';
import { memoKey, stageKey, stageSeed } from '../../src/engine/key.js';
import type { KeyMaterial } from '../../src/engine/record.js';

const d = digestOf;
const base: KeyMaterial = {
  format: 1,
  type: 'readout.ridge',
  version: 3,
  code: null,
  params: { alphas: [1, 10, 100], folds: 5 },
  inputs: { features: [d('features')], voxels: [d('voxels')] },
  externals: { 'nsddata/experiments/nsd/nsd_expdesign.mat': d('design') },
  services: { tensor: 'onnxruntime-cpu' },
  seed: 7,
};

describe('stage key', () => {
  test('golden keys do not change: a change here throws every cache away', () => {
    expect(stageKey(base)).toMatchInlineSnapshot(`"d90a53adeb503a4a993d54d968813f9a24d7675d5fdd953d562f9cabdfcb6cb0"`);
    expect(memoKey({ type: 'features.extract', version: 1, struct: { layer: 'conv2', chunk: [0, 256] } })).toMatchInlineSnapshot(`"082a6cdf9de1257593553c0161f6759ffbf668e25087eaa1033b4ef1a35f619e"`);
    expect(stageSeed(base)).toMatchInlineSnapshot(`"e6228b0af797b81602cd13f7bb237415e9d506ddee903071c33145651b7567ca"`);
  });

  const changes: [string, Partial<KeyMaterial>][] = [
    ['type', { type: 'readout.lasso' }],
    ['version', { version: 4 }],
    ['code', { code: d('bundle') }],
    ['a parameter', { params: { alphas: [1, 10, 1000], folds: 5 } }],
    ['a parameter that is added', { params: { alphas: [1, 10, 100], folds: 5, intercept: true } }],
    ['a parameter that is null and not absent', { params: { alphas: [1, 10, 100], folds: 5, intercept: null } }],
    ['the order in a list', { params: { alphas: [10, 1, 100], folds: 5 } }],
    ['the content of an input', { inputs: { features: [d('others')], voxels: [d('voxels')] } }],
    ['two inputs whose contents are swapped', { inputs: { features: [d('voxels')], voxels: [d('features')] } }],
    ['the name of a port', { inputs: { layers: [d('features')], voxels: [d('voxels')] } }],
    ['an optional input that is connected', { inputs: { ...base.inputs, mask: [d('mask')] } }],
    ['the order of a list of inputs', { inputs: { features: [d('a'), d('b')], voxels: [d('voxels')] } }],
    ['an input that is one of many', { inputs: { features: [{ labels: {}, digest: d('features') }], voxels: [d('voxels')] } }],
    ['the labels of one of many', { inputs: { features: [{ labels: { n: 1 }, digest: d('features') }], voxels: [d('voxels')] } }],
    ['a label that is text and not a number', { inputs: { features: [{ labels: { n: '1' }, digest: d('features') }], voxels: [d('voxels')] } }],
    ['the content of an outside file', { externals: { 'nsddata/experiments/nsd/nsd_expdesign.mat': d('edited') } }],
    ['the logical name of an outside file', { externals: { 'nsd_expdesign.mat': d('design') } }],
    ['the numeric family of a service', { services: { tensor: 'tfjs-cuda' } }],
    ['the seed', { seed: 8 }],
    ['a seed that is absent', { seed: null }],
  ];
  test.each(changes)('changes with %s', (_, change) => {
    expect(stageKey({ ...base, ...change })).not.toBe(stageKey(base));
  });

  test('all of these changes give different keys', () => {
    const keys = changes.map(([, change]) => stageKey({ ...base, ...change }));
    expect(new Set([...keys, stageKey(base)]).size).toBe(changes.length + 1);
  });

  test('does not depend on the order in which keys were written', () => {
    const turned = Object.fromEntries(Object.entries(base).reverse()) as unknown as KeyMaterial;
    const params = { folds: 5, alphas: [1, 10, 100] };
    const inputs = { voxels: [d('voxels')], features: [d('features')] };
    expect(stageKey({ ...turned, params, inputs })).toBe(stageKey(base));
  });

  test('a stage key and a memo key of the same material differ', () => {
    expect(memoKey(base as never)).not.toBe(stageKey(base));
  });
});

describe('stage seed', () => {
  test.each<[string, Partial<KeyMaterial>]>([
    ['the seed', { seed: 8 }],
    ['the type', { type: 'dream' }],
    ['a parameter', { params: { alphas: [1], folds: 5 } }],
  ])('changes with %s', (_, change) => {
    expect(stageSeed({ ...base, ...change })).not.toBe(stageSeed(base));
  });

  test.each<[string, Partial<KeyMaterial>]>([
    ['the version', { version: 4 }],
    ['the numeric family', { services: { tensor: 'tfjs-cuda' } }],
    ['the bytes of an input', { inputs: { features: [d('other last bits')], voxels: [d('voxels')] } }],
  ])('stays the same with another value of %s, so that results can be compared on the same draws', (_, change) => {
    expect(stageSeed({ ...base, ...change })).toBe(stageSeed(base));
  });

  test('is refused for a stage that has none', () => {
    expect(() => stageSeed({ ...base, seed: null })).toThrow(/has no seed/);
  });
});
