/** `truth.ncsnr`: does the noise that the loader finds in the betas agree with the noise that was planted? A check on simulated data. */
import { Type } from '@sinclair/typebox';
import { PipelineError } from '../../core/errors.js';
import { writeCsv } from '../../formats/csv.js';
import { noiseCeiling } from '../../math/statistics-reliability.js';
import { median, quantile } from '../../math/statistics.js';
import { scatter } from '../../report/figures/index.js';
import { positionsOf } from '../artifacts/features.js';
import { readVoxels } from '../artifacts/voxels.js';
import { defineStage } from '../define.js';
import { plantedVoxels } from '../simulate/planted.js';
import { readTruth } from '../simulate/truth.js';
import { ALL_AREAS } from '../simulate/voxels.js';
import { NcsnrSimulator, agreement, nominalError } from './simulate-estimate.js';

const FIGURE = 'ncsnr.svg';
const DIGITS = 4;
const round = (value: number): number | null => (Number.isFinite(value) ? Number(value.toPrecision(DIGITS)) : null);
const REPEATS = 3;

export default defineStage({
  type: 'truth.ncsnr',
  version: 1,
  summary: 'Compares the ncsnr recomputed from simulated betas with the planted one, against its sampling error.',
  description: [
    'nsd.voxels recomputes every voxel’s ncsnr from the betas, as NSD defines it. On simulated data it is known: q = sd of the signal / sd of the noise. The estimate has a sampling error, about (1 + q²)/(2q√N) for N images with three trials, and a small bias, because betas are z-scored within sessions whose signals vary by chance. Both are found by repeating the experiment `replicates` times: the same noiseless signals in the same order, fresh noise, and the estimate from its definition.',
    'd = (recomputed − mean of the repetitions)/(their sd · √(1 + 1/R)) follows Student’s t with R − 1 degrees of freedom if the loader is right. The stage reports mean and sd of d over voxels and says whether both lie within three standard errors of what t predicts. It fails nothing.',
    'Files: ncsnr.csv (voxel, area, planted, recomputed, published, expected, error), ncsnr.json, ncsnr.svg.',
  ].join('\n\n'),
  params: Type.Object({ replicates: Type.Integer({ minimum: 6, maximum: 10_000, default: 20, description: 'simulated experiments a voxel (R)' }) }, { additionalProperties: false }),
  inputs: {
    truth: { type: 'BrainTruth', description: 'planted noise and noiseless signals' },
    voxels: { type: 'Voxels', description: 'trials and recomputed ncsnr of the same subject, z-scored by session' },
  },
  outputs: { check: { type: 'TruthCheck', description: 'table, verdict and figure', publish: ['ncsnr.json', 'ncsnr.csv', FIGURE] } },
  needs: [],
  random: true,
  runs: 'worker',
  resources: { cpus: 1, memoryMb: 800 },
  async run({ params, inputs, outputs, random, progress, signal, metric, warn }) {
    const truth = readTruth(inputs.truth);
    const voxels = readVoxels(inputs.voxels);
    if (!truth.index.noise || voxels.zscore !== 'session') {
      throw new PipelineError('E_DATA', 'these voxels have no ncsnr to compare', {
        facts: { expected: 'betas with noise, z-scored over all trials of a session', found: truth.index.noise ? `zscore ${voxels.zscore}` : 'betas without noise' }, hint: 'Set zscore: session in nsd.voxels, and noise: true in nsd.simulate.',
      });
    }
    const planted = plantedVoxels(truth, voxels);
    const simulator = new NcsnrSimulator({ rows: positionsOf(truth.nsdIds, voxels.trials.nsdIds, 'true responses'), sessions: voxels.trials.session });
    if (simulator.images < 2) {
      throw new PipelineError('E_DATA', 'too few images have three trials', { facts: { expected: 'at least 2', found: simulator.images }, hint: 'Load more sessions.' });
    }
    const all = truth.signals();
    const width = truth.index.voxels.length;
    const { replicates } = params;
    const rows: { area: string; planted: number; recomputed: number; published: number; expected: number; error: number }[] = [];
    for (let v = 0; v < voxels.voxelCount; v += 1) {
      if (v % 10 === 0) {
        progress(v, voxels.voxelCount, 'voxels');
        await new Promise((resolve) => setImmediate(resolve));
        signal.throwIfAborted();
      }
      const voxel = planted.voxels[v] as (typeof planted.voxels)[number];
      const responses = Float32Array.from(truth.nsdIds, (_, i) => all[i * width + (planted.numbers[v] as number)] as number);
      const stream = random.fork(`voxel ${v}`);
      const draws = Float64Array.from({ length: replicates }, () => simulator.estimate(responses, voxel.ncsnr, stream));
      const expected = draws.reduce((a, b) => a + b, 0) / replicates;
      const error = Math.sqrt(draws.reduce((sum, draw) => sum + (draw - expected) ** 2, 0) / (replicates - 1));
      rows.push({ area: voxel.area, planted: voxel.ncsnr, recomputed: voxels.ncsnr[v] as number, published: voxels.ncsnrPublished[v] as number, expected, error });
    }
    const verdict = agreement(Float64Array.from(rows, (row) => (row.recomputed - row.expected) / (row.error * Math.sqrt(1 + 1 / replicates))), replicates);
    const mean = (of: (row: (typeof rows)[number]) => number): number => rows.reduce((sum, row) => sum + of(row), 0) / rows.length;
    const difference = mean((row) => row.recomputed - row.planted);
    const spread = Math.sqrt(mean((row) => (row.recomputed - row.planted - difference) ** 2));
    const expectedSpread = Math.sqrt(mean((row) => row.error ** 2));
    const facts = {
      voxels: rows.length, trials: voxels.trialCount, 'images with three trials': simulator.images, 'mean difference (recomputed − planted)': round(difference), 'expected mean difference': round(mean((row) => row.expected - row.planted)),
      'sd of the difference': round(spread), 'sampling error (root mean square over voxels)': round(expectedSpread), 'sampling error by (1 + q²)/(2q√N)': round(Math.sqrt(mean((row) => nominalError(row.planted, simulator.images) ** 2))),
      'mean of d': round(verdict.mean), 'its limit': round(verdict.meanLimit), 'sd of d': round(verdict.sd), 'its limits': `${verdict.sdLow.toFixed(3)} … ${verdict.sdHigh.toFixed(3)}`, 'agrees within sampling error': verdict.agrees ? 'yes' : 'no',
    };
    const writer = outputs.check;
    writer.json('ncsnr.json', facts);
    writeCsv(writer.path('ncsnr.csv'), ['voxel', 'area', 'planted', 'recomputed', 'published', 'expected', 'error'], rows.map((row, v) => [v, row.area, ...[row.planted, row.recomputed, row.published, row.expected, row.error].map((value) => Number(value.toPrecision(7)))]));
    writer.write(FIGURE, scatter({
      title: 'Noise: planted and recomputed from the betas', xLabel: 'planted ncsnr', yLabel: 'recomputed ncsnr', unity: true,
      series: ALL_AREAS.map((area) => ({ label: area, x: rows.filter((row) => row.area === area).map((row) => row.planted), y: rows.filter((row) => row.area === area).map((row) => row.recomputed) })),
    }));
    const quartiles = (values: readonly number[]): (number | null)[] => [quantile(values, 1 / 4), median(values), quantile(values, 3 / 4)].map(round);
    writer.json('report.json', [
      { kind: 'metrics', title: 'ncsnr recomputed from the betas against the planted one', values: facts },
      { kind: 'figure', title: 'Planted and recomputed ncsnr', file: FIGURE, caption: 'Each point is a voxel.' },
      {
        kind: 'table', title: `Planted noise ceiling of means over ${REPEATS} repeats (r² units)`, columns: ['area', 'voxels', 'lower quartile', 'median', 'upper quartile'],
        rows: ALL_AREAS.map((area) => {
          const members = rows.filter((row) => row.area === area);
          return [area, members.length, ...quartiles([...noiseCeiling(members.map((row) => row.planted), [REPEATS])])];
        }),
      },
    ]);
    metric('ncsnr_agrees', verdict.agrees ? 1 : 0);
    if (!verdict.agrees) warn(`the recomputed ncsnr differs from the planted one by more than its sampling error: mean of d ${verdict.mean.toFixed(2)}, sd ${verdict.sd.toFixed(2)}`);
  },
});
