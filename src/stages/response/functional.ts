/**
 * Linear functionals of the predicted voxels (a region's mean, a region minus others) and their folding into one template per layer: the readout
 * is linear and so is the pooling, hence a region's response costs the backbone and one product, however many voxels it has.
 */
import { PipelineError } from '../../core/errors.js';
import type { Random } from '../../core/random.js';
import type { FeatureLayer } from '../artifacts/features.js';
import type { Roi } from '../artifacts/voxels.js';
import type { Objective } from './objective.js';
import { poolingMatrix } from './pooling.js';

/** `set` for the union, `set/name` for one label: unique where bare label names are not. */
export const roiName = (roi: Roi): string => (roi.label === null ? roi.set : `${roi.set}/${roi.name}`);

/** Errors: E_DATA for a region that is not there (naming those that are) or that holds no voxel. */
export function findRoi(rois: readonly Roi[], name: string): Roi {
  const roi = rois.find((candidate) => roiName(candidate) === name);
  if (roi === undefined) {
    throw new PipelineError('E_DATA', `region "${name}" is not among the voxels`, {
      facts: { expected: rois.map(roiName).join(', '), found: name },
      hint: 'Name one of these regions, or add its set to roi_sets of nsd.source and nsd.voxels.',
    });
  }
  if (roi.voxels.length === 0) {
    throw new PipelineError('E_DATA', `region "${name}" holds no voxel`, { hint: 'Choose another region: this subject has none of its voxels in the mask.' });
  }
  return roi;
}

/** u with response = Σ_v u[v]·ŷ[v]. @shape float64 [voxel] */
export function voxelWeights(rois: readonly Roi[], voxelCount: number, objective: Objective): Float64Array {
  const weights = new Float64Array(voxelCount);
  const addMean = (name: string, factor: number): void => {
    const roi = findRoi(rois, name);
    for (const voxel of roi.voxels) weights[voxel] = (weights[voxel] as number) + factor / roi.voxels.length;
  };
  addMean(objective.roi, 1);
  const minus = objective.minus ?? [];
  for (const name of minus) addMean(name, -(objective.weight ?? 1) / minus.length);
  return weights;
}

export interface FoldedReadout {
  /** w with response = Σ_p w[p]·feature[p] + intercept. float64 [feature] */
  readonly features: Float64Array;
  readonly intercept: number;
  /** per layer float32 [channel, height, width] of the whole map: pooling and channel selection undone */
  readonly templates: ReadonlyMap<string, Float32Array>;
}

/**
 * A[c,h,w] = Σ_cell P[h·W+w, cell]·Σ_v u[v]·W[(c,cell), v], zero for channels that were not selected; P as in `poolingMatrix`.
 * @param weights float32 [feature, voxel], in units of the raw features
 * @shape intercept: float32 [voxel]; functional: float64 [voxel]
 */
export function foldReadout(layers: readonly FeatureLayer[], weights: Float32Array, intercept: Float32Array, functional: Float64Array): FoldedReadout {
  const voxels = functional.length;
  const width = weights.length / voxels;
  const features = new Float64Array(width);
  for (let p = 0; p < width; p += 1) {
    let sum = 0;
    for (let v = 0; v < voxels; v += 1) sum += (functional[v] as number) * (weights[p * voxels + v] as number);
    features[p] = sum;
  }
  return { features, intercept: functional.reduce((sum, u, v) => sum + u * (intercept[v] as number), 0), templates: templatesOf(layers, features) };
}

/** @shape features: float64 [feature]; result per layer: float32 [channel, height, width] */
function templatesOf(layers: readonly FeatureLayer[], features: Float64Array): Map<string, Float32Array> {
  const templates = new Map<string, Float32Array>();
  for (const layer of layers) {
    const [channels, height, columns] = layer.map;
    const [rows, cols] = layer.grid;
    const cells = rows * cols;
    const pixels = height * columns;
    const pooling = poolingMatrix(height, columns, rows, cols);
    const template = new Float32Array(channels * pixels);
    layer.channels.forEach((channel, k) => {
      const from = layer.offset + k * cells;
      for (let pixel = 0; pixel < pixels; pixel += 1) {
        let sum = 0;
        for (let cell = 0; cell < cells; cell += 1) sum += (pooling[pixel * cells + cell] as number) * (features[from + cell] as number);
        template[channel * pixels + pixel] = sum;
      }
    });
    templates.set(layer.name, template);
  }
  return templates;
}

/**
 * The control of Adebayo et al. 2018 for a linear readout: the weights of the functional permuted over the features of each layer, seeded. Scale and
 * distribution stay, what was fitted is gone.
 */
export function shuffleFold(layers: readonly FeatureLayer[], fold: FoldedReadout, random: Random): FoldedReadout {
  const features = new Float64Array(fold.features.length);
  for (const layer of layers) {
    const width = layer.channels.length * layer.grid[0] * layer.grid[1];
    random.fork(layer.name).permutation(width).forEach((from, to) => { features[layer.offset + to] = fold.features[layer.offset + from] as number; });
  }
  return { features, intercept: fold.intercept, templates: templatesOf(layers, features) };
}

/** Predicted response of every row. @shape rows: float32 [n, feature]; result: float64 [n]. Errors: E_DATA if rows of this width do not fill them. */
export function predictRows(folded: FoldedReadout, rows: Float32Array): Float64Array {
  const width = folded.features.length;
  if (rows.length % width !== 0) {
    throw new PipelineError('E_DATA', 'the features are not as wide as the readout', {
      facts: { expected: `a multiple of ${width} values`, found: rows.length },
      hint: 'Connect the features stage that the readout was fitted on.',
    });
  }
  const out = new Float64Array(rows.length / width);
  for (let n = 0; n < out.length; n += 1) {
    let sum = folded.intercept;
    for (let p = 0; p < width; p += 1) sum += (rows[n * width + p] as number) * (folded.features[p] as number);
    out[n] = sum;
  }
  return out;
}

/** Copies one template into each image's slot of the batch. @shape result: float32 [batch, channel, height, width] */
export function tileTemplate(templates: readonly Float32Array[]): Float32Array {
  const size = templates[0]?.length ?? 0;
  const out = new Float32Array(size * templates.length);
  templates.forEach((template, b) => out.set(template, b * size));
  return out;
}
