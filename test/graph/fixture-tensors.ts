/** Reads the tensors of test/fixtures/graph: little-endian float32 in base64, and raw model files. */
import { readFileSync } from 'node:fs';
import { tensor, viewAs } from '../../src/core/tensor.js';
import type { Tensor } from '../../src/core/tensor.js';

export interface Packed {
  readonly shape: readonly number[];
  readonly base64: string;
}

const FOLDER = new URL('../fixtures/graph/', import.meta.url);

export function unpack(packed: Packed): Tensor<'float32'> {
  return tensor('float32', packed.shape, viewAs('float32', new Uint8Array(Buffer.from(packed.base64, 'base64'))));
}

export function fixtureJson(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as unknown;
}

export function fixtureBytes(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(name, FOLDER)));
}

/** Largest difference, relative to the largest expected magnitude (at least `floor`). */
export function worst(found: Tensor, expected: Tensor<'float32'>, floor = 1): number {
  let difference = found.shape.join() === expected.shape.join() ? 0 : Infinity;
  let scale = floor;
  expected.data.forEach((value, i) => {
    difference = Math.max(difference, Math.abs(value - Number(found.data[i])));
    scale = Math.max(scale, Math.abs(value));
  });
  return difference / scale;
}
