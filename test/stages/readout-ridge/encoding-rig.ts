/**
 * A small encoding problem as real artifacts on disk (features, voxels, stimuli), and a runner for the stages that fit and score it. The responses
 * are a planted linear map of the features plus noise, so every score has a known best.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf } from '../../../src/core/digest.js';
import { PipelineError } from '../../../src/core/errors.js';
import { Random } from '../../../src/core/random.js';
import { tensor } from '../../../src/core/tensor.js';
import type { TensorService } from '../../../src/core/tensor-service.js';
import type { ArtifactFile, ArtifactReader, ArtifactWriter, MemoEntry, StageContext, StageDefinition } from '../../../src/engine/stage.js';
import { writeNpy } from '../../../src/formats/npy.js';
import { FEATURES_INDEX, type FeaturesFile } from '../../../src/stages/artifacts/features.js';
import type { StimulusImage } from '../../../src/stages/artifacts/stimuli.js';
import { VOXEL_FILES, type VoxelsFile } from '../../../src/stages/artifacts/voxels.js';

export interface Problem {
  readonly images: number;
  readonly testImages: number;
  readonly voxels: number;
  /** ratio of signal to noise standard deviation of single trials; Infinity: no noise */
  readonly ncsnr: number;
  readonly seed: string;
  /** nsdId to flag as test although its row is a training row too */
  readonly leak?: number;
  /** training image to flag as one of the shared images */
  readonly sharedInTraining?: number;
  /** name of the model that made the features; absent: none did */
  readonly backbone?: string;
}

export const FEATURES = 12;
const REPEATS = 3;
/** the last voxel never varies */
export const constantVoxel = (problem: Problem): number => problem.voxels - 1;

/** Writes artifacts `features`, `voxels` and `stimuli` below a folder. Images have nsdIds 10, 20, …; the last ones are test images. */
export function writeProblem(folder: string, problem: Problem): void {
  const { images, voxels } = problem;
  const random = new Random(problem.seed);
  const nsdIds = Int32Array.from({ length: images }, (_, i) => 10 * (i + 1));
  // Layer `early`: channels 0 and 2 of three on a 2 × 2 grid; layer `late`: all four channels, one cell.
  const early = Float32Array.from({ length: images * 12 }, () => random.normal(3, 2));
  const late = Float32Array.from({ length: images * 4 }, () => random.normal(0, 10));
  const row = (i: number): number[] => [...early.subarray(i * 12, i * 12 + 4), ...early.subarray(i * 12 + 8, i * 12 + 12), ...late.subarray(i * 4, i * 4 + 4)];
  const map = Float64Array.from({ length: FEATURES * voxels }, (_, at) => random.normal(0, Math.floor(at / voxels) < 8 ? 0.5 : 0.1));
  const signalShare = Number.isFinite(problem.ncsnr) ? problem.ncsnr / Math.sqrt(1 + problem.ncsnr ** 2) : 1;

  const signal = new Float64Array(images * voxels);
  for (let v = 0; v < voxels; v += 1) {
    const column = Float64Array.from({ length: images }, (_, i) => row(i).reduce((sum, x, j) => sum + x * (map[j * voxels + v] as number), 0));
    const mean = column.reduce((a, b) => a + b) / images;
    const sd = Math.sqrt(column.reduce((sum, x) => sum + (x - mean) ** 2, 0) / images);
    column.forEach((x, i) => { signal[i * voxels + v] = v === voxels - 1 ? 0 : (signalShare * (x - mean)) / sd; });
  }
  const noise = Math.sqrt(1 - signalShare ** 2);
  const trials = new Float32Array(images * REPEATS * voxels);
  const means = new Float32Array(images * voxels);
  for (let t = 0; t < images * REPEATS; t += 1) {
    const i = t % images;
    for (let v = 0; v < voxels; v += 1) {
      const z = (signal[i * voxels + v] as number) + (v === voxels - 1 ? 0 : noise * random.normal());
      trials[t * voxels + v] = z;
      means[i * voxels + v] = (means[i * voxels + v] as number) + z / REPEATS;
    }
  }

  const file = (artifact: string, name: string): string => {
    mkdirSync(join(folder, artifact), { recursive: true });
    return join(folder, artifact, name);
  };
  const layers: FeaturesFile['layers'] = [
    { name: 'early', channels: [0, 2], grid: [2, 2], offset: 0, map: [3, 8, 8] },
    { name: 'late', channels: [0, 1, 2, 3], grid: [1, 1], offset: 8, map: [4, 4, 4] },
  ];
  writeNpy(file('features', 'early.npy'), tensor('float32', [images, 3, 2, 2], early));
  writeNpy(file('features', 'late.npy'), tensor('float32', [images, 4, 1, 1], late));
  const featuresFile: FeaturesFile = { backbone: problem.backbone === undefined ? null : digestOf(problem.backbone), layers, nsdIds: [...nsdIds], width: FEATURES, chunks: [{ start: 0, count: images, files: ['early.npy', 'late.npy'] }] };
  writeFileSync(file('features', FEATURES_INDEX), JSON.stringify(featuresFile));

  const firstTest = images - problem.testImages;
  const stimuli: StimulusImage[] = [...nsdIds].map((nsdId, i) => ({ nsdId, cocoId: null, firstTrial: i, shared: i >= firstTest || nsdId === problem.sharedInTraining, split: i >= firstTest ? 'test' : i % 6 === 0 ? 'validation' : 'train' }));
  if (problem.leak !== undefined) stimuli.push({ nsdId: problem.leak, cocoId: null, firstTrial: 0, shared: false, split: 'test' });
  writeFileSync(file('stimuli', 'stimuli.json'), JSON.stringify({ dataset: 'imgBrick', images: stimuli }));
  writeFileSync(file('stimuli', 'stimuli.hdf5'), '');

  const half = Math.floor(voxels / 2);
  const index: VoxelsFile = {
    subject: 1, space: 'func1pt8mm', betas: 'b3', zscore: 'session', grid: [4, 4, 4], sessions: 1, voxelCount: voxels, trialCount: images * REPEATS, imageCount: images, excluded: 0,
    rois: [
      { set: 'left', label: null, name: 'left', voxels: Array.from({ length: half }, (_, v) => v) },
      { set: 'left', label: 1, name: 'L-1', voxels: [0, 1] },
      { set: 'right', label: null, name: 'right', voxels: Array.from({ length: voxels - half }, (_, v) => half + v) },
      { set: 'right', label: 2, name: 'empty', voxels: [] },
    ],
  };
  const ints = (name: string, data: Int32Array, shape = [data.length]): void => writeNpy(file('voxels', name), tensor('int32', shape, data));
  const floats = (name: string, data: Float32Array, shape = [data.length]): void => writeNpy(file('voxels', name), tensor('float32', shape, data));
  writeFileSync(file('voxels', VOXEL_FILES.index), JSON.stringify(index));
  floats(VOXEL_FILES.trials, trials, [images * REPEATS, voxels]);
  ints(VOXEL_FILES.trialImages, Int32Array.from({ length: images * REPEATS }, (_, t) => nsdIds[t % images] as number));
  ints(VOXEL_FILES.trialSessions, new Int32Array(images * REPEATS));
  floats(VOXEL_FILES.means, means, [images, voxels]);
  ints(VOXEL_FILES.meanImages, nsdIds);
  ints(VOXEL_FILES.meanRepeats, new Int32Array(images).fill(REPEATS));
  const ncsnr = new Float32Array(voxels).fill(problem.ncsnr);
  ncsnr[voxels - 1] = NaN;
  floats(VOXEL_FILES.ncsnr, ncsnr);
  floats(VOXEL_FILES.ncsnrPublished, ncsnr.map((value) => value / 2));
  ints(VOXEL_FILES.position, Int32Array.from({ length: voxels * 3 }, (_, at) => at), [voxels, 3]);
}

export function readerOf(folder: string): ArtifactReader {
  const files: ArtifactFile[] = (readdirSync(folder, { recursive: true }) as string[]).filter((name) => statSync(join(folder, name)).isFile()).sort().map((name) => ({ name, digest: digestOf(readFileSync(join(folder, name))), size: statSync(join(folder, name)).size }));
  return {
    type: '', digest: digestOf(folder), restricted: false, files,
    has: (name) => files.some((known) => known.name === name),
    file: (name) => files.find((known) => known.name === name) as ArtifactFile,
    path: (name) => join(folder, name),
    text: (name) => readFileSync(join(folder, name), 'utf8'),
    json: (name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as never,
  };
}

export interface Ran {
  readonly output: ArtifactReader;
  readonly folder: string;
  readonly metrics: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
  readonly progress: readonly (readonly [number, number])[];
}

/** Runs a stage on artifact folders; its output is written to `to`, several to folders of their names in it. JSON with NaN is refused, as the engine does. */
export async function runOn(definition: StageDefinition, params: object, inputs: Readonly<Record<string, string>>, to: string, tensorService: TensorService, externals: Readonly<Record<string, string>> = {}): Promise<Ran> {
  mkdirSync(to, { recursive: true });
  const metrics: Record<string, number> = {};
  const warnings: string[] = [];
  const progress: [number, number][] = [];
  const refuseNaN = (_: string, value: unknown): unknown => {
    if (typeof value === 'number' && !Number.isFinite(value)) throw new PipelineError('E_DATA', `JSON holds ${value}`);
    return value;
  };
  const writerTo = (folder: string): ArtifactWriter => {
    mkdirSync(folder, { recursive: true });
    return {
      path: (name: string) => join(folder, name),
      write: (name: string, content: string | Uint8Array) => writeFileSync(join(folder, name), content),
      json: (name: string, value: unknown) => writeFileSync(join(folder, name), JSON.stringify(value, refuseNaN)),
      adopt: (name: string, file: ArtifactFile) => copyFileSync(sourceOf(file), join(folder, name)),
      seal: () => digestOf(folder),
    } as ArtifactWriter;
  };
  const sourceOf = ({ digest }: ArtifactFile): string => {
    const folders = [...Object.values(inputs), ...(existsSync(`${to}.memo`) ? readdirSync(`${to}.memo`).map((name) => join(`${to}.memo`, name)) : [])];
    return folders.flatMap((folder) => readerOf(folder).files.map((file) => ({ file, path: join(folder, file.name) }))).find(({ file }) => file.digest === digest)?.path as string;
  };
  const ports = Object.keys(definition.outputs);
  /** kept from call to call, as the store keeps it */
  const memo = async (struct: unknown, produce: (writer: ArtifactWriter) => Promise<void>): Promise<MemoEntry> => {
    const folder = join(`${to}.memo`, digestOf(JSON.stringify(struct)));
    const restored = existsSync(folder);
    if (!restored) await produce(writerTo(folder));
    const { files, file, path } = readerOf(folder);
    return { restored, files, file, path };
  };
  const defaults = Object.fromEntries(Object.entries(definition.params.properties).flatMap(([name, schema]) => ('default' in schema ? [[name, schema['default'] as unknown]] : [])));
  const context = {
    params: { ...defaults, ...params },
    inputs: Object.fromEntries(Object.entries(inputs).map(([port, folder]) => [port, readerOf(folder)])),
    outputs: Object.fromEntries(ports.map((name) => [name, writerTo(ports.length === 1 ? to : join(to, name))])),
    memo,
    externals: new Map(Object.entries(externals)),
    random: new Random('stage'),
    services: { tensor: tensorService },
    resources: definition.resources,
    checkpoint: `${to}.checkpoint`,
    signal: new AbortController().signal,
    progress: (done: number, total: number) => progress.push([done, total]),
    log: () => undefined,
    warn: (text: string) => warnings.push(text),
    metric: (name: string, value: number) => { metrics[name] = value; },
  };
  await definition.run(context as unknown as StageContext as never);
  return { output: readerOf(to), folder: to, metrics, warnings, progress };
}
