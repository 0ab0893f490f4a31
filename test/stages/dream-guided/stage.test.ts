import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { StageDefinition } from '../../../src/engine/stage.js';
import { readNpy } from '../../../src/formats/npy.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import { encodeModel } from '../../../src/graph/encode.js';
import { add, div, mul, sub } from '../../../src/graph/layers.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import { readDreams } from '../../../src/stages/artifacts/dreams.js';
import type { PriorFile } from '../../../src/stages/artifacts/prior.js';
import guided from '../../../src/stages/dream-guided/stage.js';
import { runOn, type Ran } from '../readout-ridge/encoding-rig.js';
import { SIZE, writeTinyModel } from '../response/tiny-model.js';

const root = mkdtempSync(join(tmpdir(), 'guided-'));
const service = createOnnxRuntimeService({ threads: 1 });
afterAll(async () => {
  await service.dispose();
  rmSync(root, { recursive: true, force: true });
});

/** A prior that knows pixels to be N(½, 0.2²), and its best denoiser. */
function gaussianPrior(folder: string, more: Partial<PriorFile> = {}): string {
  const builder = new GraphBuilder();
  const noisy = builder.input('noisy', 'float32', [4, 3, SIZE, SIZE]);
  const sigma = builder.input('sigma', 'float32', [4, 1, 1, 1]);
  const share = div(builder, builder.floats([1], [0.04]), add(builder, mul(builder, sigma, sigma), 0.04));
  builder.output('clean', add(builder, mul(builder, sub(builder, noisy, 0.5), share), 0.5));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'denoiser.onnx'), encodeModel(builder.build()));
  writeFileSync(join(folder, 'prior.json'), JSON.stringify({ size: SIZE, batch: 4, lowest: 0.025, highest: 1, ...more } satisfies PriorFile));
  return folder;
}

const model = writeTinyModel(join(root, 'model'), { images: 60, testImages: 10 });
const prior = gaussianPrior(join(root, 'prior'));
let runs = 0;
function sample(params: object, given = prior): Promise<Ran> {
  runs += 1;
  const { backbone, features, readout } = model.inputs;
  return runOn(guided as unknown as StageDefinition, { targets: [{ name: 'left', roi: 'left' }], steps: 20, shift: 1, ...params }, { prior: given, backbone, features, readout }, join(root, `dreams-${runs}`), service);
}
const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

describe('dream.guided', () => {
  it('raises the response of the finished picture over that of the prior alone', async () => {
    const responses = async (guidance: number): Promise<number> => mean(readDreams((await sample({ guidance, images: 6 })).output).entries.map(({ response }) => response));
    const [none, weak, strong] = [await responses(0), await responses(0.1), await responses(0.4)];
    expect(weak).toBeGreaterThan(none);
    expect(strong).toBeGreaterThan(weak);
  });

  it('writes what the stage dream writes, the same bits for a dream whatever number is asked for', async () => {
    const three = await sample({ images: 3 });
    const one = await sample({ images: 1 });
    const pixels = 3 * SIZE * SIZE;
    expect((readNpy(three.output.path('dreams.npy')).data as Float32Array).subarray(0, pixels)).toEqual(readNpy(one.output.path('dreams.npy')).data);
    expect(readFileSync(three.output.path('left-1.png')).equals(readFileSync(one.output.path('left-1.png')))).toBe(true);
    for (const file of ['contact.png', 'blind.png', 'blind-key.json', 'curves.svg', 'report.json']) expect(three.output.has(file)).toBe(true);
  });

  it('refuses a prior of another size, and noise that it was not trained with', async () => {
    const other = gaussianPrior(join(root, 'other'), { size: 64 });
    await expect(sample({}, other)).rejects.toMatchObject({ code: 'E_DATA', message: 'the prior does not fit: size of the pictures' });
    await expect(sample({ highest_noise: 2 })).rejects.toMatchObject({ code: 'E_DATA', message: 'the prior does not fit: range of noise' });
    await expect(sample({ lowest_noise: 0.5, highest_noise: 0.1 })).rejects.toMatchObject({ code: 'E_DATA', message: 'the prior does not fit: range of noise' });
  });
});
