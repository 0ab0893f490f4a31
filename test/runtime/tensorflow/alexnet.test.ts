/**
 * AlexNet written a second time in TensorFlow.js's own operators and differentiated by tf.grads: an implementation of the forward pass and of
 * the gradients that shares nothing with ours but the weights. Our differentiated graph has to agree with it on both runtimes.
 */
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import { afterAll, describe, expect, it } from 'vitest';
import type { Tensor } from '../../../src/core/tensor.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import { encodeModel } from '../../../src/graph/encode.js';
import { differentiate, gradientName } from '../../../src/graph/gradient.js';
import type { Graph } from '../../../src/graph/ir.js';
import * as L from '../../../src/graph/layers.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import type { T } from '../../../src/runtime/tensorflow/tf.js';
import { formulaImage, formulaParameter } from '../../rigs/formula-weights.js';
import { tensorflowService, tf } from '../../rigs/tensorflow.js';

const SIZE = 64;
/** features.N of torchvision's AlexNet: [out, in, kernel, stride, pad, max pool behind] */
const CONVOLUTIONS = [
  { name: 'features.0', out: 64, into: 3, kernel: 11, stride: 4, pad: 2, pool: true },
  { name: 'features.3', out: 192, into: 64, kernel: 5, stride: 1, pad: 2, pool: true },
  { name: 'features.6', out: 384, into: 192, kernel: 3, stride: 1, pad: 1, pool: false },
  { name: 'features.8', out: 256, into: 384, kernel: 3, stride: 1, pad: 1, pool: false },
  { name: 'features.10', out: 256, into: 256, kernel: 3, stride: 1, pad: 1, pool: false },
] as const;
const WEIGHTS = CONVOLUTIONS.map(({ name, out, into, kernel }) => ({ name: `${name}.weight`, shape: [out, into, kernel, kernel] }));
const image = formulaImage(1, SIZE);
const reference = createOnnxRuntimeService({ threads: 1 });
const service = tensorflowService();
afterAll(() => Promise.all([reference.dispose(), service.dispose()]));

/** The objective: half the squared length of the last layer. */
function ours(): Graph {
  const b = new GraphBuilder();
  let x = b.input('image', 'float32', image.shape);
  for (const { name, out, stride, pad, pool } of CONVOLUTIONS) {
    const weight = b.constant(formulaParameter(`${name}.weight`, (WEIGHTS.find((w) => w.name === `${name}.weight`) as (typeof WEIGHTS)[number]).shape), `${name}.weight`);
    const bias = b.constant(formulaParameter(`${name}.bias`, [out]), `${name}.bias`);
    x = L.relu(b, L.conv2d(b, x, weight, bias, { stride, pads: pad }));
    if (pool) x = L.maxPool2d(b, x, { kernel: 3, stride: 2 });
  }
  b.output('objective', L.mul(b, L.sumOfSquares(b, x), 0.5));
  return differentiate(b.build(), { of: 'objective', wrt: ['image', ...WEIGHTS.map(({ name }) => name)] });
}

/** x [1, H, W, 3], weights [k, k, in, out]. */
function theirs(x: T, ...weights: T[]): T {
  let y = x;
  CONVOLUTIONS.forEach(({ name, out, stride, pad, pool }, i) => {
    const padded = tf.pad(y, [[0, 0], [pad, pad], [pad, pad], [0, 0]]);
    y = tf.relu(tf.add(tf.conv2d(padded as never, weights[i] as never, stride, 'valid'), tf.tensor1d(formulaParameter(`${name}.bias`, [out]).data)));
    if (pool) y = tf.maxPool(y as never, 3, 2, 'valid');
  });
  return tf.mul(tf.sum(tf.square(y)), 0.5);
}

async function oracle(): Promise<Record<string, Float32Array>> {
  const channelsLast = (x: T): T => tf.transpose(x, [0, 2, 3, 1]);
  const inputs = tf.tidy(() => [channelsLast(tf.tensor(image.data, [...image.shape])), ...WEIGHTS.map(({ name, shape }) => tf.transpose(tf.tensor(formulaParameter(name, shape).data, shape), [2, 3, 1, 0]))]);
  const { value, grads } = tf.tidy(() => tf.valueAndGrads(theirs as Parameters<typeof tf.valueAndGrads>[0])(inputs));
  const plain = tf.tidy(() => [tf.transpose(grads[0] as T, [0, 3, 1, 2]), ...grads.slice(1).map((gradient) => tf.transpose(gradient, [3, 2, 0, 1]))]);
  const results: Record<string, Float32Array> = { objective: Float32Array.from(await (value as T).data()) };
  for (const [i, name] of ['image', ...WEIGHTS.map((w) => w.name)].entries()) results[gradientName(name)] = Float32Array.from(await (plain[i] as T).data());
  tf.dispose([inputs, value, grads, plain]);
  return results;
}

describe('AlexNet at 64 pixels', () => {
  it('has the value and the gradients by image and every weight that tf.grads gives, on both runtimes', async () => {
    const expected = await oracle();
    const bytes = encodeModel(ours());
    for (const runtime of [reference, service]) {
      const program = await runtime.compile(bytes);
      const results = await program.run({ image });
      await program.dispose();
      for (const [name, values] of Object.entries(expected)) {
        const found = (results[name] as Tensor).data as Float32Array;
        expect(found.length).toBe(values.length);
        const size = values.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
        expect(size).toBeGreaterThan(0);
        const worst = values.reduce((most, value, i) => Math.max(most, Math.abs((found[i] as number) - value)), 0);
        expect(worst / size, `${name} on ${runtime.identity()}`).toBeLessThan(2e-5);
      }
    }
  });
});
