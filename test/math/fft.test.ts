import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { Fft, fftFrequencies } from '../../src/math/fft.js';

const noise = (n: number, seed: string): Float64Array => {
  const random = new Random(seed);
  return Float64Array.from({ length: n }, () => random.normal());
};
const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let worst = 0;
  for (let i = 0; i < a.length; i += 1) worst = Math.max(worst, Math.abs((a[i] as number) - (b[i] as number)));
  return worst;
};

describe('Fft', () => {
  for (const n of [1, 2, 3, 5, 8, 12, 15, 16, 64, 100, 127, 425]) {
    it(`agrees with the defining sum at length ${n}`, () => {
      const re = noise(n, `re${n}`);
      const im = noise(n, `im${n}`);
      const sumRe = new Float64Array(n);
      const sumIm = new Float64Array(n);
      for (let k = 0; k < n; k += 1) {
        for (let j = 0; j < n; j += 1) {
          const angle = (-2 * Math.PI * ((j * k) % n)) / n;
          sumRe[k]! += re[j]! * Math.cos(angle) - im[j]! * Math.sin(angle);
          sumIm[k]! += re[j]! * Math.sin(angle) + im[j]! * Math.cos(angle);
        }
      }
      new Fft(n).forward(re, im);
      expect(largestDifference(re, sumRe)).toBeLessThan(1e-10);
      expect(largestDifference(im, sumIm)).toBeLessThan(1e-10);
    });

    it(`comes back to where it started after the inverse at length ${n}`, () => {
      const re = noise(n, `a${n}`);
      const im = noise(n, `b${n}`);
      const plan = new Fft(n);
      const r = re.slice();
      const m = im.slice();
      plan.forward(r, m);
      plan.inverse(r, m);
      expect(largestDifference(r.map((x) => x / n), re)).toBeLessThan(1e-12);
      expect(largestDifference(m.map((x) => x / n), im)).toBeLessThan(1e-12);
    });
  }
});

it('fftFrequencies are those of numpy.fft.fftfreq for even and odd lengths', () => {
  expect(Array.from(fftFrequencies(4))).toEqual([0, 0.25, -0.5, -0.25]);
  expect(Array.from(fftFrequencies(5)).map((x) => Math.round(x * 10) / 10)).toEqual([0, 0.2, 0.4, -0.4, -0.2]);
});
