import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { tensor, type Tensor } from '../../../src/core/tensor.js';
import type { TensorProgram } from '../../../src/core/tensor-service.js';
import { noiseLevels, sampleGuided, type GuidedOptions } from '../../../src/stages/dream-guided/guided.js';

const SIZE = 16;
const PIXELS = 3 * SIZE * SIZE;
const BATCH = 4;
const VIEW = { rotation: 0, zoom: 0, shift: 0 };
const base: GuidedOptions = { size: SIZE, steps: 40, highest: 1, lowest: 0.01, guidance: 0, churn: 0, view: VIEW, noise: 0 };

/** A program made of a function: the interface of the tensor service, without a graph. */
const program = (run: (feeds: Readonly<Record<string, Tensor>>) => Record<string, Tensor>): TensorProgram => ({ inputs: [{ name: 'image', dtype: 'float32', shape: [BATCH, 3, SIZE, SIZE] }], outputs: [], run: (feeds) => Promise.resolve(run(feeds)), dispose: () => Promise.resolve() });
const floats = (value: Tensor | undefined): Float32Array => value?.data as Float32Array;

/** the best denoiser of pixels that are N(½, τ²): ½ + (y − ½)·τ²/(τ² + σ²) */
const gaussian = (tau: number): TensorProgram =>
  program((feeds) => {
    const share = tau ** 2 / (tau ** 2 + (floats(feeds['sigma'])[0] as number) ** 2);
    return { clean: tensor('float32', [BATCH, 3, SIZE, SIZE], floats(feeds['noisy']).map((y) => 0.5 + (y - 0.5) * share)) };
  });
/** response = Σ direction·image */
const linear = (direction: Float32Array): TensorProgram =>
  program((feeds) => {
    const image = floats(feeds['image']);
    const responses = Float32Array.from({ length: BATCH }, (_, b) => direction.reduce((sum, x, i) => sum + x * (image[b * PIXELS + i] as number), 0));
    const gradient = new Float32Array(BATCH * PIXELS);
    for (let b = 0; b < BATCH; b += 1) gradient.set(direction, b * PIXELS);
    return { response: tensor('float32', [BATCH], responses), 'gradient:image': tensor('float32', [BATCH, 3, SIZE, SIZE], gradient) };
  });
const flat = linear(new Float32Array(PIXELS));
const streams = (count: number): Random[] => Array.from({ length: count }, (_, i) => new Random('guided').fork(i));
const sample = (denoiser: TensorProgram, guide: TensorProgram, options: Partial<GuidedOptions>, count = 4): Promise<{ images: Float32Array; curves: readonly (readonly number[])[] }> =>
  sampleGuided(guide, denoiser, {}, streams(count), { ...base, ...options }, () => undefined, new AbortController().signal);
const spread = (values: Float32Array): number => Math.sqrt(values.reduce((sum, x) => sum + (x - 0.5) ** 2, 0) / values.length);

describe('sampleGuided', () => {
  it('without guide and fresh noise follows the closed form of a Gaussian prior', async () => {
    const tau = 0.1;
    const levels = noiseLevels(base);
    const share = (sigma: number): number => tau ** 2 / (tau ** 2 + sigma ** 2);
    let factor = 1;
    for (let k = 0; k + 1 < levels.length; k += 1) {
      const [sigma, next] = [levels[k] as number, levels[k + 1] as number];
      factor *= share(sigma) + (next / sigma) * (1 - share(sigma));
    }
    factor *= share(levels.at(-1) as number);
    const { images } = await sample(gaussian(tau), flat, {}, 2);
    const start = (streams(1)[0] as Random).fork('start');
    for (let i = 0; i < PIXELS; i += 1) expect(images[i]).toBeCloseTo(0.5 + factor * start.normal(), 4);
  });

  for (const churn of [0, 0.5, 1]) {
    it(`without a guide draws from the prior: pixels of the right spread, churn ${churn}`, async () => {
      const { images } = await sample(gaussian(0.1), flat, { churn, steps: 120 });
      // 3072 pixels: the spread is known to 1.3 %; steps of finite length cost a few percent more
      expect(Math.abs(spread(images) / 0.1 - 1)).toBeLessThan(0.08);
    });
  }

  it('raises the response with guidance, the more the stronger it is', async () => {
    const random = new Random('direction');
    const direction = Float32Array.from({ length: PIXELS }, () => random.normal());
    const last: number[] = [];
    for (const guidance of [0, 0.05, 0.2]) {
      const { curves } = await sample(gaussian(0.1), linear(direction), { guidance });
      last.push((curves[0] as readonly number[]).at(-1) as number);
    }
    expect(last[1]).toBeGreaterThan(last[0] as number);
    expect(last[2]).toBeGreaterThan(last[1] as number);
  });

  it('keeps pixels in [0, 1], whatever the guide wants', async () => {
    const { images } = await sample(gaussian(0.3), linear(new Float32Array(PIXELS).fill(1)), { guidance: 5 });
    expect(images.every((x) => x >= 0 && x <= 1)).toBe(true);
  });

  it('gives a picture the same bits whatever its neighbours are', async () => {
    const options = { churn: 0.5, guidance: 0.1, noise: 0.1, view: { rotation: 10, zoom: 0.1, shift: 2 } };
    const guide = linear(new Float32Array(PIXELS).fill(0.5));
    const three = await sample(gaussian(0.1), guide, options, 3);
    const one = await sample(gaussian(0.1), guide, options, 1);
    expect(three.images.subarray(0, PIXELS)).toEqual(one.images);
    expect(three.curves[0]).toEqual(one.curves[0]);
  });

  it('stops with the step when a response is not finite', async () => {
    await expect(sample(gaussian(0.1), linear(new Float32Array(PIXELS).fill(NaN)), {})).rejects.toMatchObject({ code: 'E_NOT_CONVERGED', message: 'the dream stopped being finite at step 1' });
  });
});

describe('noiseLevels', () => {
  it('falls geometrically from the highest to the lowest', () => {
    expect(Array.from(noiseLevels({ steps: 3, highest: 1, lowest: 0.01 }))).toEqual([1, expect.closeTo(0.1, 12), expect.closeTo(0.01, 12)]);
    expect(Array.from(noiseLevels({ steps: 1, highest: 1, lowest: 0.01 }))).toEqual([1]);
  });
});
