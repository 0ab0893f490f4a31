/** `compare.scores`: many scores side by side, along the axes of a study: sessions, subjects, backbones, seeds. It computes no score of its own. */
import { Type } from '@sinclair/typebox';
import { PipelineError } from '../../core/errors.js';
import type { JsonObject, JsonValue } from '../../core/json.js';
import { writeCsv } from '../../formats/csv.js';
import { finiteOrNull } from '../../math/statistics.js';
import type { SummaryEntry } from '../artifacts/scores.js';
import { choice, defineStage } from '../define.js';
import { FACTS } from './alike.js';
import { MEASUREMENTS, METRICS, readCells, type Cell } from './cells.js';
import { Claims, checkClaims } from './claims.js';
import { curvesOf } from './curves.js';
import { comparisonReport, figureOf, labelNames, regionFigure, type Comparison } from './report.js';

export default defineStage({
  type: 'compare.scores',
  version: 1,
  summary: 'Puts the scores of many evaluations side by side: a figure and a table per region, and claims that are checked.',
  description: [
    'Each score comes with labels: the coordinates of its `matrix:` and, where the input is a map, the `name` of its entry. `x` is the label along the axis (numbers; without it bars are drawn), `series` tells curves apart, and over the labels in `over` (seeds, subjects) the median is taken and the range shown. Scores that differ in a label without a role are refused. So are scores at one point (equal x and summarised labels) of other test images or other voxels, and scores whose noise ceiling, least noise ceiling or z-scoring is another one anywhere (E_DATA), unless `may_differ` names it.',
    'The value of a score in a region is its median over voxels: Pearson’s r, signed r², or r²/NC. A point with a score that is not defined is not defined. Where nothing is summarised, the band is the bootstrap interval over images of the evaluation. The noise ceiling is drawn with it: 1 for r²/NC, the median NC of the voxels for r², its root for r.',
    '`claims` state beforehand what the comparison should show: `{series: a, above: [b, c]}`, `{series: a, within: 0.02, of: b}` (at most that much below b) or `{series: a, rises: true}` (from each x to the next), each with `regions` if it is not about all. Each is checked on the medians at every x that any of its series has and in every region, and the report says whether it held, where it failed and by what margin. `above` and `rises` are strict. A series without a score at an x, a value that is not defined, or medians over other seeds (or whatever `over` names) count as failures. A claim that fails fails no stage.',
    'How sure is an `above`? Where two evaluations drew the same resamples of the same test images (equal `resampling`: equal images, parameters and seed), the difference of their replicates is a paired bootstrap: per x, summarised labels and rival the verdict has the difference d of the medians over voxels, its percentile interval at the level of the evaluations and p = 2·(1 + min(#{d* ≤ 0}, #{d* ≥ 0}))/(1 + replicates) (Efron & Tibshirani 1993, chapters 13 and 15). With `significant: true` the claim holds only if the lower end is above 0 for every one of them; scores that are not paired are then refused (E_DATA). As all of them must pass, no correction for their number is needed, and the largest p is one for the claim. Images are resampled, voxels, training images and subjects are not: it says that these readouts differ on other images, not that other subjects would.',
    'Files: cells.csv (one row a score and region: labels, n, p, test images, r, r², r²/NC with intervals, quartiles of NC), comparison.json (curves and verdicts), one figure a region.',
  ].join('\n\n'),
  params: Type.Object(
    {
      x: Type.String({ default: '', description: 'label along the x axis; empty: bars' }),
      series: Type.String({ minLength: 1, default: 'name', description: 'label that tells curves or bars apart' }),
      over: Type.Array(Type.String({ minLength: 1 }), { uniqueItems: true, default: [], description: 'labels over which median and range are taken' }),
      regions: Type.Array(Type.String({ minLength: 1 }), { uniqueItems: true, default: [], description: 'regions compared, e.g. floc-faces or floc-faces/FFA-1; none: all voxels and the unions of the sets' }),
      metric: choice(METRICS, { default: 'r2_over_nc', description: 'what is compared: Pearson’s r, signed r², or signed r² over the noise ceiling' }),
      measurement: choice(MEASUREMENTS, { default: 'repeat-mean', description: 'scores against means over repeats, or against single trials' }),
      log_x: Type.Boolean({ default: false, description: 'logarithmic x axis' }),
      may_differ: Type.Array(choice(FACTS, { description: 'a fact about scores' }), { uniqueItems: true, default: [], description: 'in what scores that are compared may differ (otherwise refused): source of ncsnr, least noise ceiling and z-scoring anywhere; test images and voxels within one point' }),
      claims: Claims,
    },
    { additionalProperties: false },
  ),
  inputs: { scores: { type: 'Scores', description: 'the scores to compare', many: true } },
  outputs: { comparison: { type: 'Comparison', description: 'cells.csv, comparison.json and figures', publish: ['cells.csv', 'comparison.json', '*.svg'] } },
  needs: [],
  random: false,
  runs: 'worker',
  resources: { cpus: 1, memoryMb: 300 },
  async run({ params, inputs, outputs, metric, warn }) {
    const roles = { x: params.x, series: params.series, over: params.over };
    const { cells, regions } = readCells(inputs.scores, roles, { regions: params.regions, metric: params.metric, measurement: params.measurement, mayDiffer: params.may_differ });
    const curves = curvesOf(cells, regions, roles, params.metric);
    const verdicts = checkClaims(params.claims, curves, regions);
    const comparison: Comparison = { metric: params.metric, roles, logX: params.log_x, regions, cells, curves, verdicts };
    refuseSameNames(regions);
    const writer = outputs.comparison;
    for (const region of regions) writer.write(figureOf(region), regionFigure(comparison, region));
    writeCells(writer.path('cells.csv'), cells);
    writer.json('comparison.json', {
      metric: params.metric, measurement: params.measurement, x: params.x, series: params.series, over: params.over,
      curves: curves.map(({ region, series, points }): JsonObject => ({
        region, series,
        points: points.map((point) => ({ x: finiteOrNull(point.x), median: finiteOrNull(point.value), low: finiteOrNull(point.low), high: finiteOrNull(point.high), ceiling: finiteOrNull(point.ceiling), values: point.members.map(({ value }) => finiteOrNull(value)) })),
      })),
      claims: verdicts.map(({ claim, region, held, checked, failures, margin, differences }): JsonObject => ({
        claim, region, held, checked, failures: failures.map(({ x, why }) => ({ x: finiteOrNull(x), why })), margin: finiteOrNull(margin),
        differences: differences.map(({ rival, x, over, difference, low, high, p }) => ({ rival, x: finiteOrNull(x), over: JSON.parse(over) as JsonValue, difference: finiteOrNull(difference), low: finiteOrNull(low), high: finiteOrNull(high), p: finiteOrNull(p) })),
      })),
    });
    writer.json('report.json', comparisonReport(comparison));
    metric('scores', inputs.scores.length);
    if (verdicts.length > 0) metric('claims_held', verdicts.filter((verdict) => verdict.held).length / verdicts.length);
    for (const verdict of verdicts) if (!verdict.held) warn(`claim not held in ${verdict.region}: ${verdict.claim}`);
  },
});

/** Two regions whose figures would overwrite each other. */
function refuseSameNames(regions: readonly string[]): void {
  const names = regions.map(figureOf);
  const clash = names.findIndex((name, i) => names.indexOf(name) !== i);
  if (clash < 0) return;
  throw new PipelineError('E_OUT_OF_RANGE', `the regions compared would share the figure "${names[clash] ?? ''}"`, { facts: { expected: 'names that differ in letters or digits', found: regions.join(', ') }, hint: 'Compare them in two stages.' });
}

function writeCells(path: string, cells: readonly Cell[]): void {
  const names = labelNames(cells);
  const interval = (name: string): string[] => [`median_${name}`, `${name}_low`, `${name}_high`];
  const columns = [...names, 'region', 'voxels', 'training_images', 'features', 'test_images', ...interval('r'), ...interval('r2'), ...interval('r2_over_nc'), 'below_ceiling', 'noise_ceiling_q1', 'noise_ceiling_median', 'noise_ceiling_q3'];
  const values = (summary: SummaryEntry): number[] => [summary.median ?? NaN, summary.low ?? NaN, summary.high ?? NaN];
  writeCsv(path, columns, cells.map(({ labels, region, file }) => [
    ...names.map((name) => labels[name] ?? ''), region.name, region.voxels, file.trainingImages, file.features, file.images,
    ...values(region.r), ...values(region.r2), ...values(region.normalised), region.belowCeiling, region.ceilingQuartiles[0] ?? NaN, region.ceiling ?? NaN, region.ceilingQuartiles[1] ?? NaN,
  ]));
}
