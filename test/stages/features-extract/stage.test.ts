import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allocate, sizeOf, type Tensor } from '../../../src/core/tensor.js';
import type { TensorService } from '../../../src/core/tensor-service.js';
import type { StageDefinition } from '../../../src/engine/stage.js';
import { decodeModel } from '../../../src/graph/decode.js';
import features from '../../../src/stages/features-extract/stage.js';
import { openImages } from '../../../src/stages/images/image-source.js';
import { SIZE, writeTinyModel, type TinyModel } from '../response/tiny-model.js';
import { folderReader, runStage } from '../simulate/run-stage.js';

const IMAGES = 11;
const BATCH = 4;
const folder = mkdtempSync(join(tmpdir(), 'features-'));
let model: TinyModel;
beforeAll(() => { model = writeTinyModel(folder, { images: IMAGES, testImages: 2 }); });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A model that answers zeros and keeps what it was fed. */
function recorder(onRun: () => void): { readonly service: TensorService; readonly fed: Float32Array[] } {
  const fed: Float32Array[] = [];
  const service: TensorService = {
    identity: () => 'recorder',
    poolIndices: true,
    compile: async (bytes) => {
      const { inputs, outputs } = decodeModel(bytes);
      return {
        inputs, outputs,
        run: async (feeds) => {
          onRun();
          fed.push((feeds['image'] as Tensor<'float32'>).data.slice());
          return Object.fromEntries(outputs.map(({ name, dtype, shape }) => [name, { dtype, shape, data: allocate(dtype, sizeOf(shape)) }]));
        },
        dispose: async () => undefined,
      };
    },
    dispose: async () => undefined,
  };
  return { service, fed };
}

const run = (tensor: TensorService, name: string, signal?: AbortSignal, from: TinyModel = model) => {
  const inputs = { backbone: folderReader(from.inputs.backbone), stimuli: folderReader(from.inputs.stimuli) };
  return runStage(features as unknown as StageDefinition, { layers: ['conv'], grid: [2, 2], batch: BATCH }, join(folder, name), join(folder, `${name}-memo`), { tensor }, signal, inputs);
};
const threads = (): number => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;

describe('features.extract', () => {
  it('feeds the model every image once, in the order of first showing, with the bytes of the brick', async () => {
    const { service, fed } = recorder(() => undefined);
    await run(service, 'whole');
    const source = openImages(join(model.inputs.stimuli, 'stimuli.hdf5'), 'imgBrick', { size: SIZE, crop: 'none', mean: [0, 0, 0], std: [1, 1, 1] });
    const pixels = 3 * SIZE * SIZE;
    const expected = new Float32Array(pixels);
    expect(fed.map((batch) => batch.length)).toEqual([BATCH * pixels, BATCH * pixels, BATCH * pixels]);
    for (let i = 0; i < IMAGES; i += 1) {
      source.read(i, expected, 0);
      expect(fed[Math.floor(i / BATCH)]?.subarray((i % BATCH) * pixels, ((i % BATCH) + 1) * pixels)).toEqual(expected);
    }
    source.close();
  });

  it('reads nothing and starts no model when everything is known already', async () => {
    const { service, fed } = recorder(() => undefined);
    const again = await run(service, 'whole');
    expect(again.produced).toEqual([]);
    expect(fed).toEqual([]);
  });

  it('runs one chunk after the other where there are several', async () => {
    const many = writeTinyModel(join(folder, 'many'), { images: 530, testImages: 2 });
    const { service, fed } = recorder(() => undefined);
    const whole = await run(service, 'chunks', undefined, many);
    // 256, 256 and 18 images: the last batch of a chunk is not filled from the next one
    expect(fed.length).toBe(64 + 64 + 5);
    expect(whole.produced.length).toBeGreaterThan(0);
    expect(fed[64]?.slice(0, 3)).not.toEqual(fed[0]?.slice(0, 3));
  });

  it.each(['aborted', 'failed'] as const)('leaves no thread behind when it is %s in the middle', async (how) => {
    const before = threads();
    const controller = new AbortController();
    let during = 0;
    let runs = 0;
    const { service } = recorder(() => {
      during = threads();
      runs += 1;
      if (runs < 2) return;
      if (how === 'aborted') controller.abort(new RangeError('enough'));
      else throw new RangeError('enough');
    });
    await expect(run(service, how, controller.signal)).rejects.toThrow('enough');
    expect(runs).toBe(2);
    expect(during).toBeGreaterThan(before);
    expect(threads()).toBe(before);
  });
});
