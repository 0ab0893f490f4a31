/**
 * Runs a built-in architecture on the formula's weights and image and compares it with what its own library gave (test/oracles, written by
 * tools/oracles/architectures.py): layers, and the gradient by the image of a fixed weighted sum of one of them.
 */
import type { Weights } from '../../src/architectures/architecture.js';
import { sizeOf, tensor, type Shape, type Tensor } from '../../src/core/tensor.js';
import type { TensorService } from '../../src/core/tensor-service.js';
import { cut } from '../../src/graph/cut.js';
import { encodeModel } from '../../src/graph/encode.js';
import { differentiate, gradientName } from '../../src/graph/gradient.js';
import type { Graph } from '../../src/graph/ir.js';
import { resolveLayer } from '../../src/graph/names.js';
import { formulaImage, formulaParameter, formulaUniform } from './formula-weights.js';

export interface SampledValue {
  readonly shape: Shape;
  /** at 64 places drawn by a hash, float64 */
  readonly values: readonly number[];
  readonly mean: number;
  readonly norm: number;
  /** ‖float32 − float64‖ / ‖float64‖ in PyTorch */
  readonly float32Error: number;
}

export interface ArchitectureCase {
  readonly architecture: string;
  /** whose names the weights have */
  readonly dialect: string;
  readonly size: number;
  readonly batch: number;
  readonly objective: string;
  /** false: built without the classifier's weights */
  readonly head: boolean;
  /** true: too large for every change */
  readonly slow: boolean;
  readonly layers: Readonly<Record<string, SampledValue>>;
  /** `nearTies`: how far it moves in float64 when the image does by the rounding of a float32 network */
  readonly gradient: SampledValue & { readonly nearTies: number };
}

export interface Deviation {
  readonly what: string;
  /** of the sampled values by their norm, of the mean by the root mean square, of the norm: the largest */
  readonly error: number;
  /** what float32 costs PyTorch, or what decisions in the last bit cost anyone */
  readonly unavoidable: number;
}

/** Weights without a classifier. */
export const headless: Weights = { take: formulaParameter, shapeOf: () => undefined };

/** How far each layer, and the gradient, is from the library's. */
export async function deviations(service: TensorService, graph: Graph, fixture: ArchitectureCase): Promise<Deviation[]> {
  const names = [...new Set([...Object.keys(fixture.layers), fixture.objective])];
  const values = new Map(names.map((name) => [name, resolveLayer(graph, name).name]));
  const objective = values.get(fixture.objective) as string;
  const gradient = differentiate(cut(graph, [...new Set(values.values())]), { of: objective, wrt: ['input'], seed: 'seed' });
  const program = await service.compile(encodeModel(gradient));
  const shape = fixture.layers[fixture.objective]?.shape as Shape;
  const seed = tensor('float32', shape, Float32Array.from(formulaUniform('seed', sizeOf(shape))));
  const results = await program.run({ input: formulaImage(fixture.batch, fixture.size), seed });
  await program.dispose();
  return [
    ...Object.entries(fixture.layers).map(([name, expected]) => deviation(name, results[values.get(name) as string] as Tensor, expected)),
    deviation('gradient', results[gradientName('input')] as Tensor, fixture.gradient, fixture.gradient.nearTies),
  ];
}

function deviation(what: string, found: Tensor, expected: SampledValue, nearTies = 0): Deviation {
  const unavoidable = Math.max(expected.float32Error, nearTies);
  const data = found.data as Float32Array;
  if (found.shape.join() !== expected.shape.join()) return { what: `${what} has shape ${found.shape.join('×')} instead of ${expected.shape.join('×')}`, error: Infinity, unavoidable };
  const places = formulaUniform(`places:${what}`, expected.values.length).map((unit) => Math.floor(((unit + 1) / 2) * data.length));
  const difference = norm(expected.values.map((value, i) => value - (data[places[i] as number] as number)));
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const errors = [difference / norm(expected.values), Math.abs(mean - expected.mean) / (expected.norm / Math.sqrt(data.length)), Math.abs(norm(data) / expected.norm - 1)];
  return { what, error: Math.max(...errors), unavoidable };
}

function norm(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i += 1) sum += (values[i] as number) ** 2;
  return Math.sqrt(sum);
}

