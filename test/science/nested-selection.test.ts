/**
 * Selection is nested: nothing that is fitted, scaled or chosen has seen a held-out image. Each rule is checked by replacing held-out data with noise and asking
 * for the same bytes; beside each stands the mistake it guards against, which the same check must catch. Leaks that can be seen beforehand are refused.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { tensor, type DType, type TypedArrayOf } from '../../src/core/tensor.js';
import type { ArtifactReader, StageDefinition } from '../../src/engine/stage.js';
import { readNpy } from '../../src/formats/npy.js';
import { groupedFolds } from '../../src/math/folds.js';
import { pearsonColumns } from '../../src/math/statistics-correlation.js';
import { createOnnxRuntimeService } from '../../src/runtime/onnxruntime-service.js';
import { crossValidatedRidge } from '../../src/solvers/index.js';
import { requireUnseen } from '../../src/stages/artifacts/belonging.js';
import { positionsOf, readFeatures } from '../../src/stages/artifacts/features.js';
import { imagesOf, readStimuli, type Stimuli, type StimulusImage } from '../../src/stages/artifacts/stimuli.js';
import { readVoxels } from '../../src/stages/artifacts/voxels.js';
import attribute from '../../src/stages/attribute/stage.js';
import evaluate from '../../src/stages/evaluate/stage.js';
import { trainingNcsnr } from '../../src/stages/evaluate/training-reliability.js';
import { trainingRows } from '../../src/stages/readout-ridge/training-rows.js';
import { folderReader, runStage } from '../stages/simulate/run-stage.js';
import { differ, TwoWorlds, type Choices, type World } from './two-worlds.js';

type Arrays = TypedArrayOf[DType][];

const folder = mkdtempSync(join(tmpdir(), 'nested-'));
const services = { tensor: createOnnxRuntimeService({ threads: 1 }) };
const STRICT: Choices = { zscore: 'session-train-only' };
let worlds: TwoWorlds;
let clean: World;
let garbage: World;

beforeAll(async () => {
  worlds = await TwoWorlds.create(folder, services);
  [clean, garbage] = [await worlds.run('clean', STRICT), await worlds.run('garbage', STRICT)];
});
afterAll(async () => {
  await services.tensor.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const bytes = (artifact: ArtifactReader, except: readonly string[] = []): Record<string, string> => Object.fromEntries(artifact.files.filter((file) => !except.includes(file.name)).map((file) => [file.name, file.digest]));
const array = (artifact: ArtifactReader, name: string): Arrays[number] => readNpy(artifact.path(name)).data;

/** Features and responses of one world, over training images, test images, or both. */
function data(world: World, ...splits: Parameters<typeof imagesOf>[1][]): { x: Float32Array; y: Float32Array; rows: number; width: number; targets: number; nsdIds: Int32Array } {
  const nsdIds = imagesOf(readStimuli(world.stimuli), ...splits);
  const [features, voxels] = [readFeatures(world.features), readVoxels(world.voxels)];
  return { x: features.rows(positionsOf(features.nsdIds, nsdIds, 'features')), y: voxels.means.rows(positionsOf(voxels.means.nsdIds, nsdIds, 'voxels')), rows: nsdIds.length, width: features.width, targets: voxels.voxelCount, nsdIds };
}

const ALPHAS = [1, 10, 100, 1000, 10_000];
async function ridge(x: Float32Array, y: Float32Array, rows: number, alphas: readonly number[] = ALPHAS): Promise<{ weights: Float32Array; intercept: Float32Array; alpha: Float64Array }> {
  const folds = Int32Array.from({ length: rows }, (_, i) => i % 3);
  return crossValidatedRidge(services.tensor, tensor('float32', [rows, x.length / rows], x), tensor('float32', [rows, y.length / rows], y), { alphas, folds, standardize: false });
}

/** Does what is computed from a world depend on its held-out images? */
async function interferes(compute: (world: World) => Arrays | Promise<Arrays>): Promise<boolean> {
  return differ(await compute(clean), await compute(garbage));
}

describe('held-out images replaced by noise', () => {
  it('are really different in both worlds: pixels, features and responses', async () => {
    expect(await interferes((world) => [data(world, 'test').x])).toBe(true);
    expect(await interferes((world) => [data(world, 'test').y])).toBe(true);
    expect(await interferes((world) => [data(world, 'train', 'validation').x, data(world, 'train', 'validation').y])).toBe(false);
  });

  it('leave every byte of the readout as it was: weights, penalties, means, scales, scores of folds, channels, report', () => {
    expect(Object.keys(bytes(clean.readout))).toEqual(['alpha.npy', 'alphas.svg', 'cv_score.npy', 'cv_scores.npy', 'feature_mean.npy', 'feature_scale.npy', 'intercept.npy', 'readout.json', 'report.json', 'weights.npy']);
    expect(bytes(garbage.readout)).toEqual(bytes(clean.readout));
  });

  it('leave the readout as it was when single trials are fitted', async () => {
    const [one, two] = [await worlds.run('clean', { ...STRICT, targets: 'single-trial' }), await worlds.run('garbage', { ...STRICT, targets: 'single-trial' })];
    expect(bytes(two.readout)).toEqual(bytes(one.readout));
    expect(bytes(one.readout)).not.toEqual(bytes(clean.readout));
  });

  it('leave the choice of channels and of voxels as it was', () => {
    const layers = (world: World): unknown => readFeatures(world.features).layers;
    expect(layers(garbage)).toEqual(layers(clean));
    expect(readFeatures(clean.features).layers[0]?.channels).toHaveLength(12);
    const { rois: regions } = readVoxels(clean.voxels);
    expect(readVoxels(garbage.voxels).rois).toEqual(regions);
    expect(differ([array(clean.voxels, 'position.npy')], [array(garbage.voxels, 'position.npy')])).toBe(false);
  });

  it('leave the noise ceiling as it was when ncsnr is taken from training images, and not when it is taken from all', async () => {
    expect(await interferes((world) => [trainingNcsnr(readStimuli(world.stimuli), readVoxels(world.voxels), new AbortController().signal)])).toBe(false);
    expect(await interferes((world) => [readVoxels(world.voxels).ncsnr])).toBe(true);
    const whole = trainingNcsnr(readStimuli(clean.stimuli), readVoxels(clean.voxels), new AbortController().signal);
    whole.forEach((value, v) => expect(Math.abs(value - (readVoxels(clean.voxels).ncsnr[v] as number))).toBeLessThan(0.8));
  });

  it('do move the readout when sessions are z-scored over all their trials, as the field does: that choice is transductive, and said to be', async () => {
    const [one, two] = [await worlds.run('clean', { zscore: 'session' }), await worlds.run('garbage', { zscore: 'session' })];
    expect(bytes(two.readout)).not.toEqual(bytes(one.readout));
  });

  it('leave attribution maps with the mean training image as baseline as they were', async () => {
    // the one held-out image whose pixels are the same in both worlds: they do belong into its map
    const explained = worlds.heldOut[0] as number;
    const maps = async (world: World, name: string): Promise<Arrays> => {
      const run = await runStage(attribute as unknown as StageDefinition, { roi: 'floc-faces', nsd_ids: [explained], baseline: 'mean', tolerance: 1, nodes: 8 }, join(folder, name), join(folder, 'memo'), services, undefined, {
        backbone: clean.backbone, readout: clean.readout, features: clean.features, stimuli: world.stimuli,
      });
      return [array(run.reader('attributions'), 'maps.npy')];
    };
    expect(differ(await maps(clean, 'maps-clean'), await maps(garbage, 'maps-garbage'))).toBe(false);
  });
});

describe('the mistakes that the check must catch', () => {
  it('a scaler fitted on all images', async () => {
    const scaled = (over: 'all' | 'training') => async (world: World): Promise<Arrays> => {
      const all = over === 'all' ? data(world, 'train', 'validation', 'test') : data(world, 'train', 'validation');
      const { x, y, rows, width } = data(world, 'train', 'validation');
      const column = (values: Float32Array, j: number): Float32Array => Float32Array.from({ length: values.length / width }, (_, i) => values[i * width + j] as number);
      const moments = Array.from({ length: width }, (_, j) => {
        const values = column(all.x, j);
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
        return { mean, sd: Math.hypot(...values.map((value) => value - mean)) / Math.sqrt(values.length) };
      });
      const standard = x.map((value, at) => (value - (moments[at % width]?.mean as number)) / (moments[at % width]?.sd as number));
      return [(await ridge(standard, y, rows)).weights];
    };
    expect(await interferes(scaled('all'))).toBe(true);
    expect(await interferes(scaled('training'))).toBe(false);
  });

  it('channels chosen on all images, which the evaluation then refuses', async () => {
    const everyImageTrains = (stimuli: ArtifactReader, to: string): ArtifactReader => {
      mkdirSync(to, { recursive: true });
      const file = stimuli.json<{ images: StimulusImage[] }>('stimuli.json');
      writeFileSync(join(to, 'stimuli.json'), JSON.stringify({ ...file, images: file.images.map((image) => ({ ...image, split: 'train' })) }));
      writeFileSync(join(to, 'stimuli.hdf5'), readFileSync(stimuli.path('stimuli.hdf5')));
      return folderReader(to, 'Stimuli');
    };
    const [one, two] = [await worlds.run('clean', { ...STRICT, splitOfFeatures: everyImageTrains }), await worlds.run('garbage', { ...STRICT, splitOfFeatures: everyImageTrains })];
    expect(readFeatures(two.features).layers).not.toEqual(readFeatures(one.features).layers);
    expect(bytes(two.readout)).not.toEqual(bytes(one.readout));
    const scoring = runStage(evaluate as unknown as StageDefinition, { bootstrap: 0, permutations: 0 }, join(folder, 'refused'), join(folder, 'memo'), services, undefined, { readout: one.readout, features: one.features, voxels: one.voxels, stimuli: one.stimuli });
    await expect(scoring).rejects.toMatchObject({ code: 'E_LEAK', message: /is a test image and the channels of the features were chosen on it/, facts: { found: '20 of 20 test images among the images that did' } });
    await runStage(evaluate as unknown as StageDefinition, { bootstrap: 0, permutations: 0 }, join(folder, 'scored'), join(folder, 'memo'), services, undefined, { readout: clean.readout, features: clean.features, voxels: clean.voxels, stimuli: clean.stimuli });
  });

  it('penalties and voxels chosen by their scores on held-out images', async () => {
    const testScores = async (world: World, alpha: number): Promise<Float64Array> => {
      const [training, test] = [data(world, 'train', 'validation'), data(world, 'test')];
      const { weights, intercept } = await ridge(training.x, training.y, training.rows, [alpha]);
      const predicted = Float32Array.from({ length: test.rows * test.targets }, (_, at) => {
        const [i, v] = [Math.floor(at / test.targets), at % test.targets];
        let sum = intercept[v] as number;
        for (let j = 0; j < test.width; j += 1) sum += (test.x[i * test.width + j] as number) * (weights[j * test.targets + v] as number);
        return sum;
      });
      return pearsonColumns(predicted, test.y, test.targets);
    };
    expect(await interferes(async (world) => {
      const scores: Float64Array[] = [];
      for (const alpha of ALPHAS) scores.push(await testScores(world, alpha));
      return [Int32Array.from(scores[0] as Float64Array, (_, v) => scores.reduce((best, r, a) => ((r[v] as number) > (scores[best]?.[v] as number) ? a : best), 0))];
    }), 'penalties').toBe(true);
    expect(await interferes(async (world) => [Int32Array.from(await testScores(world, 100), (r) => (r > 0.1 ? 1 : 0))]), 'voxels').toBe(true);
    expect(await interferes(async (world) => [(await ridge(data(world, 'train', 'validation').x, data(world, 'train', 'validation').y, data(world, 'train', 'validation').rows)).alpha]), 'nested').toBe(false);
  });

  it('a mean training image over all images', async () => {
    const mean = (splits: Parameters<typeof imagesOf>[1][]) => (world: World): Arrays => {
      const { x, rows, width } = data(world, ...splits);
      return [Float64Array.from({ length: width }, (_, j) => Array.from({ length: rows }, (__, i) => x[i * width + j] as number).reduce((a, b) => a + b) / rows)];
    };
    expect(await interferes(mean(['train', 'validation', 'test']))).toBe(true);
    expect(await interferes(mean(['train', 'validation']))).toBe(false);
  });

  it('repeats of an image on both sides of an inner fold', () => {
    const rows = trainingRows(readStimuli(clean.stimuli), readVoxels(clean.voxels), 'single-trial').nsdIds;
    const straddling = (folds: Int32Array): number => [...new Set(rows)].filter((id) => new Set(folds.filter((_, row) => rows[row] === id)).size > 1).length;
    expect(straddling(groupedFolds(rows, 5, new Random('folds')))).toBe(0);
    expect(straddling(Int32Array.from(rows, (_, row) => row % 5))).toBeGreaterThan(20);
  });
});

describe('a leak that can be seen beforehand', () => {
  const image = (nsdId: number, split: StimulusImage['split'], cocoId: number | null = null, shared = false): StimulusImage => ({ nsdId, cocoId, split, shared, firstTrial: nsdId });
  const splitOf = (...images: StimulusImage[]): ArtifactReader => {
    const to = mkdtempSync(join(folder, 'split-'));
    writeFileSync(join(to, 'stimuli.json'), JSON.stringify({ dataset: 'imgBrick', images }));
    writeFileSync(join(to, 'stimuli.hdf5'), '');
    return folderReader(to, 'Stimuli');
  };

  it('is refused wherever a split is read: an image in two parts, two crops of one photograph in two parts', () => {
    expect(() => readStimuli(splitOf(image(1, 'train'), image(2, 'test'), image(1, 'test')))).toThrow(expect.objectContaining({ code: 'E_LEAK', message: 'image 1 stands twice in the split' }) as Error);
    expect(() => readStimuli(splitOf(image(1, 'train', 77), image(2, 'test', 77)))).toThrow(expect.objectContaining({ code: 'E_LEAK', message: 'images 1 (train) and 2 (test) are crops of one photograph' }) as Error);
    expect(readStimuli(splitOf(image(1, 'train', 77), image(2, 'train', 77), image(3, 'test', 78))).images).toHaveLength(3);
  });

  it('is refused row by row in a fit: a shared image that a split calls training, or an image that it calls both', () => {
    const stimuliWith = (...images: StimulusImage[]): Stimuli => ({ images, dataset: '', brick: '', brickFile: { name: '', digest: '' as never, size: 0 } });
    const responses = { means: { nsdIds: Int32Array.of(1, 2, 3) } } as Parameters<typeof trainingRows>[1];
    expect(() => trainingRows(stimuliWith(image(1, 'train'), image(2, 'train', null, true)), responses, 'repeat-mean')).toThrow('image 2 (nsdId) is held out and in the training rows');
    expect(() => trainingRows(stimuliWith(image(1, 'train'), image(1, 'test')), responses, 'repeat-mean')).toThrow('image 1 (nsdId) is held out and in the training rows');
    expect([...trainingRows(stimuliWith(image(1, 'train'), image(2, 'test')), responses, 'repeat-mean').nsdIds]).toEqual([1]);
  });

  it('is refused when a readout is scored under another split than it was fitted under: by image, by photograph, by the choice of channels', () => {
    const split = { images: [image(1, 'train', 50), image(2, 'test', 51), image(3, 'test', 52)] };
    const test = Int32Array.of(2, 3);
    const check = (fit: { trainingImages: number[]; trainingPhotographs: number[] }, selectedOn: number[]) => () => requireUnseen(split, test, fit, { selectedOn });
    const nothing = { trainingImages: [1], trainingPhotographs: [50] };
    expect(check(nothing, [1])).not.toThrow();
    expect(check({ ...nothing, trainingImages: [1, 3] }, [])).toThrow('image 3 (nsdId) is a test image and the readout was fitted on it');
    expect(check({ trainingImages: [1, 9], trainingPhotographs: [50, 52] }, [])).toThrow('image 3 (nsdId) is a test image and the readout was fitted on another crop of its photograph');
    expect(check(nothing, [1, 2])).toThrow('image 2 (nsdId) is a test image and the channels of the features were chosen on it');
  });

  it('is not seen where there is none: the real chain records what it was fitted on, and its evaluation runs', () => {
    const { trainingImages, trainingPhotographs } = clean.readout.json<{ trainingImages: number[]; trainingPhotographs: number[] }>('readout.json');
    expect(trainingImages).toHaveLength(40);
    expect(trainingPhotographs).toHaveLength(40);
    expect(readFeatures(clean.features).selectedOn).toEqual(trainingImages);
  });
});
