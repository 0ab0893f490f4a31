/**
 * The planted voxels: who they are, what drives them, how noisy they are. A voxel's noiseless signal is a linear mixture of the brain's bank:
 * category voxels pool their area's templates, early voxels pool Gabor amplitudes of one orientation and wavelength, both inside a Gaussian pRF.
 * Not known here: volumes, files, images.
 */
import { Random } from '../../core/random.js';
import { BANK_SIZE, GABOR_CHANNELS, GRID } from './brain/brain-graph.js';
import { ORIENTATIONS } from './brain/filters.js';
import { AREAS, TEMPLATES } from './brain/templates.js';

export type Area = (typeof AREAS)[number] | 'early';
export const ALL_AREAS: readonly Area[] = [...AREAS, 'early'];

export interface PlantedVoxel {
  readonly area: Area;
  /** centre and sigma of the pRF, fractions of the image, y down */
  readonly prf: { readonly x: number; readonly y: number; readonly sigma: number };
  /** category voxels: share of each template of the area, by name; early voxels: preferred orientation (radians) and wavelength (pixels of 128) */
  readonly tuning: { readonly templates: Readonly<Record<string, number>> } | { readonly orientation: number; readonly wavelength: number };
  /** signal-to-noise ratio of a single trial: sd of the signal over stimuli / sd of the noise over repeats */
  readonly ncsnr: number;
}

export interface VoxelOptions {
  readonly perArea: number;
  readonly early: number;
  readonly ncsnr: readonly [number, number];
}

const OTHER_WAVELENGTH = 0.2;
const TUNING_SHARPNESS = 2;
const CELLS = GRID * GRID;

/**
 * Category voxel: Dirichlet(2) mixture of its area's templates × pRF (centre N(.5, .15) clipped to [.1, .9], σ U(.15, .4)). Early voxel:
 * exp(2·cos(2π(i − i₀)/6)) over orientations, the other wavelength at a fifth, × pRF (centre U(.08, .92), σ U(.05, .15)). Both sum to 1.
 * @shape weights float32 [bank, voxel]
 */
export function plantVoxels(seed: string, options: VoxelOptions): { readonly voxels: readonly PlantedVoxel[]; readonly weights: Float32Array } {
  const random = new Random(seed);
  // A stream of its own: another range of noise leaves every voxel's tuning as it is.
  const noise = random.fork('ncsnr');
  const total = AREAS.length * options.perArea + options.early;
  const weights = new Float32Array(BANK_SIZE * total);
  const voxels: PlantedVoxel[] = [];
  const ncsnr = (): number => noise.uniform(options.ncsnr[0], options.ncsnr[1]);
  const plant = (voxel: PlantedVoxel, channels: ReadonlyMap<number, number>): void => {
    const pooled = receptiveField(voxel.prf);
    for (const [channel, share] of channels) {
      for (let cell = 0; cell < CELLS; cell += 1) weights[(channel * CELLS + cell) * total + voxels.length] = share * (pooled[cell] as number);
    }
    voxels.push(voxel);
  };
  for (const area of AREAS) {
    const members = TEMPLATES.flatMap((spec, i) => (spec.area === area ? [i] : []));
    for (let v = 0; v < options.perArea; v += 1) {
      const centre = (): number => Math.min(0.9, Math.max(0.1, random.normal(0.5, 0.15)));
      const prf = { x: centre(), y: centre(), sigma: random.uniform(0.15, 0.4) };
      // a Dirichlet(2) is made of gammas of shape 2, each the sum of two exponentials
      const gammas = members.map(() => -Math.log((1 - random.uniform()) * (1 - random.uniform())));
      const sum = gammas.reduce((a, b) => a + b, 0);
      const shares = new Map(members.map((template, i) => [template, (gammas[i] as number) / sum]));
      const templates = Object.fromEntries([...shares].map(([template, share]) => [(TEMPLATES[template] as { name: string }).name, share]));
      plant({ area, prf, tuning: { templates }, ncsnr: ncsnr() }, shares);
    }
  }
  for (let v = 0; v < options.early; v += 1) {
    const prf = { x: random.uniform(0.08, 0.92), y: random.uniform(0.08, 0.92), sigma: random.uniform(0.05, 0.15) };
    const preferred = random.integer(0, GABOR_CHANNELS);
    const shares = new Map<number, number>();
    let sum = 0;
    for (let channel = 0; channel < GABOR_CHANNELS; channel += 1) {
      const apart = (channel % ORIENTATIONS) - (preferred % ORIENTATIONS);
      const same = Math.floor(channel / ORIENTATIONS) === Math.floor(preferred / ORIENTATIONS);
      const share = Math.exp(TUNING_SHARPNESS * Math.cos((2 * Math.PI * apart) / ORIENTATIONS)) * (same ? 1 : OTHER_WAVELENGTH);
      shares.set(TEMPLATES.length + channel, share);
      sum += share;
    }
    for (const [channel, share] of shares) shares.set(channel, share / sum);
    const tuning = { orientation: (Math.PI * (preferred % ORIENTATIONS)) / ORIENTATIONS, wavelength: preferred < ORIENTATIONS ? 4 : 8 };
    plant({ area: 'early', prf, tuning, ncsnr: ncsnr() }, shares);
  }
  return { voxels, weights };
}

/** Gaussian at the centres of the cells, sum 1. @shape float64 [row, column] */
function receptiveField({ x, y, sigma }: PlantedVoxel['prf']): Float64Array {
  const field = Float64Array.from({ length: CELLS }, (_, cell) => {
    const dx = ((cell % GRID) + 0.5) / GRID - x;
    const dy = (Math.floor(cell / GRID) + 0.5) / GRID - y;
    return Math.exp(-(dx * dx + dy * dy) / (2 * sigma * sigma));
  });
  const sum = field.reduce((a, b) => a + b, 0);
  return field.map((value) => value / sum);
}

/**
 * signal[i, v] = Σ_k bank[i, k]·weights[k, v]
 * @shape bank float32 [image, bank], weights float32 [bank, voxel] → float64 [image, voxel]
 */
export function voxelSignals(bank: Float32Array, weights: Float32Array, voxels: number): Float64Array {
  const images = bank.length / BANK_SIZE;
  const signals = new Float64Array(images * voxels);
  // Each voxel uses few entries of the bank: zeros are dropped once.
  const used: { at: number; weight: number }[][] = Array.from({ length: voxels }, (_, v) => {
    const list = [];
    for (let k = 0; k < BANK_SIZE; k += 1) if (weights[k * voxels + v] !== 0) list.push({ at: k, weight: weights[k * voxels + v] as number });
    return list;
  });
  used.forEach((list, v) => {
    const at = Int32Array.from(list, (entry) => entry.at);
    const weight = Float64Array.from(list, (entry) => entry.weight);
    for (let i = 0; i < images; i += 1) {
      let sum = 0;
      for (let k = 0; k < at.length; k += 1) sum += (weight[k] as number) * (bank[i * BANK_SIZE + (at[k] as number)] as number);
      signals[i * voxels + v] = sum;
    }
  });
  return signals;
}

export interface SignalMoments {
  /** float64 [voxel], over the stimuli shown */
  readonly mean: Float64Array;
  /** population standard deviation */
  readonly sd: Float64Array;
}

export function signalMoments(signals: Float64Array, voxels: number): SignalMoments {
  const images = signals.length / voxels;
  const mean = new Float64Array(voxels);
  const sd = new Float64Array(voxels);
  for (let v = 0; v < voxels; v += 1) {
    let sum = 0;
    for (let i = 0; i < images; i += 1) sum += signals[i * voxels + v] as number;
    const m = sum / images;
    let squares = 0;
    for (let i = 0; i < images; i += 1) squares += ((signals[i * voxels + v] as number) - m) ** 2;
    mean[v] = m;
    sd[v] = Math.sqrt(squares / images);
  }
  return { mean, sd };
}
