/** The evaluation for a reader: headline figures, a table of regions, and two figures. */
import type { ReportBlock } from '../../core/report-block.js';
import { barChart, scatter } from '../../report/figures/index.js';
import type { Roi } from '../artifacts/voxels.js';
import type { Scores } from './score-voxels.js';
import type { RegionPair } from './tables.js';

export const REGION_FIGURE = 'scores.svg';
export const CEILING_FIGURE = 'noise-ceiling.svg';

/** more groups of bars than this cannot be told apart at the width of a page */
const MOST_GROUPS = 20;

/** All regions, or only the unions of the sets when all are too many for one figure. */
export function roisDrawn(rois: readonly Roi[]): readonly Roi[] {
  return rois.length <= MOST_GROUPS ? rois : rois.filter((roi) => roi.label === null);
}

export function regionFigure(regions: readonly RegionPair[], level: number): string {
  return barChart({
    title: 'Prediction of held-out images',
    description: `Median over the voxels of each region; whiskers are ${Math.round(level * 100)} % bootstrap intervals over images.`,
    yLabel: 'median over voxels',
    groups: regions.map(({ means }) => ({
      label: means.name,
      bars: [
        { label: 'r', value: means.r.median, low: means.r.low, high: means.r.high },
        { label: 'r²/NC', value: means.normalised.median, low: means.normalised.low, high: means.normalised.high },
      ],
    })),
    lines: [{ value: 1, label: 'noise ceiling' }],
  });
}

export function ceilingFigure(scores: Scores): string {
  return scatter({
    title: 'Explained variance and noise ceiling',
    xLabel: 'noise ceiling (r² units)',
    yLabel: 'signed r²',
    series: [{ label: 'voxels', x: scores.ceiling, y: scores.r2 }],
    unity: true,
  });
}

export interface Headline {
  /** n and p of the fit */
  readonly trainingImages: number;
  readonly features: number;
  readonly whole: RegionPair;
  readonly regions: readonly RegionPair[];
  /** regions without voxels, left out of `regions` */
  readonly emptyRegions: number;
  /** how many of `regions` the figure shows */
  readonly drawn: number;
  readonly images: number;
  readonly unseen: number;
  readonly trials: number;
  readonly threshold: number;
  readonly level: number;
  readonly replicates: number;
  /** median over voxels of r under shuffled images: its median and its 97.5th percentile over permutations; NaN without a permutation test */
  readonly chance: { readonly median: number; readonly high: number };
  /** how the responses were z-scored, and where ncsnr comes from: both decide what a noise ceiling means */
  readonly zscore: string;
  readonly ncsnr: string;
}

export function evaluationReport({ trainingImages, features, whole, regions, emptyRegions, drawn, images, unseen, trials, threshold, level, replicates, chance, zscore, ncsnr }: Headline): readonly ReportBlock[] {
  const { means, trials: single } = whole;
  const round = (value: number): number | null => (Number.isFinite(value) ? Number(value.toPrecision(4)) : null);
  const range = (low: number, high: number): string | null => (Number.isFinite(low) ? `${low.toFixed(3)} … ${high.toFixed(3)}` : null);
  return [
    {
      kind: 'metrics',
      title: 'Held-out prediction, all voxels',
      values: {
        'training images (n)': trainingImages, 'features (p)': features, 'test images': images, 'test images without a response': unseen, 'single trials': trials, voxels: means.voxels, 'regions without voxels': emptyRegions,
        'median r (repeat mean)': round(means.r.median), 'mean r (repeat mean)': round(means.meanR.value), 'median r² (repeat mean)': round(means.r2.median), 'median r²/NC (repeat mean)': round(means.normalised.median), '(Σr/Σ√NC)² (repeat mean)': round(means.pooled.value),
        'median r (single trial)': round(single.r.median), 'median r²/NC (single trial)': round(single.normalised.median),
        'voxels without a defined r': means.r.undefined, [`voxels with a noise ceiling below ${threshold}`]: means.belowCeiling, 'share of r²/NC above 1': round(means.aboveOne),
        'median NC': round(means.ceiling), 'median NC from test repeats alone': round(whole.testCeiling), 'z-scoring': zscore, 'ncsnr from': ncsnr === 'training' ? 'training images' : ncsnr === 'published' ? 'the data set' : 'all trials loaded',
        'median R² (repeat mean)': round(means.determination), 'median R² of the mean predictor': round(means.baseline),
        'share of voxels with q ≤ 0.05': round(means.significant), 'median r of shuffled images': round(chance.median), 'its 97.5th percentile': round(chance.high),
      },
    },
    { kind: 'figure', title: 'Regions', file: REGION_FIGURE, caption: `Medians over voxels with ${Math.round(level * 100)} % intervals from ${replicates} bootstrap samples of the ${images} test images.${drawn < regions.length ? ` Only the ${drawn} unions of sets are drawn, of ${regions.length} regions.` : ''}` },
    {
      kind: 'table',
      title: 'Regions (repeat mean; single trial beside)',
      columns: ['region', 'voxels', 'median r', 'interval', 'median r²', 'median r²/NC', 'interval', 'median NC', 'NC quartiles', 'below NC threshold', 'above 1', '(Σr/Σ√NC)²', 'interval', 'p', 'p in family', 'r single trial', 'interval', 'r²/NC single trial'],
      rows: regions.map(({ means: m, trials: t, p, familyP }) => [
        m.name, m.voxels, round(m.r.median), range(m.r.low, m.r.high), round(m.r2.median), round(m.normalised.median), range(m.normalised.low, m.normalised.high),
        round(m.ceiling), range(...m.ceilingQuartiles), m.belowCeiling, round(m.aboveOne), round(m.pooled.value), range(m.pooled.low, m.pooled.high), round(p), round(familyP), round(t.r.median), range(t.r.low, t.r.high), round(t.normalised.median),
      ]),
    },
    { kind: 'figure', title: 'Noise ceiling', file: CEILING_FIGURE, caption: 'Each point is a voxel: signed r² on repeat means against the largest r² that the repeats allow.' },
  ];
}

