/**
 * The ground truth of a simulated subject (`BrainTruth`), kept outside the NSD tree: the brain as an ONNX model, the voxels' weights on its bank,
 * noiseless signals, and what each stimulus shows. Whoever holds it can ask what the true brain answers to any picture.
 */
import { NpyFile, readNpy, writeNpy } from '../../formats/npy.js';
import { resizeAntialiased } from '../../math/resample.js';
import { PipelineError } from '../../core/errors.js';
import { BANK_SIZE, BRAIN_SIZE } from './brain/brain-graph.js';
import { runBrain } from './brain/build-brain.js';
import { ALL_AREAS, voxelSignals } from './voxels.js';
import { readFileSync } from 'node:fs';
import type { TensorService } from '../../core/tensor-service.js';
import type { ArtifactReader, ArtifactWriter } from '../../engine/stage.js';
import type { Box } from './drawing/canvas.js';
import type { Area, PlantedVoxel, SignalMoments } from './voxels.js';

export interface TruthVoxel extends PlantedVoxel {
  /** x, y, z in the volume, 0-based */
  readonly position: readonly [number, number, number];
  readonly hemisphere: 'lh' | 'rh';
}

export interface TruthIndex {
  readonly subject: number;
  readonly seed: number;
  /** pixels a side of the stimuli as shown */
  readonly imageSize: number;
  /** false: the betas were written without noise, whatever ncsnr says */
  readonly noise: boolean;
  readonly voxels: readonly TruthVoxel[];
}

export interface StimulusLabel {
  /** 0 … 5: face, body, place, word, object, clutter */
  readonly category: number;
  readonly boxes: readonly Box[];
}

const FILES = {
  index: 'truth.json',
  brain: 'brain.onnx',
  /** float32 [bank, voxel] */
  weights: 'voxel_weights.npy',
  /** float64 [2, voxel]: mean and sd of the noiseless signal over the stimuli shown */
  moments: 'signal_moments.npy',
  /** float32 [image, bank] */
  bank: 'bank.npy',
  /** float32 [image, voxel]: noiseless signals, z over the stimuli shown */
  signals: 'signals.npy',
  /** int32 [image]: nsdId (0-based) of each row, ascending */
  images: 'images.npy',
  /** nsdId → category and boxes */
  labels: 'labels.json',
} as const;

export interface TruthParts {
  readonly index: TruthIndex;
  readonly brain: Uint8Array;
  readonly weights: Float32Array;
  readonly moments: SignalMoments;
  readonly bank: Float32Array;
  readonly signals: Float32Array;
  readonly nsdIds: Int32Array;
  readonly labels: ReadonlyMap<number, StimulusLabel>;
}

export function writeTruth(writer: ArtifactWriter, parts: TruthParts): void {
  const voxels = parts.index.voxels.length;
  const images = parts.nsdIds.length;
  const moments = new Float64Array(2 * voxels);
  moments.set(parts.moments.mean);
  moments.set(parts.moments.sd, voxels);
  writer.json(FILES.index, parts.index);
  writer.write(FILES.brain, parts.brain);
  writeNpy(writer.path(FILES.weights), { dtype: 'float32', shape: [BANK_SIZE, voxels], data: parts.weights });
  writeNpy(writer.path(FILES.moments), { dtype: 'float64', shape: [2, voxels], data: moments });
  writeNpy(writer.path(FILES.bank), { dtype: 'float32', shape: [images, BANK_SIZE], data: parts.bank });
  writeNpy(writer.path(FILES.signals), { dtype: 'float32', shape: [images, voxels], data: parts.signals });
  writeNpy(writer.path(FILES.images), { dtype: 'int32', shape: [images], data: parts.nsdIds });
  writer.json(FILES.labels, Object.fromEntries([...parts.labels].map(([id, label]) => [String(id), label])));
}

export interface Truth {
  readonly index: TruthIndex;
  /** voxel numbers of each area */
  readonly areas: Readonly<Record<Area, readonly number[]>>;
  /** int32 [image], ascending */
  readonly nsdIds: Int32Array;
  /** float32 [bank, voxel] */
  readonly weights: Float32Array;
  readonly moments: SignalMoments;
  readonly labels: ReadonlyMap<number, StimulusLabel>;
  /** the ONNX model: image float32 [8, 3, 128, 128] → bank float32 [8, 1472] */
  brain(): Uint8Array;
  /** float32 [image, bank] */
  bank(): Float32Array;
  /** float32 [image, voxel] */
  signals(): Float32Array;
  /** float32 [n, voxel] for positions among `nsdIds` */
  signalsOf(rows: ArrayLike<number>): Float32Array;
}

/** Errors: E_DATA when the parts do not belong together. */
export function readTruth(reader: ArtifactReader): Truth {
  const index = reader.json<TruthIndex>(FILES.index);
  const voxels = index.voxels.length;
  const weights = readNpy(reader.path(FILES.weights));
  if (weights.shape[0] !== BANK_SIZE || weights.shape[1] !== voxels) {
    throw new PipelineError('E_DATA', 'the weights of the true brain do not fit its voxels', {
      facts: { expected: `[${BANK_SIZE}, ${voxels}]`, found: `[${weights.shape.join(', ')}]` },
      hint: 'Run the nsd.simulate stage again.',
    });
  }
  const moments = readNpy(reader.path(FILES.moments)).data as Float64Array;
  const members = (area: Area): number[] => index.voxels.flatMap((voxel, v) => (voxel.area === area ? [v] : []));
  const floats = (name: string): Float32Array => readNpy(reader.path(name)).data as Float32Array;
  return {
    index,
    areas: Object.fromEntries(ALL_AREAS.map((area) => [area, members(area)])) as unknown as Record<Area, readonly number[]>,
    nsdIds: readNpy(reader.path(FILES.images)).data as Int32Array,
    weights: weights.data as Float32Array,
    moments: { mean: moments.subarray(0, voxels), sd: moments.subarray(voxels) },
    labels: new Map(Object.entries(reader.json<Record<string, StimulusLabel>>(FILES.labels)).map(([id, label]) => [Number(id), label])),
    brain: () => new Uint8Array(readFileSync(reader.path(FILES.brain))),
    bank: () => floats(FILES.bank),
    signals: () => floats(FILES.signals),
    signalsOf: (rows) => {
      const file = new NpyFile(reader.path(FILES.signals));
      try {
        return file.columns(rows, 0, voxels).data as Float32Array;
      } finally {
        file.close();
      }
    },
  };
}

/** A picture as a screen shows it: uint8 [height, width, 3]. */
export interface Picture {
  readonly rgb: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/**
 * What the true brain answers to pictures: z[i, v] = (Σ_k bank_k(picture i)·w[k, v] − mean_v) / sd_v, mean and sd over the stimuli that were shown;
 * 0 for a voxel whose signal never varied. Pictures take the way of a stimulus: 8-bit pixels, the size at which stimuli are shown (rounded to 8 bits
 * again), then 128 pixels.
 * @shape float32 [picture, voxel]
 */
export async function trueResponses(service: TensorService, truth: Truth, pictures: readonly Picture[]): Promise<Float32Array> {
  const program = await service.compile(truth.brain(), { label: 'true brain' });
  try {
    const bank = await runBrain(program, pictures.length, (i, into) => asBrainInput(pictures[i] as Picture, truth.index.imageSize, into));
    return standardize(voxelSignals(bank, truth.weights, truth.index.voxels.length), truth.moments);
  } finally {
    await program.dispose();
  }
}

/** Writes a picture, shown at `shown` pixels, as the brain's input: float32 [3, 128, 128] in [0, 1]. */
export function asBrainInput(picture: Picture, shown: number, into: Float32Array): void {
  let { rgb } = picture;
  if (picture.height !== shown || picture.width !== shown) {
    const planes = resizeAntialiased({ layout: 'pixels', data: rgb, channels: 3, height: picture.height, width: picture.width }, shown, shown);
    rgb = new Uint8Array(planes.length);
    const plane = shown * shown;
    for (let p = 0; p < plane; p += 1) for (let c = 0; c < 3; c += 1) rgb[p * 3 + c] = Math.round(255 * (planes[c * plane + p] as number));
  }
  resizeAntialiased({ layout: 'pixels', data: rgb, channels: 3, height: shown, width: shown }, BRAIN_SIZE, BRAIN_SIZE, into);
}

/** @shape float32 [image, voxel] */
export function standardize(signals: Float64Array, { mean, sd }: SignalMoments): Float32Array {
  const voxels = mean.length;
  return Float32Array.from(signals, (value, i) => {
    const v = i % voxels;
    return (sd[v] as number) > 0 ? (value - (mean[v] as number)) / (sd[v] as number) : 0;
  });
}

/** Mean over an area's voxels of z signals [row, voxel]. @shape float32 [row] */
export function areaMeans(truth: Pick<Truth, 'areas' | 'index'>, signals: Float32Array, area: Area): Float32Array {
  const members = truth.areas[area];
  const voxels = truth.index.voxels.length;
  return Float32Array.from({ length: signals.length / voxels }, (_, i) => members.reduce((sum, v) => sum + (signals[i * voxels + v] as number), 0) / members.length);
}
