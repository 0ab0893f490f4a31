import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { tensor, type Tensor } from '../../../src/core/tensor.js';
import type { TensorProgram, TensorService } from '../../../src/core/tensor-service.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import { AffineSampler, randomAffine, type Affine } from '../../../src/stages/dream/affine.js';
import { fourierModel, startFourier, stepFourier, type FourierOptions, type FourierState } from '../../../src/stages/dream/fourier-model.js';
import { Adam } from '../../rigs/adam.js';

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

const service = createOnnxRuntimeService({ threads: 2 });
afterAll(() => service.dispose());

const compiled = (batch: number, options: FourierOptions): Promise<TensorProgram> => service.compile(fourierModel(batch, options));
const like = (shape: readonly number[], data: ArrayLike<number>): Tensor => tensor('float32', shape, Float32Array.from(data));
const scalar = (x: number): Tensor => like([], [x]);

interface Step {
  readonly feeds: Record<string, Tensor>;
  readonly run: (change?: Record<string, Tensor>) => Promise<Record<string, Float32Array>>;
}

/** The model with everything zero but the parameters; a rate of 0 only decodes. */
async function stepOf(batch: number, options: FourierOptions, parameters: ArrayLike<number>): Promise<Step> {
  const program = await compiled(batch, options);
  const spectrum = [batch, 3, 2, options.height, Math.floor(options.width / 2) + 1];
  const planes = tensor('float32', [batch, 3, options.height, options.width]);
  const feeds = { parameters: like(spectrum, parameters), first: tensor('float32', spectrum), second: tensor('float32', spectrum), image: planes, gradient: planes, rate: scalar(0), correction: scalar(1) };
  return { feeds, run: async (change = {}) => Object.fromEntries(Object.entries(await program.run({ ...feeds, ...change })).map(([name, { data }]) => [name.replace('next:', ''), data as Float32Array])) };
}

describe('fourierModel', () => {
  for (const c of oracle.fourier) {
    it(`decodes and differentiates as PyTorch does at ${c.height}x${c.width}, decay ${c.decay}`, async () => {
      const options = { height: c.height, width: c.width, decay: c.decay, contrast: 0 };
      const step = await stepOf(2, options, c.parameters);
      const { image } = await step.run();
      expect(largestDifference(image as Float32Array, c.image)).toBeLessThan(FLOAT32);
      const shape = step.feeds['image']?.shape as readonly number[];
      const { first } = await step.run({ image: like(shape, image as Float32Array), gradient: like(shape, c.gradient) });
      const slope = (first as Float32Array).map((x) => x / (1 - 0.9));
      const size = Math.max(...c.parameterGradient.map(Math.abs));
      expect(largestDifference(slope, c.parameterGradient) / size).toBeLessThan(2e-6);
    });
  }

  it('moves the coefficients as Adam does in float64, and leaves those without a gradient where they are', async () => {
    const random = new Random('adam');
    const options = { height: 6, width: 5, decay: 1, contrast: 0 };
    const adam = new Adam(108, { learningRate: 0.05 });
    const expected = Float64Array.from({ length: 108 }, () => random.normal());
    const step = await stepOf(1, options, expected);
    const run: Parameters<typeof stepFourier>[0] = async (feeds) => Object.fromEntries(Object.entries(await step.run({ ...feeds })).map(([name, data]) => [`next:${name}`, like(feeds[name]?.shape ?? [], data)]));
    let state = { parameters: step.feeds['parameters'], first: step.feeds['first'], second: step.feeds['second'], image: like([1, 3, 6, 5], (await step.run())['image'] as Float32Array) } as FourierState;
    for (let t = 1; t <= 4; t += 1) {
      const before = state.first.data as Float32Array;
      state = await stepFourier(run, state, like([1, 3, 6, 5], Array.from({ length: 90 }, () => random.normal())), 0.05, t);
      // The model ascends, the reference descends.
      adam.update(expected, Float64Array.from(state.first.data as Float32Array, (x, i) => -(x - 0.9 * (before[i] as number)) / (1 - 0.9)));
      expect(largestDifference(state.parameters.data as Float32Array, expected)).toBeLessThan(2e-5);
    }
    const still = await stepFourier(run, { ...state, first: step.feeds['first'] as Tensor, second: step.feeds['second'] as Tensor }, step.feeds['gradient'] as Tensor, 0.05, 1);
    expect(still.parameters.data).toEqual(state.parameters.data);
  });

  it('starts an image from its own stream, whatever others there are, with the bits of any number of threads', async () => {
    const options = { height: 16, width: 16, decay: 1, contrast: 1.5 };
    const single = createOnnxRuntimeService({ threads: 1 });
    const start = async (by: TensorService, ...names: string[]): Promise<FourierState> => {
      const program = await by.compile(fourierModel(2, options));
      return startFourier((feeds) => program.run(feeds), names.map((name) => new Random(name)), 2, options);
    };
    const alone = (await start(service, 'a')).image.data as Float32Array;
    const beside = (await start(single, 'a', 'b')).image.data as Float32Array;
    await single.dispose();
    const half = alone.length / 2;
    expect(beside.slice(0, half)).toEqual(alone.slice(0, half));
    expect(beside.slice(half)).not.toEqual(alone.slice(half));
    expect(alone.slice(half)).toEqual(new Float32Array(half).fill(0.5));
  });

  it('brings the contrast of an image down to the bound and leaves a fainter one alone', async () => {
    const random = new Random(3);
    const options = { height: 16, width: 16, decay: 1, contrast: 1.5 };
    const half = 3 * 2 * 16 * 9;
    const parameters = Float32Array.from({ length: 2 * half }, (_, i) => random.normal(0, i < half ? 100 : 0.01));
    const bounded = await (await stepOf(2, options, parameters)).run();
    expect(bounded['parameters']?.slice(half)).toEqual(parameters.slice(half));
    const once = bounded['parameters'] as Float32Array;
    expect(Math.max(...once.slice(0, half))).toBeLessThan(50);
    const twice = await (await stepOf(2, options, once)).run();
    expect(largestDifference(twice['parameters'] as Float32Array, once)).toBeLessThan(1e-5 * Math.max(...once));
    // sd of v, from the image: v = C⁻¹·logit(x)
    const free = await (await stepOf(2, { ...options, contrast: 0 }, once)).run();
    expect(largestDifference(free['image'] as Float32Array, bounded['image'] as Float32Array)).toBeLessThan(1e-5);
  });
});

describe('AffineSampler', () => {
  for (const c of oracle.affine) {
    it(`samples and scatters as grid_sample with reflection padding at ${c.height}x${c.width}`, () => {
      const sampler = new AffineSampler(c.height, c.width).set(c.matrix as unknown as Affine);
      // The second colour is the first upside down in value, the third nothing.
      const colours = (plane: readonly number[]): Float32Array => Float32Array.from([...plane, ...plane.map((x) => -x), ...plane.map(() => 0)]);
      const pixels = c.view.length;
      const view = new Float32Array(1 + 3 * pixels);
      sampler.sample(colours(c.image), 0, view, 1);
      expect(largestDifference(view.subarray(1), colours(c.view))).toBeLessThan(2e-6);
      const back = new Float32Array(1 + 3 * pixels);
      sampler.scatter(colours(c.gradient), 0, back, 1);
      expect(largestDifference(back.subarray(1), colours(c.imageGradient))).toBeLessThan(4e-6);
      expect([view[0], back[0]]).toEqual([0, 0]);
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
