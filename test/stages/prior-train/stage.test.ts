import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { tensor } from '../../../src/core/tensor.js';
import type { StageDefinition } from '../../../src/engine/stage.js';
import { writeNpy } from '../../../src/formats/npy.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import { readPrior } from '../../../src/stages/artifacts/prior.js';
import priorTrain from '../../../src/stages/prior-train/stage.js';
import { NoisyBatches, TARGETS } from '../../../src/stages/prior-train/noisy-batches.js';
import { requireRoom, type Pictures } from '../../../src/stages/prior-train/pictures.js';
import { runOn, type Ran } from '../readout-ridge/encoding-rig.js';
import { writeTinyModel } from '../response/tiny-model.js';

const root = mkdtempSync(join(tmpdir(), 'prior-'));
const service = createOnnxRuntimeService({ threads: 1 });
afterAll(async () => {
  await service.dispose();
  rmSync(root, { recursive: true, force: true });
});

const SIZE = 32;
const COUNT = 24;
/** Pictures of one colour each: as easy to know from noise as pictures can be. */
function flatPictures(): string {
  const folder = join(root, 'pictures');
  mkdirSync(folder, { recursive: true });
  const random = new Random('flat');
  const images = new Uint8Array(COUNT * SIZE * SIZE * 3);
  for (let i = 0; i < COUNT; i += 1) {
    const colour = [0, 1, 2].map(() => random.integer(40, 216));
    for (let p = 0; p < SIZE * SIZE; p += 1) images.set(colour, (i * SIZE * SIZE + p) * 3);
  }
  writeNpy(join(folder, 'images.npy'), tensor('uint8', [COUNT, SIZE, SIZE, 3], images));
  writeNpy(join(folder, 'cells.npy'), tensor('uint8', [COUNT, 8, 8], new Uint8Array(COUNT * 64)));
  writeFileSync(join(folder, 'labels.json'), JSON.stringify({ labels: new Array(COUNT).fill(0) }));
  return folder;
}
const pictures = flatPictures();
let runs = 0;
const trainOn = (inputs: Record<string, string>, params: object = {}): Promise<Ran> => {
  runs += 1;
  return runOn(priorTrain as unknown as StageDefinition, { size: SIZE, batch: 8, epochs: 8, warmup: 5, ...params }, inputs, join(root, `run-${runs}`), service);
};

describe('prior.train', () => {
  it('learns to take noise away, with the same bytes every time', async () => {
    const one = await trainOn({ images: pictures });
    const two = await trainOn({ images: pictures });
    const prior = readPrior(one.output);
    expect(prior).toMatchObject({ size: SIZE, batch: 4, lowest: 0.025, highest: 1 });
    expect(readFileSync(two.output.path('denoiser.onnx')).equals(readFileSync(one.output.path('denoiser.onnx')))).toBe(true);

    const random = new Random('noise');
    const sigma = 0.5;
    const colour = [0.3, 0.5, 0.7];
    const clean = Float32Array.from({ length: 4 * 3 * SIZE * SIZE }, (_, i) => colour[Math.floor(i / (SIZE * SIZE)) % 3] as number);
    const noisy = clean.map((x) => x + random.normal(0, sigma));
    const program = await service.compile(prior.model);
    const result = await program.run({ noisy: tensor('float32', [4, 3, SIZE, SIZE], noisy), sigma: tensor('float32', [4, 1, 1, 1], new Float32Array(4).fill(sigma)) });
    await program.dispose();
    const error = (values: Float32Array): number => Math.sqrt(values.reduce((sum, x, i) => sum + (x - (clean[i] as number)) ** 2, 0) / values.length);
    expect(error(result['clean']?.data as Float32Array)).toBeLessThan(sigma / 2);
  });

  it('learns from the training part of stimuli and from nothing held out', async () => {
    const { inputs } = writeTinyModel(join(root, 'model'), { images: 30, testImages: 10 });
    const { output } = await trainOn({ stimuli: inputs.stimuli }, { epochs: 1 });
    expect(output.text('report.json')).toContain('"pictures":20,');
    const fewer = await trainOn({ stimuli: inputs.stimuli }, { epochs: 1, pictures: 12 });
    expect(fewer.output.text('report.json')).toContain('"pictures":12,');
  });

  it('refuses two sources of pictures, none, and pictures of another size', async () => {
    await expect(trainOn({})).rejects.toMatchObject({ code: 'E_DATA', message: 'pictures come from one place' });
    await expect(trainOn({ images: pictures, stimuli: pictures })).rejects.toMatchObject({ code: 'E_DATA', message: 'pictures come from one place' });
    await expect(trainOn({ images: pictures }, { size: 64 })).rejects.toMatchObject({ code: 'E_DATA', message: 'the pictures do not have the size of the prior' });
    await expect(trainOn({ images: pictures }, { lowest_noise: 1 })).rejects.toMatchObject({ code: 'E_DATA', message: 'the strongest noise is not stronger than the weakest' });
  });
});

describe('the memory of pictures', () => {
  it('is refused beforehand when it takes more than half of what there is, with the number that fits', () => {
    expect(() => { requireRoom(10_000, 512, 16e9); }).not.toThrow();
    expect(() => { requireRoom(10_000, 512, 8e9); }).toThrow(expect.objectContaining({
      code: 'E_ENVIRONMENT', message: '10000 pictures of 512 pixels do not fit into the memory of this machine',
      facts: { expected: 'at most 4.00 GB, half of the memory: training needs the rest', found: '7.86 GB' }, hint: 'Lower pictures to 5086 or less, or lower size.',
    }) as Error);
  });
});

describe('NoisyBatches', () => {
  const range = { lowest: 0.05, highest: 0.8 };
  const random = new Random('pictures');
  const some: Pictures = { pixels: Uint8Array.from({ length: 2 * SIZE * SIZE * 3 }, () => random.integer(0, 256)), count: 2, size: SIZE, mirrors: (index) => index === 0 };

  it('adds noise of the strength it names, within its range', () => {
    const batches = new NoisyBatches(some, range, new Random('batches'));
    for (let step = 0; step < 20; step += 1) {
      const { noisy, sigma, ...rest } = batches.feeds(Int32Array.of(0, 1), step);
      const clean = rest[TARGETS.picture]?.data as Float32Array;
      const pixels = clean.length / 2;
      for (let b = 0; b < 2; b += 1) {
        const sd = (sigma?.data as Float32Array)[b] as number;
        expect(sd).toBeGreaterThanOrEqual(range.lowest * (1 - 1e-6));
        expect(sd).toBeLessThanOrEqual(range.highest * (1 + 1e-6));
        let squares = 0;
        for (let i = b * pixels; i < (b + 1) * pixels; i += 1) squares += (((noisy?.data as Float32Array)[i] as number) - (clean[i] as number)) ** 2;
        // 3072 values: their standard deviation is known to 1.3 %
        expect(Math.abs(Math.sqrt(squares / pixels) / sd - 1)).toBeLessThan(0.06);
      }
    }
  });

  it('mirrors only what may be mirrored', () => {
    const batches = new NoisyBatches(some, range, new Random('batches'));
    const firsts = [0, 1].map((index) => new Set(Array.from({ length: 20 }, (_, step) => (batches.feeds(Int32Array.of(index), step)[TARGETS.picture]?.data as Float32Array)[0])));
    expect(firsts[0]?.size).toBe(2);
    expect(firsts[1]?.size).toBe(1);
  });
});
