import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { openBaselines, type Baseline } from '../../../src/stages/attribute/baselines.js';
import { displayMap, overlayPixels } from '../../../src/stages/attribute/overlay.js';
import type { ImageSource } from '../../../src/stages/images/image-source.js';

const SIZE = 4;
const picture = Float32Array.from({ length: 3 * SIZE * SIZE }, (_, i) => (i % 7) / 7);
/** Image n is n/10 everywhere. */
const images: ImageSource = {
  size: SIZE,
  read: (row, target, offset) => { target.fill(row / 10, offset, offset + 3 * SIZE * SIZE); },
  pixels: () => ({ rgb: new Uint8Array(0), height: 0, width: 0 }),
  close: () => undefined,
};
const { signal } = new AbortController();
const open = (kind: Baseline, training = Int32Array.of(1, 2, 6), blurSd = 2, references = 2) => openBaselines(kind, { blurSd, references }, images, training, new Random('x'), signal);

describe('baselines', () => {
  it('keep the mean of a constant image when it is blurred and flatten a varied one', () => {
    open('blur')(new Float32Array(48).fill(0.25))[0]?.forEach((x) => expect(x).toBeCloseTo(0.25, 6));
    const spread = (x: Float32Array): number => Math.max(...x) - Math.min(...x);
    expect(spread(open('blur')(picture)[0] as Float32Array)).toBeLessThan(spread(picture) / 2);
  });

  it('are ½ for grey, 0 for black and the mean of the training images for mean', () => {
    expect(new Set(open('grey')(picture)[0])).toEqual(new Set([0.5]));
    expect(new Set(open('black')(picture)[0])).toEqual(new Set([0]));
    open('mean')(picture)[0]?.forEach((x) => expect(x).toBeCloseTo(0.3, 6));
  });

  it('are as many training images as asked for, each once, the same for every image', () => {
    const of = open('training');
    const values = (list: readonly Float32Array[]): number[] => list.map((image) => image[0] as number);
    expect(values(of(picture))).toEqual(values(of(new Float32Array(48))));
    expect(new Set(values(of(picture))).size).toBe(2);
    expect(values(open('training', Int32Array.of(1, 2), 2, 50)(picture)).sort().map((x) => Math.round(10 * x))).toEqual([1, 2]);
  });

  it('are never black for training images that are not there', () => {
    expect(() => open('mean', new Int32Array(0))).toThrow(/"mean" has no training images/);
    expect(() => open('training', new Int32Array(0))).toThrow(/"training" has no training images/);
  });
});

describe('overlayPixels', () => {
  it('is warm where the map is positive, cool where it is negative and grey where it is zero', () => {
    const size = 8;
    const map = new Float32Array(3 * size * size);
    map[0] = 1;
    map[1] = -1;
    const rgb = overlayPixels(new Float32Array(3 * size * size).fill(0.5), displayMap(map, size, 0), size);
    expect(rgb[0]! > rgb[2]!).toBe(true);
    expect(rgb[5]! > rgb[3]!).toBe(true);
    expect(rgb[30]! === rgb[31]! && rgb[31]! === rgb[32]!).toBe(true);
  });
});
