/** Other weights in a model file: everything else stays. */
import { describe, expect, it } from 'vitest';
import { tensor } from '../../src/core/tensor.js';
import { decodeModel } from '../../src/graph/decode.js';
import { replaceWeights } from '../../src/graph/onnx/replace-weights.js';
import { fixtureBytes } from './fixture-tensors.js';

const bytes = fixtureBytes('cnn.onnx');
const original = decodeModel(bytes, { bind: { batch: 3 } });
const [name, weight] = [...original.initializers].find(([, { dtype, shape }]) => dtype === 'float32' && shape.length === 4) as [string, ReturnType<typeof tensor>];

describe('replaceWeights', () => {
  it('with the weights that are there gives a model that reads the same, at any batch', () => {
    const same = replaceWeights(bytes, new Map([[name, weight]]));
    for (const batch of [1, 5]) expect(decodeModel(same, { bind: { batch } })).toEqual(decodeModel(bytes, { bind: { batch } }));
    expect(Buffer.from(replaceWeights(bytes, new Map())).equals(Buffer.from(bytes))).toBe(true);
  });

  it('replaces exactly what is named', () => {
    const other = tensor('float32', weight.shape, Float32Array.from(weight.data as Float32Array, (x) => 2 * x));
    const changed = decodeModel(replaceWeights(bytes, new Map([[name, other]])), { bind: { batch: 3 } });
    expect(changed.nodes).toEqual(original.nodes);
    for (const [key, { data }] of original.initializers) expect(changed.initializers.get(key)?.data, key).toEqual(key === name ? other.data : data);
  });

  it('keeps a weight of a half-precision file in float32 with a Cast before it, once however often it is replaced', () => {
    const half = fixtureBytes('exported/convnext_half-dynamo20.onnx');
    const before = decodeModel(half, { bind: { batch: 2 } });
    const [key, old] = [...before.initializers].find(([, { shape }]) => shape.length === 4) as [string, ReturnType<typeof tensor>];
    const fine = tensor('float32', old.shape, Float32Array.from(old.data as Float32Array, (x) => x * (1 + 2 ** -20)));
    const written = replaceWeights(half, new Map([[key, fine]]));
    const after = decodeModel(written, { bind: { batch: 2 } });
    expect(after.initializers.get(key)?.data).toEqual(fine.data);
    expect(after.nodes).toEqual(before.nodes);
    expect(replaceWeights(written, new Map([[key, fine]]))).toHaveLength(written.length);
  });

  it('refuses a weight that the file does not have', () => {
    expect(() => replaceWeights(bytes, new Map([['nowhere', weight]]))).toThrowError(expect.objectContaining({ code: 'E_GRAPH', message: "the weight 'nowhere' is not in the model file by that name" }) as Error);
  });
});
