/** What a reader wants to see of dreams: the pictures, what the model says of them, and how the ascent went. */
import type { ReportBlock } from '../../core/report-block.js';
import { lineChart } from '../../report/figures/index.js';
import type { DreamEntry, DreamTarget } from '../artifacts/dreams.js';
import { objectiveText } from '../response/objective.js';

export const CURVES_FIGURE = 'curves.svg';

/** Mean over a target's dreams at every step, with a band from the lowest to the highest of them. */
export function curvesFigure(targets: readonly DreamTarget[], entries: readonly DreamEntry[]): string {
  return lineChart({
    title: 'Response during the ascent',
    xLabel: 'step',
    yLabel: 'predicted response of a view (z units)',
    series: targets.map(({ name }) => {
      const curves = entries.filter((entry) => entry.target === name).map(({ curve }) => curve);
      const steps = Array.from({ length: curves[0]?.length ?? 0 }, (_, step) => curves.map((curve) => curve[step] as number));
      return {
        label: name,
        x: steps.map((_, step) => step + 1),
        y: steps.map((values) => values.reduce((sum, x) => sum + x, 0) / values.length),
        low: steps.map((values) => Math.min(...values)),
        high: steps.map((values) => Math.max(...values)),
      };
    }),
  });
}

export function dreamReport(targets: readonly DreamTarget[], entries: readonly DreamEntry[]): readonly ReportBlock[] {
  const objectives = new Map(targets.map((target) => [target.name, objectiveText(target)]));
  return [
    {
      kind: 'images',
      title: 'Dreams',
      items: entries.map((entry) => ({
        file: entry.file,
        caption: `${entry.target} (${objectives.get(entry.target) ?? ''}): predicted ${entry.response.toFixed(2)} z, percentile ${entry.percentile.toFixed(1)} of the natural images`,
      })),
    },
    {
      kind: 'table',
      title: 'Predicted response (z units of the voxels)',
      columns: ['dream', 'objective', 'response', 'percentile', 'largest natural', 'mean natural'],
      rows: entries.map((entry) => [entry.file, objectives.get(entry.target) ?? '', entry.response, entry.percentile, entry.naturalMax, entry.naturalMean]),
    },
    { kind: 'figure', title: 'Ascent', file: CURVES_FIGURE, caption: 'What the ascent saw at every step: the mean over the dreams of a target, with a band from the lowest to the highest.' },
  ];
}
