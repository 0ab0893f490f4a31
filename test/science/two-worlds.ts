/**
 * One simulated experiment twice: as it was, and with everything about its held-out images replaced by noise — their pixels in the brick and their trials
 * in the betas. Whatever is chosen or fitted without looking at held-out images is the same in both, byte for byte.
 */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../src/core/random.js';
import { tensor, type DType, type TypedArrayOf } from '../../src/core/tensor.js';
import type { Services } from '../../src/core/tensor-service.js';
import type { ArtifactReader, StageDefinition } from '../../src/engine/stage.js';
import { Hdf5Writer, openHdf5 } from '../../src/formats/hdf5/index.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { encodeModel } from '../../src/graph/encode.js';
import { conv2d, relu } from '../../src/graph/layers.js';
import { imagesOf, readStimuli } from '../../src/stages/artifacts/stimuli.js';
import { readExperimentDesign } from '../../src/stages/nsd/experiment.js';
import { betasFile, BRICK_DATASET, EXPERIMENT_DESIGN, STIMULUS_BRICK } from '../../src/stages/nsd/layout.js';
import features from '../../src/stages/features-extract/stage.js';
import simulate from '../../src/stages/nsd-simulate/stage.js';
import source from '../../src/stages/nsd-source/stage.js';
import stimuli from '../../src/stages/nsd-stimuli/stage.js';
import voxels from '../../src/stages/nsd-voxels/stage.js';
import readout from '../../src/stages/readout-ridge/stage.js';
import { folderReader, runStage } from '../stages/simulate/run-stage.js';

const SESSIONS = 2;
const EXPERIMENT = {
  subject: 1, seed: 3, sessions: SESSIONS, trials_per_session: 90, shared_images: 20, voxels_per_area: 5, early_voxels: 6, ncsnr_low: 1.5, ncsnr_high: 3,
  image_size: 64, grid: [10, 12, 8], exemplars: 8, calibration_images: 16, beta_files: ['hdf5'],
};
const CHANNELS = 24;
const SIZE = 32;

export interface World {
  readonly stimuli: ArtifactReader;
  readonly voxels: ArtifactReader;
  readonly features: ArtifactReader;
  readonly readout: ArtifactReader;
  readonly backbone: ArtifactReader;
}

export interface Choices {
  readonly zscore: 'session' | 'session-train-only';
  readonly targets?: 'repeat-mean' | 'single-trial';
  /** the split that features.extract is handed, by default the true one */
  readonly splitOfFeatures?: (stimuli: ArtifactReader, folder: string) => ArtifactReader;
}

export class TwoWorlds {
  #runs = 0;
  private constructor(readonly folder: string, readonly services: Partial<Services>, readonly trees: { readonly clean: ArtifactReader; readonly garbage: ArtifactReader }, readonly heldOut: Int32Array) {}

  static async create(folder: string, services: Partial<Services>): Promise<TwoWorlds> {
    const simulated = await runStage(simulate as unknown as StageDefinition, EXPERIMENT, join(folder, 'simulated'), join(folder, 'memo'), services);
    const clean = simulated.reader('nsd');
    const chosen = await runStage(source as unknown as StageDefinition, {}, join(folder, 'chosen'), join(folder, 'memo'), services, undefined, { simulated: clean });
    const split = await runStage(stimuli as unknown as StageDefinition, {}, join(folder, 'split'), join(folder, 'memo'), services, undefined, { nsd: chosen.reader('nsd') });
    const heldOut = imagesOf(readStimuli(split.reader('stimuli')), 'test');
    const spoiled = join(folder, 'spoiled');
    cpSync(simulated.folder('nsd'), spoiled, { recursive: true });
    spoil(spoiled, heldOut, heldOut[0] as number);
    return new TwoWorlds(folder, services, { clean, garbage: folderReader(spoiled, 'Nsd') }, heldOut);
  }

  /** The pipeline from the tree to the readout, through the real stages. */
  async run(which: 'clean' | 'garbage', choices: Choices): Promise<World> {
    this.#runs += 1;
    const root = join(this.folder, `${which}-${this.#runs}`);
    const stage = async (definition: unknown, params: object, output: string, inputs: Record<string, ArtifactReader>): Promise<ArtifactReader> =>
      (await runStage(definition as StageDefinition, params, join(root, output), join(this.folder, 'memo'), this.services, undefined, inputs)).reader(output);
    const nsd = await stage(source, {}, 'nsd', { simulated: this.trees[which] });
    const split = await stage(stimuli, {}, 'stimuli', { nsd });
    const responses = await stage(voxels, { zscore: choices.zscore }, 'voxels', { nsd, stimuli: split });
    const backbone = writeBackbone(join(root, 'backbone'));
    const activations = await stage(features, { layers: ['map'], grid: [2, 2], percent: 50 }, 'features', { backbone, stimuli: choices.splitOfFeatures?.(split, join(root, 'other-split')) ?? split });
    const fitted = await stage(readout, { folds: 3, targets: choices.targets ?? 'repeat-mean' }, 'readout', { features: activations, voxels: responses, stimuli: split });
    return { stimuli: split, voxels: responses, features: activations, readout: fitted, backbone };
  }
}

/** Noise in place of the trials and the pixels of some images, but for the pixels of one: it can be explained in both worlds. */
function spoil(root: string, nsdIds: Int32Array, spared: number): void {
  const random = new Random('garbage');
  const spoiled = new Set(nsdIds);
  const design = readExperimentDesign(join(root, EXPERIMENT_DESIGN));
  const images = design.trialImages(1, SESSIONS * design.trialsPerSession);
  for (let session = 0; session < SESSIONS; session += 1) {
    rewrite(join(root, betasFile(1, 'func1pt8mm', 'betas_fithrf_GLMdenoise_RR', session + 1, 'hdf5')), 'betas', (trial) => spoiled.has(images[session * design.trialsPerSession + trial] as number), Array.from({ length: design.trialsPerSession }, (_, t) => t), () => () => random.integer(-3000, 3000));
  }
  const shown = [...new Set(images)].sort((a, b) => a - b);
  rewrite(join(root, STIMULUS_BRICK), BRICK_DATASET, (nsdId) => spoiled.has(nsdId) && nsdId !== spared, shown, () => {
    // every picture at a brightness of its own
    const level = random.integer(0, 200);
    return () => level + random.integer(0, 56);
  });
}

/** Writes a dataset anew: some rows as they were, some as noise, the others not at all. */
function rewrite(path: string, name: string, isNoise: (row: number) => boolean, rows: readonly number[], noise: () => () => number): void {
  const file = openHdf5(path);
  const { shape, dtype } = file.dataset(name);
  const [, ...rest] = shape;
  const slice = (row: number): [number, number][] => [[row, row + 1], ...rest.map((extent): [number, number] => [0, extent])];
  const kept = rows.map((row) => ({ row, values: file.dataset(name).readSlice(slice(row)) }));
  file.close();
  rmSync(path);
  const writer = new Hdf5Writer(path);
  writer.createDataset(name, { dtype: dtype as 'int16' | 'uint8', shape, chunks: [1, ...rest] });
  for (const { row, values } of kept) writer.writeSlice(name, slice(row), isNoise(row) ? { ...values, data: (values.data as Int16Array).map(noise()) } as typeof values : values);
  writer.close();
}

/** One convolution: channels of brightness, which pictures vary, and channels of fine detail, which noise drives. */
function writeBackbone(folder: string): ArtifactReader {
  const random = new Random('two worlds');
  mkdirSync(folder, { recursive: true });
  const builder = new GraphBuilder();
  const image = builder.input('pixels', 'float32', [1, 3, SIZE, SIZE]);
  // of many strengths, so that pictures and noise put them into different orders
  const kernel = Float32Array.from({ length: CHANNELS * 27 }, (_, at) => {
    const channel = Math.floor(at / 27);
    return (channel % 2 === 0 ? 0.04 : at % 2 === 0 ? 0.3 : -0.3) * 1.15 ** (-(channel >> 1)) + 0.001 * random.normal();
  });
  builder.output('map', relu(builder, conv2d(builder, image, builder.constant(tensor('float32', [CHANNELS, 3, 3, 3], kernel)), undefined, { pads: 1, stride: 2 })));
  writeFileSync(join(folder, 'model.onnx'), encodeModel(builder.build(), { batch: 'batch' }));
  writeFileSync(join(folder, 'backbone.json'), JSON.stringify({ name: 'small', input: 'pixels', preprocessing: { size: SIZE, crop: 'none', mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] }, layers: [{ name: 'map', shape: [CHANNELS, SIZE / 2, SIZE / 2] }] }));
  return folderReader(folder, 'Backbone');
}

/** Do two results differ in any byte? */
export function differ(one: readonly TypedArrayOf[DType][], other: readonly TypedArrayOf[DType][]): boolean {
  return one.length !== other.length || one.some((values, i) => values.length !== other[i]?.length || Array.from(values as ArrayLike<unknown>).some((value, at) => !Object.is(value, other[i]?.[at])));
}
