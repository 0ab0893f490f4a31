import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { StageDefinition } from '../../../src/engine/stage.js';
import { readNpy } from '../../../src/formats/npy.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import { readDreams, type DreamEntry } from '../../../src/stages/artifacts/dreams.js';
import type { BlindKey } from '../../../src/stages/dream/blind-sheet.js';
import dream from '../../../src/stages/dream/stage.js';
import { runOn, type Ran } from '../readout-ridge/encoding-rig.js';
import { regionResponses, SIZE, writeTinyModel, type TinyModel } from '../response/tiny-model.js';

const root = mkdtempSync(join(tmpdir(), 'dream-'));
const service = createOnnxRuntimeService({ threads: 1 });
afterAll(async () => {
  await service.dispose();
  rmSync(root, { recursive: true, force: true });
});

/** more images than one block of features */
const model = writeTinyModel(join(root, 'model'), { images: 600, testImages: 10 });
const STEPS = 12;
const VIEW = { shift: 1, rotation: 15, zoom: 0.1, noise: 0.05 };
let runs = 0;
function ascend(params: object, inputs: Partial<TinyModel['inputs']> = {}): Promise<Ran> {
  runs += 1;
  const { backbone, features, readout } = { ...model.inputs, ...inputs };
  const given = { targets: [{ name: 'left', roi: 'left' }], steps: STEPS, ...VIEW, ...params };
  return runOn(dream as unknown as StageDefinition, given, { backbone, features, readout }, join(root, `dreams-${runs}`), service);
}
const PIXELS = 3 * SIZE * SIZE;
const pictures = (ran: Ran): Float32Array => readNpy(ran.output.path('dreams.npy')).data as Float32Array;

describe('dream', () => {
  it('gives a dream the same bits whatever number of dreams is asked for', async () => {
    const one = await ascend({ images: 1 });
    const three = await ascend({ images: 3 });
    const six = await ascend({ images: 6 });
    expect(pictures(three).subarray(0, PIXELS)).toEqual(pictures(one));
    expect(pictures(six).subarray(0, 3 * PIXELS)).toEqual(pictures(three));
    expect(readNpy(six.output.path('dreams.npy')).shape).toEqual([6, 3, SIZE, SIZE]);
    expect(readFileSync(six.output.path('left-1.png')).equals(readFileSync(one.output.path('left-1.png')))).toBe(true);
    expect(readDreams(six.output).entries.slice(0, 3)).toEqual(readDreams(three.output).entries);
    expect(new Set(Array.from({ length: 6 }, (_, i) => pictures(six).subarray(i * PIXELS, (i + 1) * PIXELS).join())).size).toBe(6);
  });

  it('raises the response of every dream, and keeps a curve of its own for each', async () => {
    const { entries } = readDreams((await ascend({ images: 5 })).output);
    for (const { curve, response } of entries) {
      expect(curve).toHaveLength(STEPS);
      expect(response).toBeGreaterThan(curve[0] as number);
    }
    expect(new Set(entries.map((entry) => entry.curve.join())).size).toBe(5);
  });

  it('compares with the natural images of all blocks, each target with its own objective', async () => {
    const file = readDreams((await ascend({ targets: [{ name: 'l', roi: 'left' }, { name: 'r', roi: 'right', minus: ['left'], weight: 0.5 }], images: 1, steps: 1 })).output);
    const left = regionResponses(model, [0, 1]);
    const contrast = regionResponses(model, [2, 3]).map((x, i) => x - 0.5 * (left[i] as number));
    for (const [t, natural] of [left, contrast].entries()) {
      const entry = file.entries[t];
      expect(entry?.naturalMax).toBeCloseTo(Math.max(...natural), 4);
      expect(entry?.naturalMean).toBeCloseTo(natural.reduce((a, b) => a + b) / natural.length, 4);
      expect(entry?.percentile).toBeCloseTo((100 * natural.filter((x) => x < (entry?.response ?? NaN)).length) / natural.length, 6);
    }
    expect(file.targets).toEqual([{ name: 'l', roi: 'left' }, { name: 'r', roi: 'right', minus: ['left'], weight: 0.5 }]);
  });

  it('shows the objective with its weight in the report', async () => {
    const { output } = await ascend({ targets: [{ name: 'r', roi: 'right', minus: ['left'], weight: 0.5 }], images: 1, steps: 1 });
    expect(output.text('report.json')).toContain('right − 0.5·left');
  });

  it('under a window follows another gradient, and still reports the whole objective', async () => {
    const narrow = await ascend({ images: 1, window: 0.125 });
    const none = await ascend({ images: 1 });
    expect(pictures(narrow)).not.toEqual(pictures(none));
    const [entry] = readDreams(narrow.output).entries;
    const { naturalMax, naturalMean } = readDreams(none.output).entries[0] as DreamEntry;
    expect(entry).toMatchObject({ naturalMax, naturalMean });
    expect(entry?.response).toBeLessThan(readDreams(none.output).entries[0]?.response ?? NaN);
  });

  it('follows the gradient of ReLUs that is asked for: redirected is the exact one while something passes, guided is another in every step', async () => {
    const exact = await ascend({ images: 2 });
    const redirected = await ascend({ images: 2, relu_gradient: 'redirected', redirected_steps: 5 });
    const guided = await ascend({ images: 2, relu_gradient: 'guided' });
    const distance = (ran: Ran): number => pictures(ran).reduce((most, x, i) => Math.max(most, Math.abs(x - (pictures(exact)[i] as number))), 0);
    expect(distance(await ascend({ images: 2, relu_gradient: 'exact' }))).toBe(0);
    expect(distance(redirected)).toBeLessThan(1e-3);
    expect(distance(guided)).toBeGreaterThan(1e-2);
  });

  it('refuses a window narrower than half a cell of the coarsest map', async () => {
    await expect(ascend({ images: 1, window: 0.1 })).rejects.toMatchObject({ code: 'E_OUT_OF_RANGE', message: 'a window of 0.1 is too narrow for layer "conv"' });
  });

  it('keeps the candidates with the largest predicted response, in the order of their starting points', async () => {
    const all = readDreams((await ascend({ images: 6 })).output).entries.map(({ response }) => response);
    const best = await ascend({ images: 2, candidates: 6 });
    const expected = [...all].sort((a, b) => b - a).slice(0, 2);
    expect(readDreams(best.output).entries.map(({ response }) => response)).toEqual(all.filter((response) => expected.includes(response)));
    expect(readNpy(best.output.path('dreams.npy')).shape).toEqual([2, 3, SIZE, SIZE]);
    await expect(ascend({ images: 3, candidates: 2 })).rejects.toMatchObject({ code: 'E_DATA', message: 'fewer dreams are made than are to be kept' });
  });

  it('shuffles the blind sheet by the seed, with every dream under one number of the key', async () => {
    const { output } = await ascend({ targets: [{ name: 'l', roi: 'left' }, { name: 'r', roi: 'right' }], images: 5, steps: 1 });
    const { targets, pictures: numbered } = output.json<BlindKey>('blind-key.json');
    const { entries } = readDreams(output);
    expect(targets).toEqual(['l', 'r']);
    expect(numbered.map(({ number }) => number)).toEqual(Array.from({ length: 10 }, (_, i) => i + 1));
    expect(numbered.map(({ file }) => file).sort()).toEqual(entries.map(({ file }) => file).sort());
    expect(numbered.map(({ file }) => file)).not.toEqual(entries.map(({ file }) => file));
    for (const { file, target } of numbered) expect(entries.find((entry) => entry.file === file)?.target).toBe(target);
    expect(output.text('report.json')).not.toContain('blind');
  });

  it('draws how the ascent went, a curve for every target', async () => {
    const { output } = await ascend({ targets: [{ name: 'lefts', roi: 'left' }, { name: 'rights', roi: 'right' }], images: 2 });
    const svg = output.text('curves.svg');
    expect(svg).toContain('lefts');
    expect(svg).toContain('rights');
    expect(svg).not.toContain('NaN');
  });

  it('refuses two targets of one name and a weight of nothing, naming the target', async () => {
    await expect(ascend({ targets: [{ name: 'a', roi: 'left' }, { name: 'a', roi: 'right' }] })).rejects.toMatchObject({ code: 'E_DATA', message: '"a" is the name of two targets' });
    await expect(ascend({ targets: [{ name: 'a', roi: 'left', weight: 2 }] })).rejects.toMatchObject({ code: 'E_DATA', message: 'target "a" has a weight but nothing to subtract' });
  });

  it('refuses another backbone of the same architecture, and features of another layout', async () => {
    const other = writeTinyModel(join(root, 'other'), { images: 20, testImages: 5 });
    await expect(ascend({}, { backbone: other.inputs.backbone })).rejects.toMatchObject({ code: 'E_DATA', message: /not fitted on features of the backbone "tiny"/ });
    const index = join(other.inputs.features, 'features.json');
    writeFileSync(index, readFileSync(index, 'utf8').replace('"channels":[0,1]', '"channels":[1,0]'));
    await expect(ascend({}, { features: other.inputs.features })).rejects.toMatchObject({ code: 'E_DATA', message: /the features are not those/ });
  });
});
