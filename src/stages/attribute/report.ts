/** What a reader sees of a set of maps. A control says so first: its maps look like results. */
import type { ReportBlock } from '../../core/report-block.js';
import type { AttributionsFile } from '../artifacts/attributions.js';
import { objectiveText } from '../response/objective.js';
import { INSIDE_BAR, summarizeCompleteness, summarizeCurves, summarizeInside } from './summary.js';

export const SHEET = 'contact.png';
/** images on the contact sheet, each beside its map: a sheet of all would be larger than anybody looks at */
export const SHEET_IMAGES = 24;
export const SHEET_COLUMNS = 6;

const TITLES: Readonly<Record<string, string>> = {
  'integrated-gradients': 'Integrated gradients', smoothgrad: 'SmoothGrad', gradient: 'Gradient', 'gradient-input': 'Gradient × input', occlusion: 'Occlusion',
};
const CONTROL_WARNING = 'CONTROL, not a result: the readout\'s weights were permuted over the features of each layer before these maps were made. Whatever structure they show comes from the picture, the backbone and the method, not from what was fitted (Adebayo et al. 2018).';

export function attributionReport(file: AttributionsFile, which: string): { readonly blocks: ReportBlock[]; readonly metrics: Readonly<Record<string, number>> } {
  const { entries } = file;
  const completeness = summarizeCompleteness(entries, file.tolerance);
  const inside = summarizeInside(entries);
  const curves = summarizeCurves(entries);
  const isControl = file.control !== 'none';
  const cut = entries.length > SHEET_IMAGES ? ` Shown are the first ${SHEET_IMAGES} of ${entries.length}.` : '';
  const gap = completeness.largest === null ? '' : ` Largest completeness gap ${(100 * completeness.largest).toFixed(2)} %.`;
  const missed = completeness.incomplete === 0 ? '' : ` NOT COMPLETE within ${100 * file.tolerance} %: ${completeness.incomplete} of ${entries.length}.`;
  const whose = file.of === 'true brain' ? ' of the true brain' : '';
  const blocks: ReportBlock[] = [
    ...(isControl ? [{ kind: 'text' as const, text: CONTROL_WARNING }] : []),
    {
      kind: 'figure',
      title: `${isControl ? 'CONTROL (shuffled readout): ' : ''}${TITLES[file.method] ?? file.method} of ${objectiveText(file)}${whose}`,
      file: SHEET,
      caption: `${which}, each beside its map (warm raises the response, cool lowers it).${cut} Baseline: ${file.baseline}.${gap}${missed}`,
    },
  ];
  if (inside.images > 0) {
    blocks.push({
      kind: 'metrics',
      title: `${isControl ? 'CONTROL: p' : 'P'}ositive attribution inside the boxes`,
      values: {
        'images with boxes': inside.images, [`median share, smoothed ${file.smoothing} px`]: inside.smoothed, 'median share, raw pixels': inside.raw, 'chance (median cover)': inside.chance,
        'median share of positive less negative (chance 0)': inside.contrast,
        'median share of |image − baseline| (no model)': inside.difference, [`images at or above ${INSIDE_BAR}, smoothed`]: inside.aboveBar, [`images at or above ${INSIDE_BAR}, raw`]: inside.rawAboveBar,
        'median share, half with the larger response': inside.strongerHalf, 'images without a positive part': inside.undefined,
      },
    });
  }
  blocks.push({
    kind: 'table',
    title: 'Image by image',
    columns: ['image', 'response', 'baseline', 'nodes', 'gap', 'inside', 'inside, raw', 'boxes cover', 'deletion', 'insertion'],
    rows: entries.map((entry) => [
      entry.nsdId, entry.response, entry.baselineResponse, entry.nodes, entry.completenessGap, entry.inside?.smoothed ?? null, entry.inside?.raw ?? null, entry.inside?.covered ?? null,
      entry.curves?.deletion ?? null, entry.curves?.insertion ?? null,
    ]),
  });
  const metrics: Record<string, number> = {};
  const note = (name: string, value: number | null): void => { if (value !== null) metrics[name] = value; };
  note('completeness_gap.max', completeness.largest);
  note('inside.median', inside.smoothed);
  note('deletion.median', curves.deletion);
  note('insertion.median', curves.insertion);
  return { blocks, metrics };
}
