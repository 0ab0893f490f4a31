/** What a reader wants to know of a fit: how well it cross-validated, which penalties were chosen, and what should make them suspicious. */
import type { ReportBlock } from '../../core/report-block.js';
import { finiteOrNull, median } from '../../math/statistics.js';
import { barChart } from '../../report/figures/index.js';
import type { RidgeChoice } from '../../solvers/index.js';

export const ALPHA_FIGURE = 'alphas.svg';

/** a bar a penalty: wide enough for its slanted label */
const PIXELS_A_PENALTY = 34;
const LEAST_WIDTH = 720;

/** share of voxels at an end of the grid above which the grid is called too narrow */
const EDGE_SHARE = 0.05;

/** Sentences about what should make a reader suspicious; empty when nothing should. */
export function fitWarnings(fit: RidgeChoice, voxelCount: number): readonly string[] {
  const warnings: string[] = [];
  const edge = (count: number, which: string, alpha: number | undefined): void => {
    if (count <= EDGE_SHARE * voxelCount) return;
    warnings.push(`${count} of ${voxelCount} voxels chose the ${which} alpha (${Number(alpha).toPrecision(3)}): the best one may lie outside the grid.`);
  };
  edge(fit.edgeCount.lowest, 'smallest', fit.alphas[0]);
  edge(fit.edgeCount.highest, 'largest', fit.alphas.at(-1));
  if (fit.constantTargets > 0) warnings.push(`${fit.constantTargets} voxels do not vary over the training rows: their weights are 0 and their scores NaN.`);
  if (fit.unscoredTargets > 0) warnings.push(`${fit.unscoredTargets} voxels vary and have no score in any fold: no penalty was chosen, their weights are 0 and alpha is NaN.`);
  return warnings;
}

export function alphaCounts(fit: RidgeChoice): readonly number[] {
  return Array.from(fit.alphas, (alpha) => fit.alpha.reduce((count, chosen) => count + (chosen === alpha ? 1 : 0), 0));
}

export function alphaFigure(fit: RidgeChoice): string {
  const counts = alphaCounts(fit);
  return barChart({
    title: 'Penalties chosen by cross-validation',
    yLabel: 'voxels',
    xLabel: 'alpha',
    width: Math.max(LEAST_WIDTH, PIXELS_A_PENALTY * fit.alphas.length),
    groups: Array.from(fit.alphas, (alpha, i) => ({ label: Number(alpha.toPrecision(2)).toString(), bars: [{ label: 'voxels', value: counts[i] as number }] })),
  });
}

export interface FitFacts {
  readonly rows: number;
  readonly images: number;
  readonly unseen: number;
  readonly features: number;
  readonly voxels: number;
}

export function fitReport(fit: RidgeChoice, facts: FitFacts, score: string, warnings: readonly string[]): readonly ReportBlock[] {
  return [
    ...warnings.map((text): ReportBlock => ({ kind: 'text', text })),
    {
      kind: 'metrics',
      title: 'Ridge readout',
      values: {
        'training images': facts.images,
        'training rows': facts.rows,
        'training images without a response': facts.unseen,
        features: facts.features,
        'constant features': fit.constantFeatures,
        voxels: facts.voxels,
        'constant voxels': fit.constantTargets,
        form: fit.form,
        [`median cross-validated ${score}`]: finiteOrNull(median(fit.cvScore)),
        'median alpha': finiteOrNull(median(fit.alpha)),
        'voxels at the smallest alpha': fit.edgeCount.lowest,
        'voxels at the largest alpha': fit.edgeCount.highest,
      },
    },
    { kind: 'figure', title: 'Penalties', file: ALPHA_FIGURE, caption: 'Number of voxels that chose each penalty.' },
  ];
}
