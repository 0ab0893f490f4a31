/**
 * Makes the true brain: templates from canonical exemplars, thresholds and gains from a fixed set of stimuli of its own (never shown to the
 * subject). A pure function of its parameters; every subject of the simulator has the same brain, only its voxels differ.
 */
import { GraphBuilder } from '../../../graph/builder.js';
import { concat, reshape } from '../../../graph/layers.js';
import { encodeModel } from '../../../graph/encode.js';
import { resizeAntialiased } from '../../../math/resample.js';
import { drawStimulus } from '../drawing/stimulus.js';
import { BANK_SIZE, BRAIN_SIZE, GRID, bank, energies, matches } from './brain-graph.js';
import { CHANNELS, channelMaps } from './channel-maps.js';
import { EXEMPLAR_KINDS, EXEMPLAR_SIZE, drawExemplar } from './exemplars.js';
import { TEMPLATES, WINDOW, makeTemplates } from './templates.js';
import type { Tensor } from '../../../core/tensor.js';
import type { TensorProgram, TensorService } from '../../../core/tensor-service.js';
import type { Calibration } from './brain-graph.js';
import type { ExemplarKind } from './exemplars.js';
import type { TemplateSet } from './templates.js';

export interface BrainOptions {
  /** canonical pictures a kind */
  readonly exemplars: number;
  /** stimuli that thresholds and gains are set on */
  readonly calibrationImages: number;
  /** called between batches; may throw to stop */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Images a run of the brain; the model file has this batch built in, so that a row's bits do not depend on its neighbours. */
export const BRAIN_BATCH = 8;
export const BRAIN_INPUT = 'image';
export const BRAIN_OUTPUT = 'bank';

const EXEMPLAR_SEED = 'simulated brain/1/exemplar';
const CALIBRATION_SEED = 'simulated brain/1/calibration';
/** share of positions at which a template stays silent */
const SILENT_SHARE = 0.97;
const PIXELS = 3 * BRAIN_SIZE * BRAIN_SIZE;

/** @returns an ONNX model: image float32 [8, 3, 128, 128] in [0, 1] → bank float32 [8, 1472] */
export async function buildBrain(service: TensorService, options: BrainOptions): Promise<Uint8Array> {
  const total = options.calibrationImages + 1;
  const set = makeTemplates(await exemplarMaps(service, options.exemplars));
  options.onProgress?.(1, total);
  const calibration = await calibrate(service, set, options, total);
  const b = new GraphBuilder();
  const image = b.input(BRAIN_INPUT, 'float32', [BRAIN_BATCH, 3, BRAIN_SIZE, BRAIN_SIZE]);
  b.output(BRAIN_OUTPUT, bank(b, image, set, calibration));
  return encodeModel(b.build());
}

async function exemplarMaps(service: TensorService, count: number): Promise<Map<ExemplarKind, Float32Array>> {
  const b = new GraphBuilder();
  const image = b.input('image', 'float32', [BRAIN_BATCH, 3, EXEMPLAR_SIZE, EXEMPLAR_SIZE]);
  b.output('maps', channelMaps(b, image, EXEMPLAR_SIZE).maps);
  const program = await service.compile(encodeModel(b.build()), { label: 'early maps of the exemplars' });
  try {
    const result = new Map<ExemplarKind, Float32Array>();
    for (const kind of EXEMPLAR_KINDS) {
      result.set(kind, await runInBatches(program, 'image', 'maps', count, 3 * EXEMPLAR_SIZE ** 2, CHANNELS * WINDOW * WINDOW, (i, into) => {
        into.set(drawExemplar(kind, `${EXEMPLAR_SEED}/${kind}/${i}`));
      }));
    }
    return result;
  } finally {
    await program.dispose();
  }
}

/** θ = 97th percentile of the match over positions, levels and stimuli; gain = 1/sd over stimuli of the energy averaged over the grid. */
async function calibrate(service: TensorService, set: TemplateSet, options: BrainOptions, total: number): Promise<Calibration> {
  const b = new GraphBuilder();
  const image = b.input('image', 'float32', [BRAIN_BATCH, 3, BRAIN_SIZE, BRAIN_SIZE]);
  const { levels } = matches(b, image, set);
  const shapes = levels.map((level) => level.shape);
  const positions = shapes.map((shape) => (shape[2] as number) * (shape[3] as number));
  const width = positions.reduce((a, c) => a + c, 0);
  const count = TEMPLATES.length;
  b.output('matches', reshape(b, concat(b, levels.map((level, i) => reshape(b, level, [BRAIN_BATCH, count, positions[i] as number])), 2), [BRAIN_BATCH, count * width]));
  const program = await service.compile(encodeModel(b.build()), { label: 'template matches' });
  const images = options.calibrationImages;
  let all: Float32Array;
  try {
    all = await runInBatches(program, 'image', 'matches', images, PIXELS, count * width, (i, into) => {
      const { rgb } = drawStimulus(`${CALIBRATION_SEED}/${i}`, BRAIN_SIZE);
      resizeAntialiased({ layout: 'pixels', data: rgb, channels: 3, height: BRAIN_SIZE, width: BRAIN_SIZE }, BRAIN_SIZE, BRAIN_SIZE, into);
      options.onProgress?.(i + 1, total);
    });
  } finally {
    await program.dispose();
  }
  const threshold = new Float32Array(count);
  const values = new Float32Array(images * width);
  for (let t = 0; t < count; t += 1) {
    for (let i = 0; i < images; i += 1) values.set(all.subarray((i * count + t) * width, (i * count + t + 1) * width), i * width);
    threshold[t] = values.sort()[Math.floor(SILENT_SHARE * values.length)] as number;
  }
  return { threshold, gain: await gains(service, shapes, positions, all, images, threshold) };
}

async function gains(
  service: TensorService, shapes: readonly (readonly number[])[], positions: readonly number[], all: Float32Array, images: number, threshold: Float32Array,
): Promise<Float32Array> {
  const count = TEMPLATES.length;
  const width = positions.reduce((a, c) => a + c, 0);
  const b = new GraphBuilder();
  const flat = b.input('matches', 'float32', [BRAIN_BATCH, count * width]);
  const rows = reshape(b, flat, [BRAIN_BATCH, count, width]);
  const parts = b.ops('Split', [rows, b.ints(positions)], { axis: 2 }, positions.length);
  const levels = parts.map((part, i) => reshape(b, part, shapes[i] as readonly number[]));
  b.output('energies', energies(b, levels, { threshold, gain: new Float32Array(count).fill(1) }));
  const program = await service.compile(encodeModel(b.build()), { label: 'template energies' });
  try {
    const cells = GRID * GRID;
    const found = await runInBatches(program, 'matches', 'energies', images, count * width, count * cells, (i, into) => {
      into.set(all.subarray(i * count * width, (i + 1) * count * width));
    });
    return Float32Array.from({ length: count }, (_, t) => 1 / standardDeviation(Float64Array.from({ length: images }, (_unused, i) => {
      let sum = 0;
      for (let cell = 0; cell < cells; cell += 1) sum += found[(i * count + t) * cells + cell] as number;
      return sum / cells;
    })));
  } finally {
    await program.dispose();
  }
}

function standardDeviation(values: Float64Array): number {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / (values.length - 1));
}

/**
 * Runs a program over any number of rows in batches of the fixed size; the last one is filled up with zeros.
 * @shape float32 [count, outWidth]; `fill` writes row i of the input
 */
export async function runInBatches(
  program: TensorProgram, input: string, output: string, count: number, inWidth: number, outWidth: number, fill: (i: number, into: Float32Array) => void,
): Promise<Float32Array> {
  const port = program.inputs.find((candidate) => candidate.name === input);
  const shape = port?.shape ?? [];
  const batch = shape[0] as number;
  const feed = new Float32Array(batch * inWidth);
  const result = new Float32Array(count * outWidth);
  for (let start = 0; start < count; start += batch) {
    const rows = Math.min(batch, count - start);
    for (let k = 0; k < rows; k += 1) fill(start + k, feed.subarray(k * inWidth, (k + 1) * inWidth));
    feed.fill(0, rows * inWidth);
    const tensorIn: Tensor<'float32'> = { dtype: 'float32', shape, data: feed };
    const found = (await program.run({ [input]: tensorIn }, [output]))[output] as Tensor<'float32'>;
    result.set(found.data.subarray(0, rows * outWidth), start * outWidth);
  }
  return result;
}

/** Responses of the brain's bank to pictures at 128 pixels. @shape float32 [count, 1472] */
export async function runBrain(program: TensorProgram, count: number, fill: (i: number, into: Float32Array) => void): Promise<Float32Array> {
  return runInBatches(program, BRAIN_INPUT, BRAIN_OUTPUT, count, PIXELS, BANK_SIZE, fill);
}

