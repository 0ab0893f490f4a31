import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { tensor, type Tensor } from '../../../src/core/tensor.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import { encodeModel } from '../../../src/graph/encode.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import { denoise, initialWeights, loss } from '../../../src/stages/prior-train/network.js';

interface Oracle {
  readonly batch: number;
  readonly size: number;
  readonly clean: number[];
  readonly noisy: number[];
  readonly sigma: number[];
  readonly weight: number[];
  readonly denoised: number[];
  readonly loss: number;
}
const oracle = JSON.parse(readFileSync(new URL('../../oracles/prior.json', import.meta.url), 'utf8')) as Oracle;
const service = createOnnxRuntimeService({ threads: 1 });
afterAll(() => service.dispose());

/** the formula of tools/oracles/prior.py */
const formula = (length: number, phase: number, scale: number): Float32Array => Float32Array.from({ length }, (_, i) => scale * Math.sin(1.7 * i * i + phase * i + phase));

describe('denoise', () => {
  it('has the values and the loss that PyTorch finds with the same weights', async () => {
    const { batch, size } = oracle;
    const shape = [batch, 3, size, size];
    const kinds = [...initialWeights(new Random('shapes'))].filter(([name]) => name.endsWith('.weight'));
    const weights = new Map<string, Tensor>();
    kinds.forEach(([key, { shape: kernel }], k) => {
      const [out, into, side] = kernel as readonly [number, number, number];
      weights.set(key, tensor('float32', kernel, formula(out * into * side * side, 0.1 * (k + 1), 2 / Math.sqrt(into * side * side))));
      weights.set(key.replace('.weight', '.bias'), tensor('float32', [out], formula(out, 0.3 * (k + 1), 0.1)));
    });
    const builder = new GraphBuilder();
    const noisy = builder.input('noisy', 'float32', shape);
    const sigma = builder.input('sigma', 'float32', [batch, 1, 1, 1]);
    const denoised = builder.output('denoised', denoise(builder, noisy, sigma, weights));
    builder.output('loss', loss(builder, denoised, builder.input('clean', 'float32', shape), builder.input('weight', 'float32', [batch, 1, 1, 1])));
    const program = await service.compile(encodeModel(builder.build()), { label: 'denoiser' });
    const result = await program.run({
      noisy: tensor('float32', shape, Float32Array.from(oracle.noisy)), clean: tensor('float32', shape, Float32Array.from(oracle.clean)),
      sigma: tensor('float32', [batch, 1, 1, 1], Float32Array.from(oracle.sigma)), weight: tensor('float32', [batch, 1, 1, 1], Float32Array.from(oracle.weight)),
    });
    await program.dispose();
    const values = result['denoised']?.data as Float32Array;
    expect(Math.max(...oracle.denoised.map((x) => Math.abs(x - 0.5)))).toBeGreaterThan(0.05);
    oracle.denoised.forEach((x, i) => expect(Math.abs((values[i] as number) - x)).toBeLessThan(2e-5));
    expect((result['loss']?.data as Float32Array)[0]).toBeCloseTo(oracle.loss, 3);
  });
});
