/**
 * Weights from a formula, the same as tools/oracles/formula_weights.py, so that fixtures of whole networks hold outputs only and no weights.
 * That file says what the formula is and which parameter gets which range.
 */
import type { Weights } from '../../src/architectures/architecture.js';
import type { Checkpoint } from '../../src/core/checkpoint.js';
import type { Shape, Tensor } from '../../src/core/tensor.js';
import { sizeOf, tensor } from '../../src/core/tensor.js';

function fnv1a(name: string): number {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value;
}

/** float64 in [-1, 1), scaled and shifted, rounded to the type of the array */
function filled<T extends Float32Array | Float64Array>(name: string, count: number, scale: number, offset: number, data: T): T {
  let counter = fnv1a(name);
  for (let i = 0; i < count; i += 1) {
    let x = counter;
    x ^= x >>> 16;
    x = Math.imul(x, 0x85ebca6b);
    x ^= x >>> 13;
    x = Math.imul(x, 0xc2b2ae35);
    x ^= x >>> 16;
    data[i] = offset + scale * ((x >>> 0) / 2147483648 - 1);
    counter = (counter + 0x9e3779b1) >>> 0;
  }
  return data;
}

/** float64 in [-1, 1) */
export function formulaUniform(name: string, count: number): Float64Array {
  return filled(name, count, 1, 0, new Float64Array(count));
}

export function formulaParameter(name: string, shape: Shape): Tensor<'float32'> {
  const count = sizeOf(shape);
  const fanIn = shape.slice(1).reduce((product, extent) => product * extent, 1);
  const [scale, offset] = name.endsWith('running_var') ? [0.5, 1]
    : name.endsWith('running_mean') ? [0.2, 0]
    : name.endsWith('bias') || shape.length === 0 ? [0.1, 0]
    : name.endsWith('bn3.weight') ? [0.05, 0.25]
    : shape.length === 1 ? [0.2, 1]
    : [Math.sqrt(6 / fanIn), 0];
  return tensor('float32', shape, filled(name, count, scale, offset, new Float32Array(count)));
}

/** @shape float32 [batch, 3, size, size], normalised values about [-1.7, 1.7) */
export function formulaImage(batch: number, size: number): Tensor<'float32'> {
  return tensor('float32', [batch, 3, size, size], filled('image', batch * 3 * size * size, 1.7, 0, new Float32Array(batch * 3 * size * size)));
}

export const formulaWeights: Weights = { take: formulaParameter };

/** A checkpoint in memory that holds formula weights under the given names and shapes. */
export function formulaCheckpoint(parameters: readonly { readonly name: string; readonly shape: Shape }[], format = 'torch'): Checkpoint {
  const entries = new Map(parameters.map(({ name, shape }) => [name, { shape, dtype: 'float32' }]));
  return { label: 'formula', format, entries, read: (name) => formulaParameter(name, entries.get(name)?.shape ?? []), close: () => undefined };
}
