import { afterAll, describe, expect, it } from 'vitest';
import { readNpy } from '../../../src/formats/npy.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import { encodeModel } from '../../../src/graph/encode.js';
import { resizeAntialiased } from '../../../src/math/resample.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import { BANK_SIZE, BRAIN_SIZE, bank } from '../../../src/stages/simulate/brain/brain-graph.js';
import { buildBrain, runBrain } from '../../../src/stages/simulate/brain/build-brain.js';
import { TEMPLATES } from '../../../src/stages/simulate/brain/templates.js';
import { drawStimulus } from '../../../src/stages/simulate/drawing/stimulus.js';
import { formulaImages, formulaTemplates, IMAGES } from './formula-brain.js';
import type { Tensor } from '../../../src/core/tensor.js';
import type { Category } from '../../../src/stages/simulate/drawing/stimulus.js';

const service = createOnnxRuntimeService({ threads: 1 });
afterAll(() => service.dispose());
/** float32 graph against float64 PyTorch; the largest difference seen is 1e-5 */
const TOLERANCE = 5e-5;
const COUNT = TEMPLATES.length;
const CELLS = 64;

describe('the true brain', () => {
  it('answers as an independent PyTorch statement of it does, from pixels to bank', async () => {
    const b = new GraphBuilder();
    const image = b.input('image', 'float32', [IMAGES, 3, BRAIN_SIZE, BRAIN_SIZE]);
    const set = {
      mean: Float32Array.from({ length: 15 }, (_, c) => 0.05 * c), sd: Float32Array.from({ length: 15 }, (_, c) => 0.2 + 0.02 * c), templates: formulaTemplates(),
    };
    const calibration = { threshold: Float32Array.from({ length: COUNT }, (_, t) => 0.01 + 0.002 * t), gain: Float32Array.from({ length: COUNT }, (_, t) => 20 + 3 * t) };
    b.output('bank', bank(b, image, set, calibration));
    const program = await service.compile(encodeModel(b.build()));
    const found = (await program.run({ image: { dtype: 'float32', shape: [IMAGES, 3, BRAIN_SIZE, BRAIN_SIZE], data: formulaImages() } }))['bank'] as Tensor<'float32'>;
    const expected = readNpy(new URL('../../fixtures/simulate/bank.npy', import.meta.url).pathname).data as Float32Array;
    expect(found.data.length).toBe(IMAGES * BANK_SIZE);
    expect(expected.length).toBe(IMAGES * BANK_SIZE);
    let largest = 0;
    expected.forEach((value, i) => { largest = Math.max(largest, Math.abs(value - (found.data[i] as number))); });
    expect(largest).toBeLessThan(TOLERANCE);
    // the fixture exercises every template: none is silent in all images
    for (let t = 0; t < COUNT; t += 1) {
      const peaks = Array.from({ length: IMAGES }, (_, k) => Math.max(...expected.subarray(k * BANK_SIZE + t * CELLS, k * BANK_SIZE + (t + 1) * CELLS)));
      expect(Math.max(...peaks)).toBeGreaterThan(10 * TOLERANCE);
    }
  });

  it('is a pure function of its parameters, and each area tells its own category from the others on pictures it was not calibrated on', async () => {
    const options = { exemplars: 24, calibrationImages: 48 };
    const model = await buildBrain(service, options);
    expect(Buffer.from(await buildBrain(service, options)).equals(Buffer.from(model))).toBe(true);
    const program = await service.compile(model);
    const perCategory = 24;
    const found = await runBrain(program, 5 * perCategory, (i, into) => {
      const category = Math.floor(i / perCategory) as Category;
      const { rgb } = drawStimulus(`preference/${i}`, BRAIN_SIZE, { category });
      resizeAntialiased({ layout: 'pixels', data: rgb, channels: 3, height: BRAIN_SIZE, width: BRAIN_SIZE }, BRAIN_SIZE, BRAIN_SIZE, into);
    });
    (['face', 'body', 'place', 'word'] as const).forEach((area, own) => {
      const responses = Array.from({ length: 5 * perCategory }, (_, i) => TEMPLATES.reduce((sum, spec, t) => {
        if (spec.area !== area) return sum;
        return sum + found.subarray(i * BANK_SIZE + t * CELLS, i * BANK_SIZE + (t + 1) * CELLS).reduce((a, b) => a + b, 0);
      }, 0));
      const mine = responses.slice(own * perCategory, (own + 1) * perCategory);
      const others = responses.filter((_, i) => Math.floor(i / perCategory) !== own);
      const wins = mine.reduce((sum, response) => sum + others.filter((other) => other < response).length, 0) / (mine.length * others.length);
      // area under the ROC curve; with 96 exemplars and 300 calibration images it is .93, .89, .99, .96 on 2000 stimuli
      expect(wins).toBeGreaterThan(0.8);
    });
  });

  it('gives a picture the same bits wherever it stands in a batch', async () => {
    const program = await service.compile(await buildBrain(service, { exemplars: 8, calibrationImages: 16 }));
    const picture = formulaImages().subarray(0, 3 * BRAIN_SIZE ** 2);
    const alone = await runBrain(program, 1, (_, into) => into.set(picture));
    const last = await runBrain(program, 11, (i, into) => (i === 10 ? into.set(picture) : into.fill(i / 10)));
    expect(Buffer.from(last.slice(10 * BANK_SIZE).buffer).equals(Buffer.from(alone.slice().buffer))).toBe(true);
  });
});
