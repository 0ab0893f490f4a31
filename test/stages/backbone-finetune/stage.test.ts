import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StageDefinition } from '../../../src/engine/stage.js';
import { decodeModel } from '../../../src/graph/decode.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import { readBackbone } from '../../../src/stages/artifacts/backbone.js';
import { readReadout } from '../../../src/stages/artifacts/readout.js';
import finetune from '../../../src/stages/backbone-finetune/stage.js';
import evaluate from '../../../src/stages/evaluate/stage.js';
import features from '../../../src/stages/features-extract/stage.js';
import ridge from '../../../src/stages/readout-ridge/stage.js';
import type { TensorService } from '../../../src/core/tensor-service.js';
import { readerOf, runOn, type Ran } from '../readout-ridge/encoding-rig.js';
import { GRID, writePlanted, type PlantedFolders } from './planted.js';

const root = mkdtempSync(join(tmpdir(), 'finetune-'));
const service = createOnnxRuntimeService({ threads: 1 });
let folders: PlantedFolders;
beforeAll(async () => {
  folders = await writePlanted(root, service, { images: 200, testImages: 40, noise: 0.3, validationEvery: 8 });
});
afterAll(async () => {
  await service.dispose();
  rmSync(root, { recursive: true, force: true });
});

let runs = 0;
const BASE = { layers: ['two'], grid: [GRID, GRID], batch: 10, epochs: 12, learning_rate: 0.02, backbone_rate: 1, schedule: 'cosine', early_stopping: 0 };
const run = (definition: unknown, params: object, inputs: Record<string, string>, on: TensorService = service): Promise<Ran> => {
  runs += 1;
  return runOn(definition as StageDefinition, params, inputs, join(root, `run-${runs}`), on);
};
const tune = (params: object, more: Partial<Record<'features' | 'start', string>> = {}, on: TensorService = service): Promise<Ran> => run(finetune, { ...BASE, ...params }, { ...folders, ...more }, on);
const bytes = (ran: Ran, file: string): Buffer => readFileSync(join(ran.folder, file));
const losses = (ran: Ran): number[] => (JSON.parse(bytes(ran, 'readout/readout.json').toString()) as { losses: number[] }).losses;

/** median r of the readout on held-out images, by features.extract and evaluate as a pipeline has them */
async function heldOut(ran: Ran): Promise<number> {
  const backbone = join(ran.folder, 'backbone');
  // a frozen backbone comes out as the artifact that went in: the rig knows artifacts by their folder
  const own = readReadout(readerOf(join(ran.folder, 'readout'))).backbone === readerOf(backbone).digest ? backbone : folders.backbone;
  const extracted = await run(features, { layers: BASE.layers, grid: BASE.grid }, { backbone: own, stimuli: folders.stimuli });
  const scored = await run(evaluate, { bootstrap: 0, permutations: 0 }, { readout: join(ran.folder, 'readout'), features: extracted.folder, voxels: folders.voxels, stimuli: folders.stimuli });
  return scored.metrics['median_r'] as number;
}

describe('backbone.finetune', () => {
  it('tuned weights explain what a readout of the frozen backbone cannot, on images that were held out', async () => {
    const frozen = await tune({});
    const tuned = await tune({ trainable: ['conv2'] });
    expect(losses(tuned).at(-1)).toBeLessThan((losses(tuned)[0] as number) / 2);
    expect(losses(tuned).at(-1)).toBeLessThan((losses(frozen).at(-1) as number) * 0.8);
    const [less, more] = [await heldOut(frozen), await heldOut(tuned)];
    expect(more).toBeGreaterThan(less + 0.1);
    const initial = decodeModel(readBackbone(readerOf(folders.backbone)).model, { bind: { batch: 2 } });
    const after = decodeModel(readBackbone(readerOf(join(tuned.folder, 'backbone'))).model, { bind: { batch: 2 } });
    for (const [name, weight] of initial.initializers) {
      if (name.startsWith('conv2')) expect(after.initializers.get(name)?.data, name).not.toEqual(weight.data);
      else expect(after.initializers.get(name)?.data, name).toEqual(weight.data);
    }
  });

  it('gives the same bytes again, at one thread and at two, with the frozen part kept or computed in every step', async () => {
    const two = createOnnxRuntimeService({ threads: 2 });
    const params = { trainable: ['conv2', 'norm2'], epochs: 2, batch_norm: 'training', optimiser: 'adamw', weight_decay: 0.01, clip_norm: 1 };
    const first = await tune(params);
    const again = await tune(params, {}, two);
    await two.dispose();
    for (const file of ['backbone/model.onnx', 'readout/weights.npy', 'readout/intercept.npy', 'readout/feature_mean.npy', 'readout/report.json']) expect(bytes(again, file).equals(bytes(first, file)), file).toBe(true);
    const uncached = await tune({ ...params, cache_limit_mb: 0 });
    losses(uncached).forEach((loss, epoch) => expect(loss).toBeCloseTo(losses(first)[epoch] as number, 4));
  });

  it('a frozen backbone comes out as it went in, and features of it give what its images give', async () => {
    const extracted = await run(features, { layers: BASE.layers, grid: BASE.grid, batch: BASE.batch }, { backbone: folders.backbone, stimuli: folders.stimuli });
    const fromImages = await tune({ epochs: 3 });
    const fromFeatures = await tune({ epochs: 3 }, { features: extracted.folder });
    expect(bytes(fromImages, 'backbone/model.onnx').equals(readFileSync(join(folders.backbone, 'model.onnx')))).toBe(true);
    losses(fromFeatures).forEach((loss, epoch) => expect(loss).toBeCloseTo(losses(fromImages)[epoch] as number, 4));
    await expect(tune({ trainable: ['conv2'] }, { features: extracted.folder })).rejects.toMatchObject({ code: 'E_DATA', message: 'the features do not fit the fine-tuning' });
    await expect(tune({ grid: [1, 1] }, { features: extracted.folder })).rejects.toMatchObject({ code: 'E_DATA' });
  });

  it('starts where a ridge readout is, exactly as linear, nearly as factorised', async () => {
    const extracted = await run(features, { layers: BASE.layers, grid: BASE.grid }, { backbone: folders.backbone, stimuli: folders.stimuli });
    const fitted = await run(ridge, { alphas: [10] }, { features: extracted.folder, voxels: folders.voxels, stimuli: folders.stimuli });
    const still = { epochs: 1, learning_rate: 1e-12 };
    const linear = readReadout(readerOf(join((await tune({ ...still, readout: 'linear-on-grid' }, { start: fitted.folder })).folder, 'readout')));
    const expected = readReadout(fitted.output);
    linear.weights.forEach((w, i) => expect(w).toBeCloseTo(expected.weights[i] as number, 4));
    linear.intercept.forEach((w, i) => expect(w).toBeCloseTo(expected.intercept[i] as number, 3));
    const near = await tune({ ...still }, { start: fitted.folder });
    const random = await tune({ ...still });
    expect(near.warnings.join()).toContain('was fitted on the validation images');
    await expect(tune({ ...still, early_stopping: 1 }, { start: fitted.folder })).rejects.toMatchObject({ code: 'E_LEAK' });
    expect(near.metrics['validation_error']).toBeLessThan((random.metrics['validation_error'] as number) * 0.8);
  });

  it('images that the start or the backbone was fitted on under another split count as its own: they cannot be scored', async () => {
    const other = join(root, 'other-split');
    cpSync(folders.stimuli, other, { recursive: true });
    const split = JSON.parse(readFileSync(join(other, 'stimuli.json'), 'utf8')) as { images: { split: string; nsdId: number }[] };
    const moved = split.images.find((image) => image.split === 'train')?.nsdId as number;
    writeFileSync(join(other, 'stimuli.json'), JSON.stringify({ ...split, images: split.images.map((image) => (image.nsdId === moved ? { ...image, split: 'test' } : image)) }));
    const settings = { layers: BASE.layers, grid: BASE.grid };
    const score = (readout: string, extracted: Ran): Promise<Ran> => run(evaluate, { bootstrap: 0, permutations: 0 }, { readout, features: extracted.folder, voxels: folders.voxels, stimuli: other });
    const message = expect.stringContaining(`image ${moved} (nsdId) is a test image`) as string;

    const extracted = await run(features, settings, { backbone: folders.backbone, stimuli: folders.stimuli });
    const fitted = await run(ridge, { alphas: [10] }, { features: extracted.folder, voxels: folders.voxels, stimuli: folders.stimuli });
    const started = await run(finetune, { ...BASE, epochs: 1 }, { ...folders, stimuli: other, start: fitted.folder });
    await expect(score(join(started.folder, 'readout'), extracted)).rejects.toMatchObject({ code: 'E_LEAK', message });

    const tuned = join((await tune({ trainable: ['conv2'], epochs: 1 })).folder, 'backbone');
    const again = await run(features, settings, { backbone: tuned, stimuli: other });
    const clean = await run(ridge, { alphas: [10] }, { features: again.folder, voxels: folders.voxels, stimuli: other });
    await expect(score(clean.folder, again)).rejects.toMatchObject({ code: 'E_LEAK', message });
  });

  it('stops early, and gives the state of the best epoch', async () => {
    const ran = await tune({ trainable: ['conv2'], epochs: 40, early_stopping: 2, learning_rate: 0.05, schedule: 'constant' });
    const { validation, epoch } = JSON.parse(bytes(ran, 'readout/readout.json').toString()) as { validation: number[]; epoch: number };
    expect(validation.length).toBeLessThan(41);
    expect(validation[epoch]).toBe(Math.min(...validation));
    expect(validation.length - 1 - epoch).toBe(2);
    expect(ran.metrics['validation_error']).toBe(validation[epoch]);
  });

  it('normalises by the batch where it is told to, and moves the running statistics of what is trained only', async () => {
    const ran = await tune({ trainable: ['conv2'], batch_norm: 'training', epochs: 1 });
    const before = decodeModel(readBackbone(readerOf(folders.backbone)).model, { bind: { batch: 1 } }).initializers;
    const after = decodeModel(readBackbone(readerOf(join(ran.folder, 'backbone'))).model, { bind: { batch: 1 } }).initializers;
    expect(after.get('norm2.running_mean')?.data).not.toEqual(before.get('norm2.running_mean')?.data);
    expect(after.get('norm2.running_var')?.data).not.toEqual(before.get('norm2.running_var')?.data);
    for (const name of ['norm2.weight', 'norm2.bias', 'norm1.running_mean', 'norm1.weight']) expect(after.get(name)?.data, name).toEqual(before.get(name)?.data);
  });

  it('refuses images that are held out, layers and weights that are not there, and a rate that blows up', async () => {
    const leaky = join(root, 'leaky');
    cpSync(folders.stimuli, leaky, { recursive: true });
    const split = JSON.parse(readFileSync(join(leaky, 'stimuli.json'), 'utf8')) as { images: { shared: boolean; nsdId: number }[] };
    writeFileSync(join(leaky, 'stimuli.json'), JSON.stringify({ ...split, images: split.images.map((image) => (image.nsdId === 3 ? { ...image, shared: true } : image)) }));
    await expect(run(finetune, BASE, { ...folders, stimuli: leaky })).rejects.toMatchObject({ code: 'E_LEAK' });
    await expect(tune({ layers: ['tow'] })).rejects.toMatchObject({ code: 'E_GRAPH' });
    await expect(tune({ trainable: ['conv3'] })).rejects.toMatchObject({ code: 'E_GRAPH', message: '"conv3" names no weight of the model' });
    await expect(tune({ trainable: ['conv2'], optimiser: 'sgd', learning_rate: 1e9, schedule: 'constant' })).rejects.toMatchObject({ code: 'E_NOT_CONVERGED' });
    await expect(tune({ batch: 500 })).rejects.toMatchObject({ code: 'E_DATA', message: 'there are fewer training images than one batch holds' });
  });
});
