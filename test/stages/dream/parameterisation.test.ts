import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { Adam } from '../../../src/math/adam.js';
import { AffineSampler, randomAffine, type Affine } from '../../../src/stages/dream/affine.js';
import { FourierImage } from '../../../src/stages/dream/fourier-image.js';

interface Oracle {
  readonly fourier: readonly { height: number; width: number; decay: number; parameters: number[]; gradient: number[]; image: number[]; parameterGradient: number[] }[];
  readonly affine: readonly { height: number; width: number; matrix: number[]; image: number[]; view: number[]; gradient: number[]; imageGradient: number[] }[];
  readonly adam: { start: number[]; gradients: number[][]; steps: number[][]; learningRate: number };
}
const oracle = JSON.parse(readFileSync(new URL('../../oracles/dream.json', import.meta.url), 'utf8')) as Oracle;

/** images are float32: one unit in the last place of 1 is 1.2e-7 */
const FLOAT32 = 5e-7;
const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(a.length).toBe(b.length);
  let worst = 0;
  for (let i = 0; i < a.length; i += 1) worst = Math.max(worst, Math.abs((a[i] as number) - (b[i] as number)));
  return worst;
};

describe('FourierImage', () => {
  for (const c of oracle.fourier) {
    it(`decodes and differentiates as PyTorch does at ${c.height}x${c.width}, decay ${c.decay}`, () => {
      const image = new FourierImage([new Random('any'), new Random('other')], c.height, c.width, c.decay);
      image.parameters.set(c.parameters);
      expect(largestDifference(image.decode(), c.image)).toBeLessThan(FLOAT32);
      const gradient = image.backward(Float32Array.from(c.gradient));
      const size = Math.max(...c.parameterGradient.map(Math.abs));
      expect(largestDifference(gradient, c.parameterGradient) / size).toBeLessThan(1e-6);
    });
  }

  it('has the gradient of its own decoding by central differences', () => {
    const random = new Random('fd');
    const image = new FourierImage([random], 6, 6, 1.5);
    for (let i = 0; i < image.parameters.length; i += 1) image.parameters[i] = random.normal();
    const g = Float32Array.from({ length: 108 }, () => random.normal());
    const value = (): number => image.decode().reduce((sum, x, i) => sum + x * (g[i] as number), 0);
    image.decode();
    const gradient = image.backward(g);
    const direction = Float64Array.from({ length: image.parameters.length }, () => random.normal());
    const start = image.parameters.slice();
    const h = 1e-3; // images are float32: a smaller step drowns in rounding
    image.parameters.set(start.map((x, i) => x + h * (direction[i] as number)));
    const up = value();
    image.parameters.set(start.map((x, i) => x - h * (direction[i] as number)));
    const down = value();
    const analytic = gradient.reduce((sum, x, i) => sum + x * (direction[i] as number), 0);
    expect(Math.abs((up - down) / (2 * h) - analytic)).toBeLessThan(2e-3 * Math.max(1, Math.abs(analytic)));
  });

  it('starts an image from its own stream, whatever others there are', () => {
    const alone = new FourierImage([new Random('a')], 8, 8, 1).parameters;
    const beside = new FourierImage([new Random('b'), new Random('a')], 8, 8, 1).parameters;
    expect(beside.slice(alone.length)).toEqual(alone);
    expect(beside.slice(0, alone.length)).not.toEqual(alone);
  });

  it('brings the contrast of an image down to the bound and leaves a fainter one alone', () => {
    const image = new FourierImage([new Random(3), new Random(4)], 16, 16, 1);
    const half = image.parameters.length / 2;
    for (let i = 0; i < half; i += 1) image.parameters[i] = (image.parameters[i] as number) * 1e4;
    const faint = image.parameters.slice(half);
    image.boundContrast(1.5);
    expect(image.parameters.slice(half)).toEqual(faint);
    const before = image.parameters.slice(0, half);
    image.boundContrast(1.5);
    expect(largestDifference(before, image.parameters.slice(0, half))).toBeLessThan(1e-6 * Math.max(...before));
  });
});

describe('AffineSampler', () => {
  for (const c of oracle.affine) {
    it(`samples and scatters as grid_sample with reflection padding at ${c.height}x${c.width}`, () => {
      const sampler = new AffineSampler(c.matrix as unknown as Affine, c.height, c.width);
      const view = new Float32Array(c.view.length);
      sampler.sample(Float32Array.from(c.image), 0, view, 0);
      expect(largestDifference(view, c.view)).toBeLessThan(2e-6);
      const back = new Float32Array(c.image.length);
      sampler.scatter(Float32Array.from(c.gradient), 0, back, 0);
      expect(largestDifference(back, c.imageGradient)).toBeLessThan(4e-6);
    });
  }

  it('stays within the ranges it was given', () => {
    const random = new Random(1);
    for (let i = 0; i < 200; i += 1) {
      const [a, b, tx, c, , ty] = randomAffine(random, { rotation: 15, zoom: 0.3, shift: 16 }, 128);
      const scale = Math.hypot(a, c);
      expect(scale).toBeGreaterThanOrEqual(1 / 1.3 - 1e-12);
      expect(scale).toBeLessThanOrEqual(1 / 0.7 + 1e-12);
      expect(Math.abs(Math.atan2(-b, a))).toBeLessThanOrEqual((15 * Math.PI) / 180 + 1e-12);
      expect(Math.max(Math.abs(tx), Math.abs(ty))).toBeLessThanOrEqual(0.25);
    }
  });
});

it('Adam takes the steps of torch.optim.Adam, and a coordinate without gradient stays', () => {
  const { start, gradients, steps, learningRate } = oracle.adam;
  const parameters = Float64Array.from(start);
  const adam = new Adam(parameters.length, { learningRate });
  gradients.forEach((gradient, i) => {
    adam.update(parameters, Float64Array.from(gradient));
    expect(largestDifference(parameters, steps[i] as number[])).toBeLessThan(1e-11);
  });
  expect(parameters[2]).toBe(start[2]);
});
