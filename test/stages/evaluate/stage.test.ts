import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Value } from '@sinclair/typebox/value';
import { afterAll, describe, expect, it } from 'vitest';
import type { StageDefinition } from '../../../src/engine/stage.js';
import { Random } from '../../../src/core/random.js';
import { readNpy, writeNpy } from '../../../src/formats/npy.js';
import { percentileInterval } from '../../../src/math/bootstrap.js';
import { pearsonColumns } from '../../../src/math/statistics-correlation.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import compare from '../../../src/stages/compare-scores/stage.js';
import evaluate from '../../../src/stages/evaluate/stage.js';
import { evaluationBytes, requireEvaluationMemory } from '../../../src/stages/evaluate/memory.js';
import { roisDrawn } from '../../../src/stages/evaluate/report.js';
import { scoreRegion } from '../../../src/stages/evaluate/score-regions.js';
import type { Roi } from '../../../src/stages/artifacts/voxels.js';
import ridge from '../../../src/stages/readout-ridge/stage.js';
import { constantVoxel, runOn, writeProblem, type Problem, type Ran } from '../readout-ridge/encoding-rig.js';

const root = mkdtempSync(join(tmpdir(), 'evaluate-'));
const service = createOnnxRuntimeService({ threads: 1 });
afterAll(async () => {
  await service.dispose();
  rmSync(root, { recursive: true, force: true });
});

const PROBLEM: Problem = { images: 420, testImages: 120, voxels: 21, ncsnr: 1, seed: 'evaluate' };
const QUICK = { bootstrap: 200, permutations: 99 };

interface RegionJson { name: string; voxels: number; r: { median: number; low: number; high: number; undefined: number }; normalised: { median: number; undefined: number }; belowCeiling: number; aboveOne: number; determination: number; baseline: number; significant: number | null; ceiling: number }
interface ScoresJson { emptyRegions: number; images: number; trials: number; chance: { median: number; high: number }; repeatMean: RegionJson[]; singleTrial: RegionJson[] }

const fits = new Map<string, Promise<Record<string, string>>>();
function fitted(problem: Problem): Promise<Record<string, string>> {
  const name = JSON.stringify({ ...problem, ncsnr: String(problem.ncsnr) });
  const known = fits.get(name);
  if (known !== undefined) return known;
  const base = join(root, `problem-${fits.size}`);
  const made = (async () => {
    writeProblem(base, problem);
    const inputs = { features: join(base, 'features'), voxels: join(base, 'voxels'), stimuli: join(base, 'stimuli') };
    await runOn(ridge as unknown as StageDefinition, {}, inputs, join(base, 'readout'), service);
    return { ...inputs, readout: join(base, 'readout') };
  })();
  fits.set(name, made);
  return made;
}
let runs = 0;
async function score(inputs: Record<string, string>, params: object = QUICK): Promise<Ran & { readonly scores: ScoresJson }> {
  runs += 1;
  const ran = await runOn(evaluate as unknown as StageDefinition, params, inputs, join(root, `scores-${runs}`), service);
  return { ...ran, scores: ran.output.json<ScoresJson>('scores.json') };
}
const region = (list: readonly RegionJson[], name: string): RegionJson => list.find((one) => one.name === name) as RegionJson;
const csvRows = (ran: Ran, name: string): Record<string, string>[] => {
  const [head, ...lines] = ran.output.text(name).trimEnd().split('\n').map((line) => line.split(','));
  return lines.map((line) => Object.fromEntries((head as string[]).map((column, i) => [column, line[i] as string])));
};

describe('evaluate', () => {
  it('finds the planted ceiling: with ncsnr 1, r²/NC near 1 on repeat means and on single trials, NC .75 and .5', async () => {
    const { scores } = await score(await fitted(PROBLEM));
    expect([scores.images, scores.trials]).toEqual([120, 360]);
    const whole = region(scores.repeatMean, 'all voxels');
    const single = region(scores.singleTrial, 'all voxels');
    expect(whole.ceiling).toBeCloseTo(0.75, 6);
    expect(single.ceiling).toBeCloseTo(0.5, 6);
    expect(whole.normalised.median).toBeGreaterThan(0.9);
    expect(whole.normalised.median).toBeLessThan(1.1);
    expect(single.normalised.median).toBeGreaterThan(0.85);
    expect(single.normalised.median).toBeLessThan(1.15);
    expect(single.r.median).toBeLessThan(whole.r.median);
    expect(whole.determination).toBeGreaterThan(0.6);
    expect(whole.baseline).toBeLessThanOrEqual(0);
    expect(whole.baseline).toBeGreaterThan(-0.1);
  });

  it('reaches 1 without noise', async () => {
    const { scores } = await score(await fitted({ ...PROBLEM, ncsnr: Infinity, seed: 'noiseless' }));
    expect(region(scores.repeatMean, 'all voxels').normalised.median).toBeGreaterThan(0.999);
  });

  it('brackets the median with its interval, and finds every varying voxel significant and shuffled images near 0', async () => {
    const { scores } = await score(await fitted(PROBLEM));
    for (const one of scores.repeatMean.filter((r) => r.voxels > 0)) {
      expect(one.r.low).toBeLessThan(one.r.median);
      expect(one.r.high).toBeGreaterThan(one.r.median);
      expect(one.r.high - one.r.low).toBeLessThan(0.2);
      expect(one.significant).toBe(1);
    }
    expect(Math.abs(scores.chance.median)).toBeLessThan(0.05);
    expect(scores.chance.high).toBeLessThan(0.2);
  });

  it('counts a voxel that does not vary as undefined, never as 0, in every table', async () => {
    const ran = await score(await fitted(PROBLEM));
    const whole = region(ran.scores.repeatMean, 'all voxels');
    expect([whole.r.undefined, whole.normalised.undefined, whole.belowCeiling]).toEqual([1, 1, 1]);
    expect(region(ran.scores.repeatMean, 'left').r.undefined).toBe(0);
    const row = csvRows(ran, 'voxels.csv')[constantVoxel(PROBLEM)];
    expect(row).toMatchObject({ r: 'NaN', r2: 'NaN', r2_over_nc: 'NaN', trial_r: 'NaN', p: 'NaN', q: 'NaN', alpha: 'NaN', x: '60' });
    expect(ran.warnings).toHaveLength(1);
  });

  it('leaves a region without voxels out of tables and figure, and counts it', async () => {
    const ran = await score(await fitted(PROBLEM));
    const names = ['all voxels', 'left', 'left/L-1', 'right'];
    expect(ran.scores.repeatMean.map((one) => one.name)).toEqual(names);
    expect(csvRows(ran, 'rois.csv').map((row) => row['region'])).toEqual(names.flatMap((name) => [name, name]));
    expect(ran.scores.emptyRegions).toBe(1);
    expect(ran.output.text('scores.svg')).not.toContain('empty');
  });

  it('writes predictions of the test images whose correlation with the measured means is the score', async () => {
    const inputs = await fitted(PROBLEM);
    const ran = await score(inputs);
    const predictions = readNpy(ran.output.path('predictions.npy'));
    expect(predictions.shape).toEqual([120, 21]);
    expect([...(readNpy(ran.output.path('prediction_images.npy')).data as Int32Array)]).toEqual(Array.from({ length: 120 }, (_, i) => 10 * (301 + i)));
    const means = (readNpy(join(inputs['voxels'] as string, 'means.npy')).data as Float32Array).subarray(300 * 21);
    const r = pearsonColumns(predictions.data as Float32Array, means, 21);
    csvRows(ran, 'voxels.csv').forEach((row, v) => {
      if (v === constantVoxel(PROBLEM)) return;
      expect(Number(row['r'])).toBeCloseTo(r[v] as number, 6);
      expect(Number(row['r2_over_nc'])).toBeCloseTo((r[v] as number) ** 2 / 0.75, 5);
    });
  });

  it('halves ncsnr when told to use the published one, and excludes and counts voxels below the threshold', async () => {
    const inputs = await fitted(PROBLEM);
    const published = await score(inputs, { ...QUICK, ncsnr: 'published' });
    expect(region(published.scores.repeatMean, 'all voxels').ceiling).toBeCloseTo(0.25 / (0.25 + 1 / 3), 6);
    const strict = await score(inputs, { ...QUICK, min_noise_ceiling: 0.8 });
    expect(region(strict.scores.repeatMean, 'all voxels')).toMatchObject({ belowCeiling: 21, normalised: { median: null, undefined: 21 } });
    expect(region(strict.scores.repeatMean, 'all voxels').r.median).toBeGreaterThan(0.7);
  });

  it('gives single trials and voxels intervals too, that hold their estimates', async () => {
    const ran = await score(await fitted(PROBLEM));
    const single = region(ran.scores.singleTrial, 'all voxels');
    expect(single.r.low).toBeLessThan(single.r.median);
    expect(single.r.high).toBeGreaterThan(single.r.median);
    csvRows(ran, 'voxels.csv').forEach((row, v) => {
      if (v === constantVoxel(PROBLEM)) expect([row['r_low'], row['trial_r_high'], row['noise_ceiling_test']]).toEqual(['NaN', 'NaN', 'NaN']);
      else for (const name of ['r', 'trial_r']) expect(Number(row[`${name}_low`]) < Number(row[name]) && Number(row[name]) < Number(row[`${name}_high`])).toBe(true);
    });
  });

  it('finds the ceiling again from the repeats of the test images alone, and tells regions from chance, in a family of three', async () => {
    const ran = await score(await fitted(PROBLEM));
    const rows = csvRows(ran, 'rois.csv').filter((row) => row['measurement'] === 'repeat-mean');
    for (const row of rows) {
      expect(Math.abs(Number(row['median_noise_ceiling_test']) - 0.75)).toBeLessThan(0.08);
      expect(row['p']).toBe('0.01');
      expect(row['p_family']).toBe(row['region'] === 'all voxels' ? 'NaN' : '0.01');
    }
  });

  it('draws the same resamples for two readouts of the same images, so that their replicates are a paired comparison', async () => {
    const inputs = await fitted(PROBLEM);
    const other = await fitted({ ...PROBLEM, seed: 'other brain' });
    const [one, two] = [await score(inputs), await score(other)];
    const index = (ran: Ran): { resampling: string; replicateScores: string[]; repeatMean: RegionJson[] } => ran.output.json('scores.json');
    expect(index(two).resampling).toBe(index(one).resampling);
    expect(index(await score(inputs, { ...QUICK, bootstrap: 100 })).resampling).not.toBe(index(one).resampling);
    const replicates = readNpy(one.output.path('region_replicates.npy'));
    expect(replicates.shape).toEqual([200, 4, 5]);
    expect(index(one).replicateScores).toEqual(['r', 'r2', 'r2_over_nc', 'mean_r', 'pooled_r2_over_nc']);
    const left = Float64Array.from({ length: 200 }, (_, b) => (replicates.data as Float32Array)[(b * 4 + 1) * 5] as number);
    const { low, high } = region(one.scores.repeatMean, 'left').r;
    const found = percentileInterval(left, 0.95);
    expect(found[0]).toBeCloseTo(low, 5);
    expect(found[1]).toBeCloseTo(high, 5);
  });

  it('takes ncsnr from training images alone when told to', async () => {
    const ran = await score(await fitted(PROBLEM), { ...QUICK, ncsnr: 'training' });
    // 300 training images: NC = 0.75 within its sampling error of about 0.02
    expect(Math.abs(region(ran.scores.repeatMean, 'all voxels').ceiling - 0.75)).toBeLessThan(0.05);
    expect(region(ran.scores.repeatMean, 'all voxels').ceiling).not.toBe(0.75);
  });

  it('rejects no more voxels by Benjamini and Yekutieli than by Benjamini and Hochberg', async () => {
    const inputs = await fitted({ ...PROBLEM, ncsnr: 0.15, seed: 'weak' });
    const q = async (correction: string): Promise<number[]> => csvRows(await score(inputs, { ...QUICK, correction }), 'voxels.csv').map((row) => Number(row['q']));
    const [hochberg, yekutieli] = [await q('bh'), await q('by')];
    hochberg.forEach((value, v) => { if (!Number.isNaN(value)) expect(yekutieli[v]).toBeGreaterThanOrEqual(value); });
    expect(yekutieli.filter((value, v) => value > (hochberg[v] as number)).length).toBeGreaterThan(0);
  });

  it('leaves intervals and p values undefined when neither is asked for', async () => {
    const { scores } = await score(await fitted(PROBLEM), { bootstrap: 0, permutations: 0 });
    expect(region(scores.repeatMean, 'all voxels')).toMatchObject({ r: { low: null, high: null }, significant: null });
    expect(scores.chance).toEqual({ median: null, high: null });
    expect(scores).toMatchObject({ bootstrap: 0, resampling: null });
  });

  it('gives the same bytes twice', async () => {
    const inputs = await fitted(PROBLEM);
    const [one, two] = [await score(inputs), await score(inputs)];
    for (const { name } of one.output.files) expect(readFileSync(two.output.path(name)).equals(readFileSync(one.output.path(name))), name).toBe(true);
    expect(one.output.files.map((file) => file.name)).toEqual(['noise-ceiling.svg', 'prediction_images.npy', 'predictions.npy', 'region_replicates.npy', 'report.json', 'rois.csv', 'scores.json', 'scores.svg', 'voxels.csv']);
  });

  it('scores shuffled training responses at about 0, significantly below intact ones in a comparison', async () => {
    const problem: Problem = { ...PROBLEM, seed: 'shuffled' };
    const base = join(root, 'shuffled');
    writeProblem(base, problem);
    const means = readNpy(join(base, 'voxels', 'means.npy'));
    const data = means.data as Float32Array;
    const source = data.slice();
    new Random('order').permutation(300).forEach((from, to) => data.set(source.subarray(from * 21, from * 21 + 21), to * 21));
    writeNpy(join(base, 'voxels', 'means.npy'), means);
    const inputs = { features: join(base, 'features'), voxels: join(base, 'voxels'), stimuli: join(base, 'stimuli') };
    await runOn(ridge as unknown as StageDefinition, {}, inputs, join(base, 'readout'), service);
    const chance = await score({ ...inputs, readout: join(base, 'readout') });
    const { scores } = chance;
    // 120 images: a single r scatters by 0.09, and voxels that share 12 features do not average it out
    expect(Math.abs(region(scores.repeatMean, 'all voxels').r.median)).toBeLessThan(0.2);
    expect(Math.abs(region(scores.repeatMean, 'all voxels').normalised.median)).toBeLessThan(0.05);
    expect(region(scores.repeatMean, 'all voxels').determination).toBeLessThan(0.02);

    // A comparison reads both evaluations and finds the intact fit better on the very same images; the reverse does not hold.
    const intact = await score(await fitted(problem));
    const scored = [['intact', intact], ['shuffled', chance]] as const;
    const definition = { ...compare, run: (context: Parameters<typeof compare.run>[0]) => compare.run({ ...context, inputs: { scores: scored.map(([name, { output }]) => ({ labels: { name }, artifact: output })) } }) };
    const claims = [['intact', 'shuffled'], ['shuffled', 'intact']].map(([series, rival]) => ({ series, above: [rival], significant: true, regions: ['all voxels', 'left'] }));
    const compared = await runOn(definition as unknown as StageDefinition, { claims }, {}, join(root, 'compared'), service);
    const verdicts = compared.output.json<{ claims: { held: boolean; margin: number; differences: { difference: number; low: number; high: number; p: number }[] }[] }>('comparison.json').claims;
    expect(verdicts.map(({ held }) => held)).toEqual([true, true, false, false]);
    for (const { margin, differences: [found] } of verdicts.slice(0, 2)) {
      expect(found?.difference).toBe(margin);
      expect(found?.low).toBeGreaterThan(0.3);
      expect(found?.p).toBeCloseTo(2 / 201, 12);
    }
  });

  it('refuses a readout that was fitted on a test image, and inputs that do not belong to it', async () => {
    const inputs = await fitted(PROBLEM);
    const other = join(root, 'leaking');
    writeProblem(other, { ...PROBLEM, testImages: 150 });
    await expect(score({ ...inputs, stimuli: join(other, 'stimuli') })).rejects.toMatchObject({ code: 'E_LEAK', facts: { found: '30 of 150 test images among its training images' } });
    const fewer = join(root, 'fewer');
    writeProblem(fewer, { ...PROBLEM, voxels: 20 });
    await expect(score({ ...inputs, voxels: join(fewer, 'voxels') })).rejects.toMatchObject({ code: 'E_DATA', message: 'the readout was fitted on other voxels' });
    // same counts, names and places: only the published noise tells two subjects of a simulator apart
    const twin = join(root, 'twin');
    writeProblem(twin, PROBLEM);
    const published = readNpy(join(twin, 'voxels', 'ncsnr_published.npy'));
    (published.data as Float32Array)[0] = 0.123;
    writeNpy(join(twin, 'voxels', 'ncsnr_published.npy'), published);
    await expect(score({ ...inputs, voxels: join(twin, 'voxels') })).rejects.toMatchObject({ code: 'E_DATA', message: 'the readout was fitted on the voxels of another subject' });
    const index = join(other, 'features', 'features.json');
    writeFileSync(index, readFileSync(index, 'utf8').replace('"early"', '"first"'));
    await expect(score({ ...inputs, features: join(other, 'features') })).rejects.toMatchObject({ code: 'E_DATA', message: 'the features are not those that the readout was fitted on' });
    const trained = join(root, 'trained');
    writeProblem(trained, { ...PROBLEM, backbone: 'trained network' });
    await expect(score({ ...inputs, features: join(trained, 'features') })).rejects.toMatchObject({ code: 'E_DATA', message: 'the features are not those that the readout was fitted on' });
  });
});

describe('the parameters of an evaluation', () => {
  it('allow no resamples or enough of them to mean something, nothing between', () => {
    const valid = (name: 'bootstrap' | 'permutations', count: number): boolean => Value.Check(evaluate.params.properties[name], count);
    expect([0, 1, 99, 100, 10_000, 10_001].map((count) => valid('bootstrap', count))).toEqual([true, false, false, true, true, false]);
    expect([0, 1, 18, 19, 100_000, 100_001].map((count) => valid('permutations', count))).toEqual([true, false, false, true, true, false]);
    expect(valid('bootstrap', 100.5)).toBe(false);
  });
});

describe('the memory of an evaluation', () => {
  const sizes = { images: 515, voxels: 15_724, features: 4608, bootstrap: 10_000, regions: 60 };

  it('is bounded below by weights, responses and the replicates of one measurement, and grows with every size', () => {
    const least = 4 * (4608 * 15_724 + 3 * 515 * 15_724 + 10_000 * 15_724);
    expect(evaluationBytes(sizes)).toBeGreaterThan(least);
    expect(evaluationBytes(sizes)).toBeLessThan(3 * least);
    for (const name of ['images', 'voxels', 'features', 'bootstrap', 'regions'] as const) expect(evaluationBytes({ ...sizes, [name]: 2 * sizes[name] }), name).toBeGreaterThan(evaluationBytes(sizes));
  });

  it('is refused before the bootstrap when the machine has less, naming both in GB', () => {
    expect(() => requireEvaluationMemory(sizes, 1e12)).not.toThrow();
    expect(() => requireEvaluationMemory(sizes, 1e9)).toThrow(expect.objectContaining({
      code: 'E_ENVIRONMENT', message: 'the evaluation does not fit into the memory of this machine',
      facts: { expected: 'at most 1.00 GB', found: `about ${(evaluationBytes(sizes) / 1e9).toPrecision(3)} GB for 515 test images, 15724 voxels, 4608 features and 10000 bootstrap samples` },
    }));
  });
});

describe('parts of an evaluation', () => {
  it('draw all regions while they fit into one figure, and the unions of their sets when there are more than 20', () => {
    const rois = (count: number): Roi[] => Array.from({ length: count }, (_, i) => ({ set: `set${i % 3}`, label: i < 3 ? null : i, name: `area ${i}`, voxels: [i] }));
    expect(roisDrawn(rois(20))).toHaveLength(20);
    expect(roisDrawn(rois(21)).map((roi) => roi.name)).toEqual(['area 0', 'area 1', 'area 2']);
  });

  it('take the median of a region over its defined voxels only', () => {
    const f = (...values: number[]): Float64Array => Float64Array.from(values);
    const scores = { r: f(0.1, 0.5, NaN, 0.9), r2: f(0.01, 0.25, NaN, 0.81), ceiling: f(0.5, 0.5, 0.5, 0.01), normalised: f(0.02, 0.5, NaN, NaN), determination: f(0, 0, 0, 0), baseline: f(0, 0, 0, 0), rows: 5 };
    const found = scoreRegion({ name: 'x', voxels: [0, 1, 2, 3] }, scores, 0.05, undefined, f());
    expect([found.r.median, found.r.undefined, found.normalised.median, found.normalised.undefined, found.belowCeiling]).toEqual([0.5, 1, 0.26, 2, 1]);
    expect(found.meanR.value).toBeCloseTo(0.5, 15);
    // a voxel with a low ceiling counts here, one without a defined r does not
    expect(found.pooled.value).toBeCloseTo(((0.1 + 0.5 + 0.9) / (2 * Math.sqrt(0.5) + Math.sqrt(0.01))) ** 2, 12);
  });
});
