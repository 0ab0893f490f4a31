/** Control features: against SciPy, and against what Gabor energies must do whatever the code. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Value } from '@sinclair/typebox/value';
import { afterAll, describe, expect, it } from 'vitest';
import { PipelineError } from '../../../src/core/errors.js';
import { tensor } from '../../../src/core/tensor.js';
import type { StageDefinition } from '../../../src/engine/stage.js';
import { Hdf5Writer } from '../../../src/formats/hdf5/index.js';
import { encodeModel } from '../../../src/graph/encode.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import { readFeatures } from '../../../src/stages/artifacts/features.js';
import { IMAGE, controlGraph, controlLayers, type ControlOptions } from '../../../src/stages/features-gabor/control-graph.js';
import { filterBank, levelOf } from '../../../src/stages/features-gabor/gabor-filters.js';
import definition from '../../../src/stages/features-gabor/stage.js';
import { runStage } from '../simulate/run-stage.js';
import { readerOf } from '../readout-ridge/encoding-rig.js';

const service = createOnnxRuntimeService({ threads: 1 });
const root = mkdtempSync(join(tmpdir(), 'controls-'));
afterAll(async () => {
  await service.dispose();
  rmSync(root, { recursive: true, force: true });
});

interface Oracle {
  readonly size: number;
  readonly orientations: number;
  readonly grid: number;
  readonly pixelGrid: number;
  readonly image: readonly number[];
  readonly layers: readonly { wavelength: number; amplitude: readonly (readonly number[])[] }[];
  readonly pixels: readonly (readonly number[])[];
}
const oracle = JSON.parse(readFileSync(new URL('../../oracles/controls.json', import.meta.url), 'utf8')) as Oracle;
const OPTIONS: ControlOptions = {
  batch: 1, size: oracle.size, wavelengths: oracle.layers.map((layer) => layer.wavelength), orientations: oracle.orientations, grid: [oracle.grid, oracle.grid], pixels: oracle.pixelGrid,
};
/** values of order 1 in float32 */
const FLOAT32 = 5e-6;

/** @param pixel colour at (x, y), 0 … 1 */
const planes = (size: number, pixel: (x: number, y: number, colour: number) => number): Float32Array =>
  Float32Array.from({ length: 3 * size * size }, (_, i) => pixel(i % size, Math.floor(i / size) % size, Math.floor(i / (size * size))));

async function controls(options: ControlOptions, image: Float32Array): Promise<Record<string, Float32Array>> {
  const program = await service.compile(encodeModel(controlGraph(options)), { label: 'controls' });
  try {
    const found = await program.run({ [IMAGE]: tensor('float32', [1, 3, options.size, options.size], image) });
    return Object.fromEntries(Object.entries(found).map(([name, value]) => [name, value.data as Float32Array]));
  } finally {
    await program.dispose();
  }
}

describe('control features', () => {
  it('are the amplitudes and colours that SciPy finds', async () => {
    const { size } = oracle;
    const found = await controls(OPTIONS, planes(size, (x, y, c) => (oracle.image[(y * size + x) * 3 + c] as number) / 255));
    const expected = Object.fromEntries([...oracle.layers.map((layer) => [`gabor ${layer.wavelength} px`, layer.amplitude.flat()]), ['pixels', oracle.pixels.flat()]]) as Record<string, number[]>;
    expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
    for (const [name, values] of Object.entries(expected)) {
      const worst = values.reduce((most, value, i) => Math.max(most, Math.abs(value - (found[name]?.[i] as number))), 0);
      expect(found[name]?.length, name).toBe(values.length);
      expect(worst, name).toBeLessThan(FLOAT32);
    }
  });

  it('answer nothing to a uniform image, and hardly change when a grating is shifted', async () => {
    const options: ControlOptions = { ...OPTIONS, size: 64, wavelengths: [8], orientations: 4, pixels: 0, grid: [2, 2] };
    const flat = await controls(options, planes(64, () => 0.7));
    expect(Math.max(...(flat['gabor 8 px'] as Float32Array))).toBeLessThan(1e-4);
    const grating = (shift: number): Float32Array => planes(64, (x) => 0.5 + 0.4 * Math.cos((2 * Math.PI * (x + shift)) / 8));
    const [still, moved] = [await controls(options, grating(0)), await controls(options, grating(2))].map((found) => found['gabor 8 px'] as Float32Array) as [Float32Array, Float32Array];
    // orientation 0 varies along x: the first four cells
    for (let cell = 0; cell < 4; cell += 1) {
      expect(Math.abs((still[cell] as number) / (moved[cell] as number) - 1)).toBeLessThan(0.05);
      expect(still[cell] as number).toBeGreaterThan(20 * (still[8 + cell] as number));
    }
  });

  it('measure long wavelengths on an image that is halved until they are below 8 pixels', () => {
    expect([2, 4, 7.9, 8, 16, 31, 32].map(levelOf)).toEqual([
      { level: 0, pixels: 2 }, { level: 0, pixels: 4 }, { level: 0, pixels: 7.9 }, { level: 1, pixels: 4 }, { level: 2, pixels: 4 }, { level: 2, pixels: 7.75 }, { level: 3, pixels: 4 },
    ]);
  });

  it('come from filters without mean and with unit norm', () => {
    const { radius, weights } = filterBank(5, 6);
    const taps = (2 * radius + 1) ** 2;
    for (let f = 0; f < 12; f += 1) {
      const filter = weights.subarray(f * taps, (f + 1) * taps);
      expect(Math.abs(filter.reduce((a, b) => a + b, 0))).toBeLessThan(1e-5);
      expect(filter.reduce((a, b) => a + b * b, 0)).toBeCloseTo(1, 5);
    }
  });
});

describe('features.gabor', () => {
  const size = 32;
  const images = 5;
  mkdirSync(join(root, 'stimuli'));
  const brick = new Hdf5Writer(join(root, 'stimuli', 'stimuli.hdf5'));
  brick.createDataset('imgBrick', { dtype: 'uint8', shape: [images, size, size, 3], chunks: [1, size, size, 3] });
  brick.writeSlice('imgBrick', [[0, images], [0, size], [0, size], [0, 3]], { dtype: 'uint8', shape: [images, size, size, 3], data: Uint8Array.from({ length: images * size * size * 3 }, (_, i) => (i < oracle.image.length ? (oracle.image[i] as number) : (i * 7) % 251)) });
  brick.close();
  const stimuli = Array.from({ length: images }, (_, i) => ({ nsdId: i, cocoId: null, split: i === 0 ? 'test' : 'train', shared: i === 0, firstTrial: images - i }));
  writeFileSync(join(root, 'stimuli', 'stimuli.json'), JSON.stringify({ dataset: 'imgBrick', images: stimuli }));
  const params = { size, wavelengths: [4, 8], orientations: 3, grid: [4, 4], pixels: 2 };
  const withInputs = { ...definition, run: (context: Parameters<typeof definition.run>[0]) => definition.run({ ...context, inputs: { stimuli: readerOf(join(root, 'stimuli')) } }) } as unknown as StageDefinition;
  const run = (given: object, to: string) => runStage(withInputs, given, join(root, to), join(root, 'memo'), { tensor: service });

  it('writes one row an image in the order of first showing, with the layout that readers take apart', async () => {
    const done = await run(params, 'one');
    const features = readFeatures(done.reader('features'));
    expect(features.backbone).toBeNull();
    expect([...features.nsdIds]).toEqual([4, 3, 2, 1, 0]);
    expect(features.layers.map(({ name, offset }) => [name, offset])).toEqual([['gabor 4 px', 0], ['gabor 8 px', 48], ['pixels', 96]]);
    expect(features.width).toBe(108);
    const row = features.rows([4]);
    const expected = [...(oracle.layers[0]?.amplitude.flat() ?? []), ...(oracle.layers[2]?.amplitude.flat() ?? []), ...oracle.pixels.flat()];
    expect(expected.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (row[i] as number))), 0)).toBeLessThan(FLOAT32);
  });

  it('computes nothing again for images it has seen', async () => {
    await run(params, 'first');
    expect((await run(params, 'second')).produced).toEqual([]);
  });

  it('refuses to compute nothing, or waves longer than the image', async () => {
    const refusal = async (given: object): Promise<string> => {
      const error: unknown = await run({ ...params, ...given }, 'never').catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(PipelineError);
      return (error as PipelineError).message;
    };
    expect(await refusal({ wavelengths: [], pixels: 0 })).toBe('no control feature was asked for');
    expect(await refusal({ wavelengths: [64] })).toBe('a wavelength of 64 pixels does not fit images of 32 pixels');
  });

  it('refuses wavelengths whose filters vanish on the pixel grid, and no other', () => {
    const gone = expect.objectContaining({ code: 'E_OUT_OF_RANGE', message: 'a wavelength of 2 pixels leaves nothing of a filter on the pixel grid' }) as Error;
    for (const orientations of [1, 2, 8]) expect(() => filterBank(2, orientations)).toThrow(gone);
    for (const wavelength of [3, 3.5, 4, 7.9]) {
      for (const orientations of [1, 2, 3, 8, 64]) expect(filterBank(wavelength, orientations).weights.every(Number.isFinite)).toBe(true);
    }
    expect(Value.Check(definition.params, { ...params, wavelengths: [2.9] })).toBe(false);
    expect(Value.Check(definition.params, { ...params, wavelengths: [3] })).toBe(true);
  });

  it('keeps maps that are smaller than the grid at their own size', () => {
    expect(controlLayers({ ...OPTIONS, wavelengths: [16], grid: [16, 16] })[0]).toEqual({ name: 'gabor 16 px', map: [3, 8, 8], grid: [8, 8] });
  });
});
