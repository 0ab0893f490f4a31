import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { Fft, RealInverse2d, fftFrequencies } from '../../src/math/fft.js';

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

describe('RealInverse2d', () => {
  for (const [h, w] of [[1, 4], [4, 4], [6, 5], [5, 8], [7, 7], [16, 12]] as const) {
    it(`agrees with the Hermitian sum for ${h}x${w}`, () => {
      const plan = new RealInverse2d(h, w);
      const n = h * plan.columns;
      const re = noise(n, `r${h}${w}`);
      const im = noise(n, `i${h}${w}`);
      const image = new Float64Array(h * w);
      plan.synthesize(re, im, image);
      // numpy.fft.irfft2: inverse over y of every kept column, then a one-dimensional c2r over x that ignores the imaginary edge parts
      const expected = new Float64Array(h * w);
      for (let y = 0; y < h; y += 1) {
        for (let x = 0; x < w; x += 1) {
          let sum = 0;
          for (let kx = 0; kx < plan.columns; kx += 1) {
            let mr = 0;
            let mi = 0;
            for (let ky = 0; ky < h; ky += 1) {
              const a = (2 * Math.PI * ky * y) / h;
              mr += re[ky * plan.columns + kx]! * Math.cos(a) - im[ky * plan.columns + kx]! * Math.sin(a);
              mi += re[ky * plan.columns + kx]! * Math.sin(a) + im[ky * plan.columns + kx]! * Math.cos(a);
            }
            const b = (2 * Math.PI * kx * x) / w;
            const edge = kx === 0 || 2 * kx === w;
            sum += edge ? mr * Math.cos(b) : 2 * (mr * Math.cos(b) - mi * Math.sin(b));
          }
          expected[y * w + x] = sum / Math.sqrt(h * w);
        }
      }
      expect(largestDifference(image, expected)).toBeLessThan(1e-10);
    });

    it(`has the adjoint it says for ${h}x${w}`, () => {
      const plan = new RealInverse2d(h, w);
      const n = h * plan.columns;
      const re = noise(n, 'x');
      const im = noise(n, 'y');
      const g = noise(h * w, 'g');
      const image = new Float64Array(h * w);
      plan.synthesize(re, im, image);
      const backRe = new Float64Array(n);
      const backIm = new Float64Array(n);
      plan.adjoint(g, backRe, backIm);
      let forward = 0;
      for (let i = 0; i < image.length; i += 1) forward += image[i]! * g[i]!;
      let backward = 0;
      for (let i = 0; i < n; i += 1) backward += re[i]! * backRe[i]! + im[i]! * backIm[i]!;
      expect(Math.abs(forward - backward)).toBeLessThan(1e-10 * Math.max(1, Math.abs(forward)));
    });
  }
});

it('fftFrequencies are those of numpy.fft.fftfreq for even and odd lengths', () => {
  expect(Array.from(fftFrequencies(4))).toEqual([0, 0.25, -0.5, -0.25]);
  expect(Array.from(fftFrequencies(5)).map((x) => Math.round(x * 10) / 10)).toEqual([0, 0.2, 0.4, -0.4, -0.2]);
});
