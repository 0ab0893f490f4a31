/**
 * Fine-tuning of models as the exporters of PyTorch write them (shared, transposed and half-precision weights, weights without a
 * name of their own, layers by the paths of modules): from the file to scores and dreams. What is trained in float32 graphs has to be what the written file computes.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StageDefinition } from '../../../src/engine/stage.js';
import { readNpy } from '../../../src/formats/npy.js';
import { decodeModel } from '../../../src/graph/decode.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import { predictTargets } from '../../../src/solvers/predict.js';
import { readBackbone } from '../../../src/stages/artifacts/backbone.js';
import { readDreams } from '../../../src/stages/artifacts/dreams.js';
import { positionsOf, readFeatures } from '../../../src/stages/artifacts/features.js';
import { readReadout } from '../../../src/stages/artifacts/readout.js';
import finetune from '../../../src/stages/backbone-finetune/stage.js';
import onnx from '../../../src/stages/backbone-onnx/stage.js';
import dream from '../../../src/stages/dream/stage.js';
import evaluate from '../../../src/stages/evaluate/stage.js';
import extract from '../../../src/stages/features-extract/stage.js';
import { readerOf, runOn, type Ran } from '../readout-ridge/encoding-rig.js';
import { VOXELS, writePlanted, type PlantedFolders } from './planted.js';

const root = mkdtempSync(join(tmpdir(), 'finetune-exported-'));
const service = createOnnxRuntimeService({ threads: 1 });
const IMAGES = 48;
const TEST = 16;
const EVERY = 4;
let planted: PlantedFolders;
beforeAll(async () => {
  planted = await writePlanted(root, service, { images: IMAGES, testImages: TEST, noise: 0.3, validationEvery: EVERY });
});
afterAll(async () => {
  await service.dispose();
  rmSync(root, { recursive: true, force: true });
});

let runs = 0;
const run = (definition: unknown, params: object, inputs: Record<string, string>, externals: Record<string, string> = {}): Promise<Ran> => {
  runs += 1;
  return runOn(definition as StageDefinition, params, inputs, join(root, `run-${runs}`), service, externals);
};

interface Case {
  readonly size: number;
  readonly layers: readonly string[];
  readonly trainable: readonly string[];
  /** how many weights these name */
  readonly weights: number;
}
const CASES: readonly (readonly [string, Case])[] = [
  ['resnet-torchscript11', { size: 32, layers: ['layer1.0.relu_1', 'layer2.0.relu_1'], trainable: ['layer2'], weights: 6 }],
  ['resnet-dynamo18', { size: 32, layers: ['layer2.0.relu_1', 'avgpool'], trainable: ['layer2', '!layer2.0.downsample'], weights: 4 }],
  ['mobilenet_v3-dynamo20', { size: 32, layers: ['features.2.2'], trainable: ['features.1', 'features.2'], weights: 12 }],
  ['shufflenet-torchscript11', { size: 32, layers: ['stage4.0.branch2.2'], trainable: ['stage3', 'stage4'], weights: 18 }],
  ['convnext-torchscript11', { size: 32, layers: ['features.3.0.add'], trainable: ['features.3'], weights: 9 }],
  ['convnext_half-dynamo20', { size: 32, layers: ['features.3.0.add'], trainable: ['features.3'], weights: 9 }],
  ['vit-torchscript17', { size: 16, layers: ['encoder.ln'], trainable: ['*'], weights: 18 }],
  ['vit-dynamo23', { size: 16, layers: ['encoder.layers.encoder_layer_0.add_1'], trainable: ['*'], weights: 16 }],
  ['swin-dynamo18', { size: 32, layers: ['features.1.1.add_1'], trainable: ['features.1.1'], weights: 13 }],
];

describe('fine-tuning of an exported model', () => {
  it('in half precision can go on from where it ended', async () => {
    const [file, { size, layers, trainable }] = CASES.find(([name]) => name.includes('half')) as (typeof CASES)[number];
    const params = { layers, grid: [2, 2], trainable, targets: 'repeat-mean', batch: 8, epochs: 1 };
    const backbone = await run(onnx, { name: file, size, crop: 'none' }, {}, { file: join('test/fixtures/graph/exported', `${file}.onnx`) });
    const once = await run(finetune, params, { ...planted, backbone: backbone.folder });
    const again = join((await run(finetune, params, { ...planted, backbone: join(once.folder, 'backbone') })).folder, 'backbone');
    const sizes = [join(once.folder, 'backbone'), again].map((folder) => readFileSync(join(folder, 'model.onnx')).length);
    expect(sizes[1]).toBe(sizes[0]);
    expect(decodeModel(readBackbone(readerOf(again)).model, { bind: { batch: 2 } }).nodes).toEqual(decodeModel(readBackbone(readerOf(backbone.folder)).model, { bind: { batch: 2 } }).nodes);
  });

  it.each(CASES)('%s: the weights named are trained, and the file that comes out computes what was trained', async (file, { size, layers, trainable, weights: count }) => {
    const backbone = await run(onnx, { name: file, size, crop: 'none' }, {}, { file: join('test/fixtures/graph/exported', `${file}.onnx`) });
    const grid = [2, 2];
    const tuned = await run(finetune, { layers, grid, trainable, targets: 'repeat-mean', batch: 8, epochs: 4, learning_rate: 0.02, backbone_rate: 0.5, schedule: 'constant' }, { ...planted, backbone: backbone.folder });
    const { losses, trained } = JSON.parse(readFileSync(join(tuned.folder, 'readout', 'readout.json'), 'utf8')) as { losses: number[]; trained: string[] };
    expect(losses.at(-1)).toBeLessThan(losses[0] as number);
    const folder = join(tuned.folder, 'backbone');
    const weights = (of: string): ReadonlyMap<string, { readonly data: ArrayLike<number | bigint> }> => decodeModel(readBackbone(readerOf(of)).model, { bind: { batch: 1, 'image:0': 1 } }).initializers;
    const [before, after] = [weights(backbone.folder), weights(folder)];
    const changed = [...before].filter(([name, { data }]) => data.length > 1 && [...Array(data.length).keys()].some((i) => after.get(name)?.data[i] !== data[i])).map(([name]) => name);
    expect(changed.sort()).toEqual([...trained].sort());
    expect(changed).toHaveLength(count);

    const extracted = await run(extract, { layers, grid }, { backbone: folder, stimuli: planted.stimuli });
    const features = readFeatures(readerOf(extracted.folder));
    const validation = Int32Array.from({ length: (IMAGES - TEST) / EVERY }, (_, i) => i * EVERY);
    const rows = positionsOf(features.nsdIds, validation, 'features');
    const predicted = await predictTargets(service, readReadout(readerOf(join(tuned.folder, 'readout'))), rows.length, (from, count) => features.rows(rows.subarray(from, from + count)));
    const measured = readNpy(join(planted.voxels, 'means.npy')).data as Float32Array;
    const error = predicted.reduce((sum, y, at) => sum + (y - (measured[(validation[Math.floor(at / VOXELS)] as number) * VOXELS + (at % VOXELS)] as number)) ** 2, 0) / predicted.length;
    expect(error / (tuned.metrics['validation_error'] as number)).toBeCloseTo(1, 4);

    const scored = await run(evaluate, { bootstrap: 0, permutations: 0 }, { readout: join(tuned.folder, 'readout'), features: extracted.folder, voxels: planted.voxels, stimuli: planted.stimuli });
    expect(scored.metrics['median_r']).toEqual(expect.any(Number));
    const dreamt = await run(dream, { targets: [{ name: 'left', roi: 'left' }], images: 1, steps: 8 }, { backbone: folder, readout: join(tuned.folder, 'readout'), features: extracted.folder });
    const [entry] = readDreams(dreamt.output).entries;
    expect(Math.max(...(entry?.curve ?? []))).toBeGreaterThan(entry?.curve[0] as number);
  });
});
