/** The comparison of many scores: what is mixed and what must not be, and claims that are held against the curves. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { digestOf } from '../../../src/core/digest.js';
import { PipelineError } from '../../../src/core/errors.js';
import { tensor } from '../../../src/core/tensor.js';
import type { LabelledArtifact, Labels, StageDefinition } from '../../../src/engine/stage.js';
import { writeNpy } from '../../../src/formats/npy.js';
import type { RegionEntry, ScoresFile, SummaryEntry } from '../../../src/stages/artifacts/scores.js';
import { checkClaims } from '../../../src/stages/compare-scores/claims.js';
import type { Curve, Member } from '../../../src/stages/compare-scores/curves.js';
import definition from '../../../src/stages/compare-scores/stage.js';
import { readerOf } from '../readout-ridge/encoding-rig.js';
import { runStage } from '../simulate/run-stage.js';

const root = mkdtempSync(join(tmpdir(), 'compare-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const summary = (median: number | null): SummaryEntry => ({ median, low: median === null ? null : median - 0.1, high: median === null ? null : median + 0.1, undefined: 0 });
const region = (name: string, value: number | null, ceiling: number): RegionEntry => ({
  name, voxels: 5, r: summary(value === null ? null : Math.sqrt(value * ceiling)), r2: summary(value === null ? null : value * ceiling), normalised: summary(value),
  meanR: { value, low: null, high: null }, pooled: { value, low: null, high: null }, belowCeiling: 0, aboveOne: 0,
  ceiling, ceilingQuartiles: [ceiling - 0.1, ceiling + 0.1], determination: null, baseline: null, significant: null,
});
let made = 0;
interface Facts extends Partial<ScoresFile> {
  /** bootstrap replicates of r²/NC of every region, and the draw they are of */
  readonly draws?: readonly number[];
}
/** @param values r²/NC of "all voxels", "floc-faces" and "floc-faces/FFA-1" */
function scores(labels: Labels, values: readonly (number | null)[], { draws, ...facts }: Facts = {}, ceiling = 0.64): LabelledArtifact {
  made += 1;
  const folder = join(root, `scores ${made}`);
  mkdirSync(folder);
  const file: ScoresFile = {
    images: 30, trials: 90, voxels: 5, trainingImages: 100, features: 12, ncsnr: 'published', minNoiseCeiling: 0.05, zscore: 'session', testImages: digestOf('images'), voxelIdentity: digestOf('voxels'),
    bootstrap: draws?.length ?? 0, interval: 0.95, resampling: draws === undefined ? null : digestOf('draw'), replicateScores: ['r', 'r2_over_nc'],
    repeatMean: ['all voxels', 'floc-faces', 'floc-faces/FFA-1'].map((name, i) => region(name, values[i] ?? null, ceiling)), singleTrial: [], ...facts,
  };
  writeFileSync(join(folder, 'scores.json'), JSON.stringify(file));
  // [replicate, region, score]: those of r are not those of r²/NC, and each region has its own
  if (draws !== undefined) writeNpy(join(folder, 'region_replicates.npy'), tensor('float32', [draws.length, 3, 2], Float32Array.from(draws.flatMap((value) => [0, 1, 2].flatMap((at) => [-9, value + 100 * at])))));
  return { labels, artifact: readerOf(folder) };
}

interface Written {
  readonly curves: readonly { region: string; series: string; points: readonly { x: number | null; median: number | null; low: number | null; high: number | null; ceiling: number | null; values: number[] }[] }[];
  readonly claims: readonly { claim: string; region: string; held: boolean; margin: number | null; failures: { x: number | null; why: string }[]; differences: { rival: string; x: number | null; over: unknown[]; difference: number; low: number; high: number; p: number }[] }[];
}

async function compare(given: readonly LabelledArtifact[], params: object): Promise<{ json: Written; read: (name: string) => string; metrics: Readonly<Record<string, number>> }> {
  made += 1;
  const withInputs = { ...definition, run: (context: Parameters<typeof definition.run>[0]) => definition.run({ ...context, inputs: { scores: given } }) } as unknown as StageDefinition;
  const run = await runStage(withInputs, params, join(root, `run ${made}`), join(root, 'memo'), {} as never);
  const read = (name: string): string => readFileSync(join(run.folder('comparison'), name), 'utf8');
  return { json: JSON.parse(read('comparison.json')) as Written, read, metrics: run.metrics };
}

const refusal = async (given: readonly LabelledArtifact[], params: object): Promise<string> => {
  const error: unknown = await compare(given, params).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(PipelineError);
  return (error as PipelineError).message;
};

const grid = (): LabelledArtifact[] => [4, 40].flatMap((sessions) => [1, 2, 3].flatMap((seed) => ['own', 'pixels'].map((name) =>
  scores({ name, seed, sessions }, [(name === 'own' ? 0.8 : 0.1) + sessions / 1000 + seed / 100, 0.5, 0.5]))));
const ROLES = { x: 'sessions', series: 'name', over: ['seed'] };

describe('compare.scores', () => {
  it('takes median and range over the labels that are summarised, at each x and for each series', async () => {
    const { json } = await compare(grid(), { ...ROLES, regions: ['all voxels'] });
    expect(json.curves.map(({ region: name, series }) => [name, series])).toEqual([['all voxels', 'own'], ['all voxels', 'pixels']]);
    const points = json.curves[0]?.points ?? [];
    expect(points.map(({ x }) => x)).toEqual([4, 40]);
    expect([points[1]?.median, points[1]?.low, points[1]?.high]).toEqual([0.86, 0.85, 0.87].map((value) => expect.closeTo(value, 12) as number));
    expect(points[0]?.values).toHaveLength(3);
  });

  it('shows the wholes of the scores when no region is named, and the bootstrap interval where nothing is summarised', async () => {
    const { json, read } = await compare([scores({ name: 'a' }, [0.5, 0.6, 0.7]), scores({ name: 'b' }, [0.4, null, 0.7])], {});
    expect(json.curves.map((curve) => curve.region)).toEqual(['all voxels', 'all voxels', 'floc-faces', 'floc-faces']);
    expect(json.curves[0]?.points[0]).toMatchObject({ x: null, median: 0.5, low: 0.4, high: 0.6, ceiling: 1 });
    expect(json.curves[3]?.points[0]).toMatchObject({ median: null, low: null, high: null });
    expect(read('all-voxels.svg')).toContain('bootstrap interval over images');
  });

  it('draws the noise ceiling in the units of the metric', async () => {
    const ceiling = async (metric: string): Promise<number | null | undefined> => (await compare([scores({ name: 'a', n: 1 }, [0.5]), scores({ name: 'a', n: 2 }, [0.5])], { x: 'n', metric, regions: ['all voxels'] })).json.curves[0]?.points[0]?.ceiling;
    expect([await ceiling('r2_over_nc'), await ceiling('r2'), await ceiling('r')]).toEqual([1, 0.64, 0.8]);
  });

  it('writes one row a score and region, with n, p and the quartiles of the ceiling', async () => {
    const { read } = await compare(grid(), { ...ROLES, regions: ['all voxels', 'floc-faces'] });
    const [header, first, ...rest] = read('cells.csv').trim().split('\n');
    expect(header).toBe('name,seed,sessions,region,voxels,training_images,features,test_images,median_r,r_low,r_high,median_r2,r2_low,r2_high,median_r2_over_nc,r2_over_nc_low,r2_over_nc_high,below_ceiling,noise_ceiling_q1,noise_ceiling_median,noise_ceiling_q3');
    expect(first?.split(',').slice(0, 8)).toEqual(['own', '1', '4', 'all voxels', '5', '100', '12', '30']);
    expect(rest).toHaveLength(23);
    const tables = (JSON.parse(read('report.json')) as { title?: string; rows?: unknown[][] }[]).filter((block) => block.rows !== undefined);
    expect(tables.find((table) => table.title === 'What stands behind each point')?.rows).toEqual([['own', 4, 3, '100', '12', '30'], ['pixels', 4, 3, '100', '12', '30'], ['own', 40, 3, '100', '12', '30'], ['pixels', 40, 3, '100', '12', '30']]);
    expect(tables.find((table) => table.title?.startsWith('Noise ceilings'))?.rows).toEqual([['all voxels', 5, 0.54, 0.64, 0.74], ['floc-faces', 5, 0.54, 0.64, 0.74]]);
  });

  it('has no median where one of the scores is not defined', async () => {
    const { json } = await compare([1, 2, 3].map((seed) => scores({ name: 'a', seed }, [seed === 1 ? 0.9 : null])), { over: ['seed'], regions: ['all voxels'], metric: 'r2' });
    expect(json.curves[0]?.points[0]).toMatchObject({ median: null, low: null, high: null, values: [expect.closeTo(0.9 * 0.64, 12), null, null] });
  });

  it('refuses to mix scores that differ in a label without a role, and labels that are not there', async () => {
    expect(await refusal(grid(), { x: 'sessions', series: 'name' })).toBe('the scores differ in the label "seed", which has no role');
    expect(await refusal(grid(), { ...ROLES, x: 'subject' })).toBe('not all scores have the label "subject"');
    expect(await refusal(grid(), { ...ROLES, over: ['seed', 'sessions'] })).toBe('the label "sessions" has two roles');
    expect(await refusal([scores({}, [0.5]), scores({}, [0.6])], {})).toBe('two of the scores are both without labels');
    expect(await refusal(grid(), { ...ROLES, x: 'name', series: 'sessions' })).toBe('the label "name" of the scores "name own, seed 1, sessions 4" is no number');
    expect(await refusal(grid(), { ...ROLES, regions: ['V1'] })).toBe('the scores "name own, seed 1, sessions 4" have no region "V1"');
    expect(await refusal(grid(), { ...ROLES, measurement: 'single-trial', regions: ['all voxels'] })).toContain('have no region "all voxels"');
  });

  it('reports each claim for each region, held or not, with its margin', async () => {
    const claims = [{ series: 'own', above: ['pixels'] }, { series: 'own', rises: true, regions: ['all voxels'] }];
    const { json, metrics, read } = await compare(grid(), { ...ROLES, regions: ['all voxels', 'floc-faces'], claims });
    expect(json.claims.map(({ claim, region: where, held }) => [claim, where, held])).toEqual([['own above pixels', 'all voxels', true], ['own above pixels', 'floc-faces', false], ['own rises', 'all voxels', true]]);
    expect(json.claims[0]?.margin).toBeCloseTo(0.7, 9);
    expect(json.claims[1]?.failures).toEqual([{ x: 4, why: 'smaller' }, { x: 40, why: 'smaller' }]);
    expect(json.claims[0]?.differences).toEqual([]);
    expect(metrics['claims_held']).toBeCloseTo(2 / 3, 9);
    expect(read('report.json')).toContain('own above pixels');
  });
});

describe('scores that are compared', () => {
  const pair = (facts: Facts): LabelledArtifact[] => [scores({ name: 'a' }, [0.5]), scores({ name: 'b' }, [0.4], facts)];

  it('are refused when they are not of the same images and voxels with the same noise ceiling, each with the way out', async () => {
    const cases: readonly (readonly [string, Facts, string])[] = [
      ['ncsnr', { ncsnr: 'recomputed' }, 'source of ncsnr'], ['min_noise_ceiling', { minNoiseCeiling: 0.1 }, 'least noise ceiling'], ['zscore', { zscore: 'none' }, 'z-scoring'],
      ['test_images', { testImages: digestOf('other images') }, 'test images'], ['voxels', { voxelIdentity: digestOf('other subject') }, 'voxels'],
    ];
    for (const [fact, facts, name] of cases) {
      await expect(compare(pair(facts), { regions: ['all voxels'] })).rejects.toMatchObject({ code: 'E_DATA', message: `the scores "name a" and "name b" differ in their ${name}`, hint: expect.stringContaining(`name ${fact} in may_differ`) as string });
      expect((await compare(pair(facts), { regions: ['all voxels'], may_differ: [fact] })).json.curves).toHaveLength(2);
    }
  });

  it('may be of other images and voxels at another point, but not with another noise ceiling', async () => {
    const subjects = (facts: Facts): LabelledArtifact[] => ['a', 'b'].flatMap((name) => [scores({ name, subject: 1 }, [0.5]), scores({ name, subject: 2 }, [0.4], facts)]);
    const params = { over: ['subject'], regions: ['all voxels'] };
    expect((await compare(subjects({ testImages: digestOf('2'), voxelIdentity: digestOf('2') }), params)).json.curves[0]?.points[0]?.median).toBeCloseTo(0.45, 12);
    expect(await refusal(subjects({ ncsnr: 'training' }), params)).toBe('the scores "name a, subject 1" and "name a, subject 2" differ in their source of ncsnr');
  });
});

describe('the differences behind a claim', () => {
  // Of a − b in replicates: 0.000, 0.001 … 0.099 and, for the other seed, from −0.003 on.
  const rising = (from: number): number[] => Array.from({ length: 100 }, (_, k) => 1 + from + k / 1000);
  const given = (facts: Facts = {}): LabelledArtifact[] => [1, 2].flatMap((seed) => [
    scores({ name: 'a', seed }, [0.6, 0.5], { draws: rising(seed === 1 ? 0.001 : -0.003) }), scores({ name: 'b', seed }, [0.5, 0.4], { draws: rising(0).map(() => 1), ...facts }),
  ]);
  const claim = { series: 'a', above: ['b'] };

  it('are paired bootstraps of every score, with the interval at the level of the evaluation and a two-sided p', async () => {
    const { json, read } = await compare(given(), { over: ['seed'], regions: ['floc-faces'], claims: [claim] });
    const [verdict] = json.claims;
    expect(verdict?.held).toBe(true);
    expect(verdict?.differences.map(({ rival, x, over }) => [rival, x, over])).toEqual([['b', null, [1]], ['b', null, [2]]]);
    const [one, two] = verdict?.differences ?? [];
    // quantiles of an even grid of 100: 99·0.025 and 99·0.975 steps of 0.001 (float32 replicates around 101)
    for (const [found, first] of [[one, 0.001], [two, -0.003]] as const) {
      expect(found?.difference).toBeCloseTo(0.1, 12);
      expect(found?.low).toBeCloseTo(first + 0.002475, 4);
      expect(found?.high).toBeCloseTo(first + 0.096525, 4);
    }
    // no replicate at or below 0, and three below with one at it
    expect(one?.p).toBeCloseTo(2 / 101, 12);
    expect(two?.p).toBeCloseTo((2 * 5) / 101, 12);
    const row = (JSON.parse(read('report.json')) as { title?: string; rows: unknown[][] }[]).find(({ title }) => title === 'Claims')?.rows[0];
    expect(row?.[6]).toBe('1 of 2');
    expect(row?.[8]).toBeCloseTo(10 / 101, 4);
  });

  it('must all be significant where the claim says so', async () => {
    const verdict = async (scored: readonly LabelledArtifact[]): Promise<unknown> => {
      const { json } = await compare(scored, { over: ['seed'], regions: ['floc-faces'], claims: [{ ...claim, significant: true }] });
      return [json.claims[0]?.claim, json.claims[0]?.held, json.claims[0]?.failures];
    };
    expect(await verdict(given())).toEqual(['a significantly above b', false, [{ x: null, why: 'not significant' }]]);
    expect(await verdict(given().filter(({ labels }) => labels['seed'] === 1))).toEqual(['a significantly above b', true, []]);
  });

  it('are not made up from other draws or none: no interval is shown, and a claim of significance is refused', async () => {
    for (const facts of [{ resampling: digestOf('another draw') }, { bootstrap: 0, resampling: null }]) {
      const { json } = await compare(given(facts), { over: ['seed'], regions: ['all voxels'], claims: [claim] });
      expect([json.claims[0]?.held, json.claims[0]?.differences]).toEqual([true, []]);
      expect(await refusal(given(facts), { over: ['seed'], regions: ['all voxels'], claims: [{ ...claim, significant: true }] })).toBe('"a" and "b" in "all voxels" cannot be compared image by image');
    }
  });

  it('refuse a table of replicates that is not the announced one', async () => {
    expect(await refusal([scores({ name: 'a' }, [0.5], { draws: rising(0), replicateScores: ['r2_over_nc'] })], { regions: ['all voxels'] })).toBe('"region_replicates.npy" is not the table that "scores.json" announces');
  });
});

describe('checkClaims', () => {
  const curve = (series: string, values: Readonly<Record<number, number | readonly number[]>>): Curve => ({
    region: 'V1', series,
    points: Object.entries(values).map(([x, given]) => {
      const members = [given].flat().map((value, seed): Member => ({ over: `[${seed}]`, value, drawn: undefined }));
      return { x: Number(x), value: members[0]?.value ?? NaN, low: NaN, high: NaN, ceiling: 1, members };
    }),
  });
  const curves = [curve('a', [0.5, 0.7, 0.69]), curve('b', [0.625, 0.7, 0.5]), curve('c', [NaN, 0.1, 0.1]), curve('flat', [0.5, 0.5]), curve('short', { 1: 0.9 }), curve('two seeds', [[0.9, 0.8], [0.9, 0.8], [0.9, 0.8]])];
  const held = (claim: Parameters<typeof checkClaims>[0][number]): unknown[] => checkClaims([claim], curves, ['V1']).flatMap((verdict) => [verdict.held, verdict.failures.map(({ x, why }) => [x, why])]);

  it('takes equal for not above, and for within', () => {
    expect(held({ series: 'a', above: ['b'] })).toEqual([false, [[0, 'smaller'], [1, 'smaller']]]);
    expect(held({ series: 'a', within: 0.125, of: 'b' })).toEqual([true, []]);
    expect(held({ series: 'a', within: 0.0625, of: 'b' })).toEqual([false, [[0, 'smaller']]]);
  });

  it('does not take an undefined value for a success', () => {
    expect(held({ series: 'a', above: ['c'] })).toEqual([false, [[0, 'undefined']]]);
    expect(checkClaims([{ series: 'a', above: ['c'] }], curves, ['V1'])[0]?.margin).toBeNaN();
  });

  it('sees a curve that falls somewhere, and one that never moves', () => {
    expect(held({ series: 'a', rises: true })).toEqual([false, [[2, 'smaller']]]);
    expect(held({ series: 'flat', rises: true })).toEqual([false, [[1, 'smaller']]]);
    expect(held({ series: 'short', rises: true })).toEqual([false, []]);
  });

  it('counts an x where only one of the series has a score as a failure, whichever it is', () => {
    expect(held({ series: 'short', above: ['a'] })).toEqual([false, [[0, 'no score'], [2, 'no score']]]);
    expect(held({ series: 'b', within: 1, of: 'short' })).toEqual([false, [[0, 'no score'], [2, 'no score']]]);
  });

  it('does not compare medians over other sets of seeds', () => {
    expect(held({ series: 'two seeds', above: ['a'] })).toEqual([false, [0, 1, 2].map((x) => [x, 'other scores behind it'])]);
    expect(checkClaims([{ series: 's', rises: true }], [curve('s', [[0.1, 0.1], [0.2, 0.2, 0.2]])], ['V1'])[0]?.failures).toEqual([{ x: 1, why: 'other scores behind it' }]);
  });

  it('refuses claims about what is not compared', () => {
    expect(() => held({ series: 'd', rises: true })).toThrow('a claim is about "d" in "V1", which is not compared');
    expect(() => held({ series: 'a', rises: true, regions: ['V2'] })).toThrow('a claim is about "a" in "V2", which is not compared');
  });
});
