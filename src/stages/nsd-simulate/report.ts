/** What a reader sees of the simulated subject: its stimuli by category, and whether its noise is what was planted. */
import { resizeAntialiased } from '../../math/resample.js';
import { contactSheet } from '../images/contact-sheet.js';
import { planesToPixels } from '../images/pixels.js';
import { CATEGORIES } from '../simulate/drawing/stimulus.js';
import { ALL_AREAS } from '../simulate/voxels.js';
import type { ReportBlock } from '../../core/report-block.js';
import type { LabelledStimulus } from '../simulate/tree/annotations.js';
import type { PlantedVoxel } from '../simulate/voxels.js';

export const SHEET = 'stimuli.png';
const SHEET_COLUMNS = 8;
const SHEET_PIXELS = 128;

export async function stimulusSheet(labels: readonly LabelledStimulus[], size: number, read: (nsdId: number) => Uint8Array): Promise<Uint8Array> {
  const items = CATEGORIES.flatMap((name, category) => labels.filter((label) => label.category === category).slice(0, SHEET_COLUMNS).map(({ nsdId }) => {
    const planes = resizeAntialiased({ layout: 'pixels', data: read(nsdId), channels: 3, height: size, width: size }, SHEET_PIXELS, SHEET_PIXELS);
    return { pixels: planesToPixels(planes, SHEET_PIXELS, SHEET_PIXELS), caption: `${name} ${nsdId}` };
  }));
  return contactSheet(items, SHEET_PIXELS, SHEET_COLUMNS);
}

export interface SimulationSummary {
  readonly voxels: readonly PlantedVoxel[];
  readonly labels: readonly LabelledStimulus[];
  /** recomputed from the betas, per planted voxel */
  readonly ncsnr: Float32Array;
  readonly sessions: number;
  readonly trials: number;
  readonly noise: boolean;
}

export function simulationReport(summary: SimulationSummary): readonly ReportBlock[] {
  const { voxels, labels, ncsnr } = summary;
  const round = (value: number): number | null => (Number.isFinite(value) ? Math.round(value * 1000) / 1000 : null);
  return [
    { kind: 'text', text: 'These data are simulated: pictures drawn by a program, and a brain that is known. They are not restricted and may be shared.' },
    { kind: 'metrics', title: 'Simulated subject', values: { images: labels.length, sessions: summary.sessions, trials: summary.trials, 'planted voxels': voxels.length } },
    { kind: 'metrics', title: 'Images a category', values: Object.fromEntries(CATEGORIES.map((name, category) => [name, labels.filter((label) => label.category === category).length])) },
    {
      kind: 'table',
      title: summary.noise ? 'Noise: median ncsnr, planted and recomputed from the betas' : 'Planted voxels (written without noise)',
      columns: ['area', 'voxels', 'planted', 'recomputed'],
      rows: ALL_AREAS.map((area) => {
        const members = voxels.flatMap((voxel, v) => (voxel.area === area ? [v] : []));
        return [area, members.length, round(median(members.map((v) => (voxels[v] as PlantedVoxel).ncsnr))), round(median(members.map((v) => ncsnr[v] as number)))];
      }),
    },
    { kind: 'images', title: 'Stimuli', items: [{ file: SHEET, caption: 'a few of each category, with their nsdIds' }] },
  ];
}

function median(values: number[]): number {
  const sorted = values.sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
