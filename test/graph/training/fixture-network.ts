/** The network of tools/oracles/optimisers.py as a graph with its loss, and the fixture's tensors. */
import { tensor, viewAs, type Tensor } from '../../../src/core/tensor.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import type { Graph } from '../../../src/graph/ir.js';
import * as L from '../../../src/graph/layers.js';
import type { Clipping } from '../../../src/graph/training/clip.js';
import type { Optimiser } from '../../../src/graph/training/optimiser.js';
import type { Schedule } from '../../../src/graph/training/schedule.js';
import { fixtureJson, unpack, type Packed } from '../fixture-tensors.js';

export interface OptimiserCase {
  readonly name: string;
  readonly optimiser: Optimiser;
  readonly rate: number;
  readonly weightDecay: number;
  readonly clip: Clipping;
  readonly mode: 'evaluation' | 'training';
  /** beginnings of names that are not trained */
  readonly frozen: readonly string[];
  /** of float64 */
  readonly losses: readonly number[];
  readonly losses32: readonly number[];
  readonly after: Readonly<Record<string, Packed>>;
}

interface Fixture {
  readonly weights: Readonly<Record<string, Packed>>;
  readonly images: Packed;
  readonly targets: Packed;
  readonly cases: readonly OptimiserCase[];
  readonly stepsPerEpoch: number;
  readonly total: number;
  readonly schedules: readonly { readonly schedule: Schedule; readonly warmup: number; readonly rates: readonly number[] }[];
}

export const FIXTURE = fixtureJson('optimisers.json') as Fixture;
const images = unpack(FIXTURE.images);
const targets = unpack(FIXTURE.targets);
export const STEPS = images.shape[0] as number;

/** the loss of PyTorch's MSELoss over [batch, 2] */
export function networkGraph(): Graph {
  const b = new GraphBuilder();
  const weight = (name: string): ReturnType<typeof b.constant> => b.constant(unpack(FIXTURE.weights[name] as Packed), name);
  const norm = (x: ReturnType<typeof b.constant>, name: string, momentum: number): ReturnType<typeof b.constant> =>
    b.op('BatchNormalization', [x, weight(`${name}.weight`), weight(`${name}.bias`), weight(`${name}.running_mean`), weight(`${name}.running_var`)], { epsilon: 1e-5, momentum }, name);
  const image = b.input('image', 'float32', images.shape.slice(1));
  const target = b.input('target', 'float32', targets.shape.slice(1));
  const first = L.tanh(b, norm(L.conv2d(b, image, weight('conv1.weight'), undefined, { pads: 1 }, 'conv1'), 'bn1', 0.9));
  const second = L.tanh(b, norm(L.conv2d(b, first, weight('conv2.weight'), undefined, { pads: 1, stride: 2 }, 'conv2'), 'bn2', 0.7));
  const flat = L.reshape(b, second, [images.shape[1] as number, 6 * 3 * 3]);
  const output = b.op('Gemm', [flat, weight('fc.weight'), weight('fc.bias')], { transB: 1 }, 'fc');
  const error = L.sub(b, output, target);
  b.output('loss', L.reduceMean(b, L.mul(b, error, error)));
  return b.build();
}

/** Batch of step t, from 0. */
export function feedsOf(t: number): Record<'image' | 'target', Tensor<'float32'>> {
  const part = (all: Tensor<'float32'>): Tensor<'float32'> => {
    const size = all.data.length / STEPS;
    return tensor('float32', all.shape.slice(1), all.data.slice(t * size, (t + 1) * size));
  };
  return { image: part(images), target: part(targets) };
}

export function float64Of(packed: Packed): Float64Array {
  return viewAs('float64', new Uint8Array(Buffer.from(packed.base64, 'base64')));
}
