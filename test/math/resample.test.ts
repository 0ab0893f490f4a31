import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { resizeAntialiased, resizeMatrix } from '../../src/math/resample.js';

interface Case { from: [number, number]; to: [number, number]; planes: number[] }
const cases = JSON.parse(readFileSync(new URL('../fixtures/simulate/resample.json', import.meta.url), 'utf8')) as Case[];
/** the fixture is rounded to 4 decimals of a 0…255 scale; float32 sums add some 1e-5 */
const TOLERANCE = 2e-4;

function pixelsOf([height, width]: [number, number]): Uint8Array {
  return Uint8Array.from({ length: 3 * height * width }, (_, k) => (k * 7919 + Math.floor(k / 5) * 104729) % 256);
}

function planar(pixels: Uint8Array): Float32Array {
  const plane = pixels.length / 3;
  return Float32Array.from({ length: pixels.length }, (_, i) => pixels[(i % plane) * 3 + Math.floor(i / plane)] as number);
}

interface CubicCase extends Case { pillow: number[] }
const cubic = JSON.parse(readFileSync(new URL('../oracles/bicubic.json', import.meta.url), 'utf8')) as CubicCase[];

describe('antialiased bicubic resampling', () => {
  const resized = ({ from, to }: Case): Float32Array => resizeAntialiased({ layout: 'pixels', data: pixelsOf(from), channels: 3, height: from[0], width: from[1] }, to[0], to[1], undefined, 'bicubic');

  it.each(cubic)('agrees with PyTorch from $from to $to, cut off at black and white', (fixture) => {
    const found = resized(fixture);
    expect(found.length).toBe(fixture.planes.length);
    fixture.planes.forEach((value, i) => expect(Math.abs((found[i] as number) * 255 - value)).toBeLessThan(TOLERANCE));
  });

  it.each(cubic.filter(({ from, to }) => to[0] <= from[0]))('is within one of 256 grey values of Pillow, which rounds after each axis, from $from to $to', (fixture) => {
    resized(fixture).forEach((value, i) => expect(Math.abs(value * 255 - (fixture.pillow[i] as number))).toBeLessThan(1));
  });

  it('keeps a uniform image', () => {
    const grey = resizeAntialiased({ layout: 'pixels', data: new Uint8Array(3 * 20 * 20).fill(51), channels: 3, height: 20, width: 20 }, 7, 31, undefined, 'bicubic');
    for (const value of grey) expect(value).toBeCloseTo(0.2, 6);
  });
});

describe('antialiased bilinear resampling', () => {
  for (const { from, to, planes } of cases) {
    it(`agrees with PyTorch and Pillow from ${from.join('×')} to ${to.join('×')}, planes and pixels alike`, () => {
      const pixels = pixelsOf(from);
      const a = resizeAntialiased({ layout: 'planar', data: planar(pixels), channels: 3, height: from[0], width: from[1] }, to[0], to[1]);
      const b = resizeAntialiased({ layout: 'pixels', data: pixels, channels: 3, height: from[0], width: from[1] }, to[0], to[1]);
      expect(a.length).toBe(planes.length);
      planes.forEach((value, i) => {
        expect(Math.abs((a[i] as number) - value)).toBeLessThan(TOLERANCE);
        expect(Math.abs((b[i] as number) * 255 - value)).toBeLessThan(TOLERANCE);
      });
    });
  }

  it('is the matrix of the rows times the image times the matrix of the columns', () => {
    const random = new Random('resample');
    const image = Float32Array.from({ length: 11 * 7 }, () => random.normal());
    const down = resizeMatrix(11, 4);
    const across = resizeMatrix(7, 5);
    const out = resizeAntialiased({ layout: 'planar', data: image, channels: 1, height: 11, width: 7 }, 4, 5);
    for (let y = 0; y < 4; y += 1) {
      for (let x = 0; x < 5; x += 1) {
        let sum = 0;
        for (let j = 0; j < 11; j += 1) for (let k = 0; k < 7; k += 1) sum += (down[y * 11 + j] as number) * (across[x * 7 + k] as number) * (image[j * 7 + k] as number);
        expect(out[y * 5 + x]).toBeCloseTo(sum, 5);
      }
    }
  });

  it('leaves a constant image constant and sums every row of its matrix to 1', () => {
    for (const [from, to] of [[425, 128], [128, 425], [128, 90], [23, 32], [1, 3], [3, 1]] as const) {
      const matrix = resizeMatrix(from, to);
      for (let i = 0; i < to; i += 1) expect(matrix.subarray(i * from, (i + 1) * from).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
    }
    const out = resizeAntialiased({ layout: 'pixels', data: new Uint8Array(50 * 40 * 3).fill(51), channels: 3, height: 50, width: 40 }, 13, 60);
    for (const value of out) expect(value).toBeCloseTo(0.2, 6);
  });

  it('refuses data that do not fill their shape, and sizes of zero', () => {
    const source = { layout: 'planar', data: new Float32Array(10), channels: 1, height: 3, width: 3 } as const;
    expect(() => resizeAntialiased(source, 2, 2)).toThrow(expect.objectContaining({ code: 'E_DATA' }) as Error);
    expect(() => resizeMatrix(0, 3)).toThrow(expect.objectContaining({ code: 'E_DATA' }) as Error);
  });
});
