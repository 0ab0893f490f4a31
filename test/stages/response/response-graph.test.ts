import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { tensor } from '../../../src/core/tensor.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import { IMAGE, readBackbone } from '../../../src/stages/artifacts/backbone.js';
import { IMAGE_GRADIENT, RESPONSE, responseModel, templateInput } from '../../../src/stages/response/response-graph.js';
import { readerOf } from '../readout-ridge/encoding-rig.js';
import { SIZE, writeTinyModel } from './tiny-model.js';

const root = mkdtempSync(join(tmpdir(), 'response-'));
const service = createOnnxRuntimeService({ threads: 1 });
afterAll(async () => {
  await service.dispose();
  rmSync(root, { recursive: true, force: true });
});

const BATCH = 2;
/** a seed whose steps cross no kink of the rectifier or the pooling */
const random = new Random(0);
const backbone = readBackbone(readerOf(writeTinyModel(join(root, 'model'), { images: 4, testImages: 1 }).inputs.backbone));
const template = tensor('float32', [BATCH, 2, 4, 4], Float32Array.from({ length: BATCH * 32 }, () => random.normal()));
const noise = Float32Array.from({ length: BATCH * 3 * SIZE * SIZE }, () => random.uniform());
async function evaluate(images: Float32Array, ties: 'first' | 'every'): Promise<{ response: Float32Array; gradient: Float32Array }> {
  const program = await service.compile(responseModel(backbone, BATCH, ['conv'], { poolTies: ties }));
  const result = await program.run({ [IMAGE]: tensor('float32', [BATCH, 3, SIZE, SIZE], images), [templateInput('conv')]: template }, [RESPONSE, IMAGE_GRADIENT]);
  return { response: result[RESPONSE]?.data as Float32Array, gradient: result[IMAGE_GRADIENT]?.data as Float32Array };
}

it('the gradient of every image is that of its own response by central differences', async () => {
  const { gradient } = await evaluate(noise, 'first');
  const direction = noise.map(() => random.normal());
  const h = 3e-4;
  const up = (await evaluate(noise.map((x, i) => x + h * (direction[i] as number)), 'first')).response;
  const down = (await evaluate(noise.map((x, i) => x - h * (direction[i] as number)), 'first')).response;
  const pixels = noise.length / BATCH;
  for (let b = 0; b < BATCH; b += 1) {
    let analytic = 0;
    for (let i = b * pixels; i < (b + 1) * pixels; i += 1) analytic += (gradient[i] as number) * (direction[i] as number);
    const numeric = ((up[b] as number) - (down[b] as number)) / (2 * h);
    // responses of about 10 in float32: a unit in the last place over 2h is 0.002
    expect(Math.abs(numeric - analytic)).toBeLessThan(0.01);
  }
});

it('on noise, nobody shares the gradient of a pooling window: both rules for ties agree', async () => {
  const [first, every] = [await evaluate(noise, 'first'), await evaluate(noise, 'every')];
  expect(every.response).toEqual(first.response);
  const largest = Math.max(...first.gradient.map(Math.abs));
  expect(largest).toBeGreaterThan(0.1);
  first.gradient.forEach((x, i) => expect(Math.abs(x - (every.gradient[i] as number))).toBeLessThan(1e-5 * largest));
});
