/**
 * Compares a built-in architecture with what its own library computes from the same formula weights (fixtures of tools/oracles: names and shapes of the
 * state dict, some values of some layers, the gradient of a weighted sum of the last output).
 */
import { readFileSync } from 'node:fs';
import { architectureOf } from '../../src/architectures/index.js';
import { MODEL_INPUT, type Architecture } from '../../src/architectures/architecture.js';
import { buildFromCheckpoint, type Parameter } from '../../src/architectures/state-dict.js';
import type { Tensor } from '../../src/core/tensor.js';
import { sizeOf } from '../../src/core/tensor.js';
import type { TensorService } from '../../src/core/tensor-service.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { encodeModel } from '../../src/graph/encode.js';
import { differentiate, gradientName } from '../../src/graph/gradient.js';
import type { Graph } from '../../src/graph/ir.js';
import { formulaCheckpoint, formulaParameter } from '../rigs/formula-weights.js';

export interface Probes {
  readonly shape: readonly number[];
  readonly norm: number;
  readonly values: readonly number[];
  /** relative distance of torch in float32 from float64 */
  readonly float32: number;
}

export interface Case {
  readonly architecture: string;
  readonly dialect: string | null;
  readonly size: number | null;
  /** names and shapes; `*` stands for the number of a block */
  readonly state: readonly (readonly [string, readonly number[]])[];
  readonly layers: Readonly<Record<string, Probes>>;
  readonly gradient: Probes;
}

export const BATCH = 2;
const BLOCKS = 12;

export function readCases(name: string): Readonly<Record<string, Case>> {
  return JSON.parse(readFileSync(new URL(`../oracles/${name}`, import.meta.url), 'utf8')) as Record<string, Case>;
}

export function stateOf(fixture: Case): Parameter[] {
  return fixture.state.flatMap(([name, shape]) => (name.includes('*') ? Array.from({ length: BLOCKS }, (_, i) => ({ name: name.replace('*', String(i)), shape })) : [{ name, shape }]));
}

/** The graph built from a checkpoint that holds formula weights under the library's own names. */
export function graphOf(fixture: Case, batch: number): Graph {
  const architecture = architectureOf(fixture.architecture);
  return buildFromCheckpoint(architecture, formulaCheckpoint(stateOf(fixture)), fixture.size === null ? { batch } : { batch, size: fixture.size } as Parameters<Architecture['build']>[1]);
}

/** Values of the fixture's layers, and the gradient of sum(w · last layer) by `by`. */
export async function evaluate(service: TensorService, graph: Graph, fixture: Case, input: Tensor, by: string): Promise<{ layers: Record<string, Tensor>; gradient: Tensor }> {
  const names = Object.keys(fixture.layers);
  const last = names.at(-1) as string;
  const builder = GraphBuilder.from(graph);
  for (const name of names) builder.output(name, graph.values.get(name) ?? fail(name));
  const differentiated = differentiate(builder.build(), { of: last, wrt: [by], seed: 'seed' });
  const program = await service.compile(encodeModel(differentiated));
  try {
    const width = (fixture.layers[last] as Probes).shape.at(-1) as number;
    const weights = formulaParameter('objective', [width]).data;
    const rows = sizeOf((fixture.layers[last] as Probes).shape) / width;
    const seed = { dtype: 'float32' as const, shape: (fixture.layers[last] as Probes).shape, data: Float32Array.from({ length: rows * width }, (_, i) => weights[i % width] as number) };
    const results = await program.run({ [MODEL_INPUT]: input, seed });
    return { layers: Object.fromEntries(names.map((name) => [name, results[name] as Tensor])), gradient: results[gradientName(by)] as Tensor };
  } finally {
    await program.dispose();
  }
}

function fail(name: string): never {
  throw new Error(`no value ${name}`);
}

/** Relative distance at the places that stand in the fixture; Infinity for another shape. Checks the norm of all elements too. */
export function distance(found: Tensor, expected: Probes): number {
  if (found.shape.join() !== expected.shape.join()) return Infinity;
  const { data } = found;
  let difference = 0;
  let scale = 0;
  expected.values.forEach((value, k) => {
    const place = Math.floor((((k * 2654435761) % 2 ** 32) / 2 ** 32) * data.length);
    difference += (Number(data[place]) - value) ** 2;
    scale += value ** 2;
  });
  let squares = 0;
  for (const x of data) squares += Number(x) ** 2;
  return Math.max(Math.sqrt(difference / scale), Math.abs(Math.sqrt(squares) - expected.norm) / expected.norm);
}
