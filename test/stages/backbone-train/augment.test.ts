import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { Augmenter, type LabelledPixels } from '../../../src/stages/backbone-train/augment.js';
import { CELL_CLASSES, CELL_GRID } from '../../../src/stages/artifacts/labelled-images.js';
import { IMAGE_CLASSES, initialWeights } from '../../../src/stages/backbone-train/network.js';

const size = 16;
const random = new Random('pictures');
const data: LabelledPixels = {
  size,
  images: Uint8Array.from({ length: 4 * size * size * 3 }, () => random.integer(0, 256)),
  labels: Uint8Array.from([0, 3, 5, 2]),
  cells: Uint8Array.from({ length: 4 * CELL_GRID * CELL_GRID }, () => random.integer(0, CELL_CLASSES.length)),
};
const still = { mirror: 0, contrast: 0, brightness: 0, noise: 0 };

describe('Augmenter', () => {
  it('without any augmentation gives the pictures as they are, planar, in [0, 1]', () => {
    const augmenter = new Augmenter(data, still, new Random(1));
    const { images } = augmenter.batch([2, 0], 0);
    const plain = augmenter.plain([2, 0]);
    images.forEach((x, i) => expect(Math.abs(x - (plain[i] as number))).toBeLessThan(1e-6));
    expect(plain[size * size + 5]).toBeCloseTo((data.images[2 * size * size * 3 + 5 * 3 + 1] as number) / 255, 6);
  });

  it('gives the same batch for the same step and another for another step', () => {
    const options = { mirror: 0.5, contrast: 0.3, brightness: 0.12, noise: 0.4 };
    const a = new Augmenter(data, options, new Random(1)).batch([0, 1, 2], 7);
    const other = new Augmenter(data, options, new Random(1));
    other.batch([3, 3, 3], 1);
    expect(other.batch([0, 1, 2], 7)).toEqual(a);
    expect(other.batch([0, 1, 2], 8).images).not.toEqual(a.images);
  });

  it('mirrors cells together with pixels, and never a word', () => {
    const augmenter = new Augmenter(data, { ...still, mirror: 1 }, new Random(1));
    const { images, cellTargets } = augmenter.batch([0, 1], 0);
    const plain = augmenter.plain([0, 1]);
    expect(images[0]).toBeCloseTo(plain[size - 1] as number, 6);
    expect(images[3 * size * size]).toBeCloseTo(plain[3 * size * size] as number, 6);
    const kindAt = (b: number, i: number, j: number): number =>
      Array.from({ length: CELL_CLASSES.length }, (_, k) => cellTargets[((b * CELL_CLASSES.length + k) * CELL_GRID + i) * CELL_GRID + j]).indexOf(1);
    expect(kindAt(0, 2, 1)).toBe(data.cells[2 * CELL_GRID + (CELL_GRID - 2)]);
    expect(kindAt(1, 2, 1)).toBe(data.cells[CELL_GRID * CELL_GRID + 2 * CELL_GRID + 1]);
  });

  it('marks exactly one image class, and one class in every cell', () => {
    const { imageTargets, cellTargets } = new Augmenter(data, still, new Random(1)).batch([0, 1, 2, 3], 0);
    expect(Array.from(imageTargets.subarray(2 * IMAGE_CLASSES.length, 3 * IMAGE_CLASSES.length))).toEqual([0, 0, 0, 0, 0, 1]);
    expect(cellTargets.reduce((sum, x) => sum + x, 0)).toBe(4 * CELL_GRID * CELL_GRID);
  });

  it('adds noise of at most the standard deviation it was given', () => {
    const flat: LabelledPixels = { ...data, images: new Uint8Array(data.images.length).fill(128) };
    const { images } = new Augmenter(flat, { ...still, noise: 0.4 }, new Random(3)).batch([0, 0, 0, 0, 0, 0, 0, 0], 0);
    const per = 3 * size * size;
    const deviations = Array.from({ length: 8 }, (_, b) => Math.sqrt(images.subarray(b * per, (b + 1) * per).reduce((sum, x) => sum + (x - 128 / 255) ** 2, 0) / per));
    expect(Math.max(...deviations)).toBeLessThan(0.43);
    expect(new Set(deviations.map((x) => x.toFixed(3))).size).toBeGreaterThan(4);
  });
});

it('first weights are He-initialised with zero biases', () => {
  const weights = initialWeights(new Random('init'));
  const conv5 = weights.get('conv5.weight');
  const data5 = conv5?.data as Float32Array;
  const variance = data5.reduce((sum, x) => sum + x * x, 0) / data5.length;
  expect(conv5?.shape).toEqual([96, 64, 3, 3]);
  expect(variance).toBeCloseTo(2 / (64 * 9), 4);
  expect((weights.get('conv5.bias')?.data as Float32Array).every((x) => x === 0)).toBe(true);
});
