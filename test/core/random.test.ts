import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';

describe('addNormals', () => {
  it('draws the bits of the plain ziggurat, and leaves the stream where that would', () => {
    const random = new Random('golden');
    const noise = new Float32Array(200_000);
    random.addNormals(noise, 0, noise.length, 1);
    expect(createHash('sha256').update(new Uint8Array(noise.buffer)).digest('hex')).toBe('ed2a9076d5045967f5afc8ac88d4db3ffe503b0bc12e1533780473227461147a');
    expect(random.uint32()).toBe(4174649872);
  });

  const n = 400_000;
  const noise = new Float32Array(n);
  new Random('noise').addNormals(noise, 0, n, 1);

  it('adds numbers with the moments of the normal distribution', () => {
    const moment = (k: number): number => noise.reduce((sum, x) => sum + x ** k, 0) / n;
    // five standard errors of each sample moment: Var(x^k) is 1, 2, 15, 96
    expect(Math.abs(moment(1))).toBeLessThan(5 * Math.sqrt(1 / n));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
    expect(Math.abs(moment(3))).toBeLessThan(5 * Math.sqrt(15 / n));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * Math.sqrt(96 / n));
  });

  it('follows the normal distribution function, into the tail beyond the last edge', () => {
    // Φ of scipy.stats.norm.cdf
    const expected: readonly (readonly [number, number])[] = [[-3.442619855899, 0.0002880528], [-2, 0.0227501319], [-1, 0.1586552539], [0, 0.5], [0.5, 0.6914624613], [1.5, 0.9331927987], [3, 0.9986501020], [3.6, 0.9998408914]];
    for (const [x, p] of expected) {
      const share = noise.reduce((count, value) => count + (value < x ? 1 : 0), 0) / n;
      expect(Math.abs(share - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / n));
    }
  });

  it('adds to the part it is given, scaled, the same for the same seed', () => {
    const target = new Float32Array(6).fill(1);
    new Random('noise').addNormals(target, 2, 4, 10);
    expect([...target.slice(0, 2), ...target.slice(4)]).toEqual([1, 1, 1, 1]);
    expect(target[2]).toBeCloseTo(1 + 10 * (noise[0] as number), 4);
    expect(target[3]).toBeCloseTo(1 + 10 * (noise[1] as number), 4);
  });
});
