/**
 * Readouts that are trained by gradient, in two forms, and their way to and from the linear readout that every other stage knows. In training they see
 * standardised features, z = (x − mean)/scale per channel; what leaves here is in units of the raw features.
 */
import type { Random } from '../../core/random.js';
import { tensor, type Tensor } from '../../core/tensor.js';
import type { GraphBuilder } from '../../graph/builder.js';
import type { Value } from '../../graph/ir.js';
import { add, div, matMul, mul, reduceSum, reshape, sub } from '../../graph/layers.js';
import type { FeatureLayer } from '../artifacts/features.js';
import type { Readout } from '../artifacts/readout.js';
import { pooledName } from './pooled-graph.js';
import { bestOuterProduct } from './outer-product.js';

export type ReadoutForm = 'factorised' | 'linear-on-grid';
export type Weights = ReadonlyMap<string, Tensor>;

/** Per layer and selected channel, over training images and cells. float64 [channel] each */
export interface Standard {
  readonly mean: Float64Array;
  readonly scale: Float64Array;
}

export const INTERCEPT = 'readout/intercept';
const gridKey = ({ grid }: FeatureLayer): string => grid.join('×');
/** receptive fields float32 [cell, voxel], shared by the layers of one grid */
const fieldName = (key: string): string => `readout/field:${key}`;
/** factorised: float32 [channel, voxel]; linear: float32 [channel × cell, voxel] */
const weightName = (layer: string): string => `readout/weights:${layer}`;

const cellsOf = ({ grid }: FeatureLayer): number => grid[0] * grid[1];
/** the layers of each grid, in order */
function gridsOf(layers: readonly FeatureLayer[]): Map<string, FeatureLayer[]> {
  const grids = new Map<string, FeatureLayer[]>();
  for (const layer of layers) grids.set(gridKey(layer), [...(grids.get(gridKey(layer)) ?? []), layer]);
  return grids;
}

/** Names and shapes of what is trained. */
function shapesOf(form: ReadoutForm, layers: readonly FeatureLayer[], voxels: number): readonly (readonly [string, readonly number[]])[] {
  if (form === 'linear-on-grid') return [...layers.map((layer) => [weightName(layer.name), [layer.channels.length * cellsOf(layer), voxels]] as const), [INTERCEPT, [voxels]]];
  const fields = [...gridsOf(layers)].map(([key, [first]]) => [fieldName(key), [cellsOf(first as FeatureLayer), voxels]] as const);
  return [...fields, ...layers.map((layer) => [weightName(layer.name), [layer.channels.length, voxels]] as const), [INTERCEPT, [voxels]]];
}

export const readoutNames = (form: ReadoutForm, layers: readonly FeatureLayer[]): readonly string[] => shapesOf(form, layers, 1).map(([name]) => name);

/** Columns of a row of features. */
export function featureCount(layers: readonly FeatureLayer[]): number {
  const last = layers.at(-1);
  return last === undefined ? 0 : last.offset + last.channels.length * cellsOf(last);
}

/** Elements that are trained. */
export function readoutSize(form: ReadoutForm, layers: readonly FeatureLayer[], voxels: number): number {
  return shapesOf(form, layers, voxels).reduce((sum, [, shape]) => sum + shape.reduce((product, extent) => product * extent, 1), 0);
}

/**
 * U(−1/√n, 1/√n), n the number of features that a weight is summed over (cells for a receptive field, channels of all layers of its grid for channel
 * weights, all features for a linear readout); intercept 0. @source Kaiming uniform with a = √5, as torch.nn.Linear
 */
export function randomReadout(form: ReadoutForm, layers: readonly FeatureLayer[], voxels: number, random: Random): Map<string, Tensor> {
  const grids = gridsOf(layers);
  const features = layers.reduce((sum, layer) => sum + layer.channels.length * cellsOf(layer), 0);
  const channels = (layer: FeatureLayer): number => (grids.get(gridKey(layer)) as FeatureLayer[]).reduce((sum, { channels: kept }) => sum + kept.length, 0);
  const summed = new Map(layers.map((layer) => [weightName(layer.name), form === 'factorised' ? channels(layer) : features]));
  return new Map(shapesOf(form, layers, voxels).map(([name, shape]) => {
    const bound = name === INTERCEPT ? 0 : 1 / Math.sqrt(summed.get(name) ?? (shape[0] as number));
    const stream = random.fork(name);
    return [name, tensor('float32', shape, Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => stream.uniform(-bound, bound)))];
  }));
}

/**
 * linear: ŷ[v] = Σ_ℓcp z[c,p]·w_ℓ[(c,p),v] + b[v];  factorised: ŷ[v] = Σ_ℓ Σ_c w_ℓ[c,v]·(Σ_p z[c,p]·rf[p,v]) + b[v], rf shared by layers of one grid.
 * @param pooled per layer float32 [batch, channel, cell], raw
 * @shape result float32 [batch, voxel]
 * @source uhussai7/boldreams, models/modules.py (factorised)
 */
export function predict(b: GraphBuilder, form: ReadoutForm, layers: readonly FeatureLayer[], standard: readonly Standard[], weights: Weights, pooled: Readonly<Record<string, Value>>): Value {
  const constants = new Map([...weights].map(([name, weight]) => [name, b.constant(weight, name)]));
  const named = (name: string): Value => constants.get(name) as Value;
  const parts = layers.map((layer, l) => {
    const { mean, scale } = standard[l] as Standard;
    const x = pooled[pooledName(layer.name)] as Value;
    const [batch = 0, channels = 0] = x.shape;
    const z = div(b, sub(b, x, b.floats([channels, 1], mean)), b.floats([channels, 1], scale));
    if (form === 'linear-on-grid') return matMul(b, reshape(b, z, [batch, channels * cellsOf(layer)]), named(weightName(layer.name)));
    return reduceSum(b, mul(b, matMul(b, z, named(fieldName(gridKey(layer)))), named(weightName(layer.name))), [1]);
  });
  return add(b, parts.reduce((sum, part) => add(b, sum, part)), named(INTERCEPT));
}

/** The same as weights float32 [feature, voxel] and intercept float32 [voxel] for raw features, in the layout of `Readout`. */
export function expandReadout(form: ReadoutForm, layers: readonly FeatureLayer[], standard: readonly Standard[], weights: Weights, voxels: number): Pick<Readout, 'weights' | 'intercept'> {
  const data = (name: string): Float32Array => weights.get(name)?.data as Float32Array;
  const out = new Float32Array(featureCount(layers) * voxels);
  const shift = Float64Array.from(data(INTERCEPT));
  layers.forEach((layer, l) => {
    const own = data(weightName(layer.name));
    const field = form === 'factorised' ? data(fieldName(gridKey(layer))) : undefined;
    const cells = cellsOf(layer);
    const { mean, scale } = standard[l] as Standard;
    layer.channels.forEach((_, c) => {
      for (let p = 0; p < cells; p += 1) {
        const to = (layer.offset + c * cells + p) * voxels;
        for (let v = 0; v < voxels; v += 1) {
          const z = field === undefined ? (own[(c * cells + p) * voxels + v] as number) : (own[c * voxels + v] as number) * (field[p * voxels + v] as number);
          const raw = z / (scale[c] as number);
          out[to + v] = raw;
          shift[v] = (shift[v] as number) - raw * (mean[c] as number);
        }
      }
    });
  });
  return { weights: out, intercept: Float32Array.from(shift) };
}

/**
 * A readout of raw features as one of standardised features; features that it does not have start at 0. Factorised: for each voxel and grid, the outer
 * product of channel weights and receptive field that is nearest to its weights.
 */
export function startFrom(form: ReadoutForm, layers: readonly FeatureLayer[], standard: readonly Standard[], readout: Readout): Map<string, Tensor> {
  const voxels = readout.voxelCount;
  const shift = Float64Array.from(readout.intercept);
  const linear = layers.map((layer, l) => {
    const { mean, scale } = standard[l] as Standard;
    const cells = cellsOf(layer);
    const values = new Float32Array(layer.channels.length * cells * voxels);
    const known = readout.layers.find(({ name }) => name === layer.name);
    known?.channels.forEach((channel, k) => {
      const c = layer.channels.indexOf(channel);
      for (let p = 0; p < cells; p += 1) {
        for (let v = 0; v < voxels; v += 1) {
          const raw = readout.weights[(known.offset + k * cells + p) * voxels + v] as number;
          values[(c * cells + p) * voxels + v] = raw * (scale[c] as number);
          shift[v] = (shift[v] as number) + raw * (mean[c] as number);
        }
      }
    });
    return values;
  });
  const out = new Map(shapesOf(form, layers, voxels).map(([name, shape]): [string, Tensor] => [name, tensor('float32', shape)]));
  const data = (name: string): Float32Array => out.get(name)?.data as Float32Array;
  data(INTERCEPT).set(shift);
  if (form === 'linear-on-grid') {
    layers.forEach((layer, l) => data(weightName(layer.name)).set(linear[l] as Float32Array));
    return out;
  }
  for (const [key, group] of gridsOf(layers)) {
    const cells = cellsOf(group[0] as FeatureLayer);
    const rows = group.flatMap((layer) => layer.channels.map((_, c) => ({ layer, c, from: (linear[layers.indexOf(layer)] as Float32Array).subarray(c * cells * voxels) })));
    for (let v = 0; v < voxels; v += 1) {
      const matrix = Float64Array.from({ length: rows.length * cells }, (_, i) => (rows[Math.floor(i / cells)] as (typeof rows)[number]).from[(i % cells) * voxels + v] as number);
      const { left, right } = bestOuterProduct(matrix, rows.length, cells);
      rows.forEach(({ layer, c }, r) => (data(weightName(layer.name))[c * voxels + v] = left[r] as number));
      right.forEach((value, p) => (data(fieldName(key))[p * voxels + v] = value));
    }
  }
  return out;
}
