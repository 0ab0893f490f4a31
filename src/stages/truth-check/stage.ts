/**
 * `truth.check`: holds dreams and attributions against the brain that is known. On real data there is no such brain and the stage is skipped. Nothing
 * upstream ever sees what is computed here.
 */
import { Type } from '@sinclair/typebox';
import { PipelineError } from '../../core/errors.js';
import type { ReportBlock } from '../../core/report-block.js';
import { decodeImage } from '../../formats/image.js';
import { readNpy } from '../../formats/npy.js';
import { median, percentileOfScore, quantileOfSorted } from '../../math/statistics.js';
import { ATTRIBUTION_MAPS, readAttributions } from '../artifacts/attributions.js';
import { readDreams } from '../artifacts/dreams.js';
import { readVoxels, type Voxels } from '../artifacts/voxels.js';
import { defineStage } from '../define.js';
import { findRoi } from '../response/functional.js';
import { readTruth, trueResponses, type Truth } from '../simulate/truth.js';
import { boxMask, shareInside } from './localisation.js';

/** what a stranger would call a hit: the box labels of each area. Early voxels answer to contours anywhere. */
const LABELS_OF_AREA: Readonly<Record<string, readonly string[]>> = { face: ['face'], body: ['body'], place: ['house', 'scene'], word: ['word'], early: [] };
const HIGH_QUANTILE = 0.99;

export default defineStage({
  type: 'truth.check',
  version: 1,
  summary: 'Compares dreams and attributions with the simulated subject’s true brain.',
  description: [
    'Dreams: each finished picture (8-bit) is shown to the true brain at the size of the stimuli. The true response of a region is the mean over its voxels of the noiseless signal, z units over all stimuli shown. A target passes when the mean over its dreams lies above the 99th percentile of the true responses to all stimuli and is the largest among the targets’ regions.',
    'Attributions: the share of the positive part of a map (sum over colours, smoothed) that lies inside the boxes of what the area responds to; chance is the share of the image that the boxes cover. Reported over all images with a box, and over those whose boxes cover less than `largest_box`.',
  ].join('\n\n'),
  params: Type.Object(
    {
      smoothing: Type.Number({ minimum: 0, default: 2, description: 'standard deviation of the smoothing of maps, pixels' }),
      largest_box: Type.Number({ exclusiveMinimum: 0, maximum: 1, default: 0.25, description: 'images whose boxes cover more are left out of the second figure' }),
    },
    { additionalProperties: false },
  ),
  inputs: {
    truth: { type: 'BrainTruth', description: 'the brain of the simulated subject' },
    voxels: { type: 'Voxels', description: 'regions and where their voxels lie' },
    dreams: { type: 'Dreams', description: 'pictures to show to it', optional: true },
    attributions: { type: 'Attributions', description: 'maps to compare with the boxes', optional: true },
  },
  outputs: { check: { type: 'TruthCheck', description: 'figures of both comparisons', publish: ['check.json'] } },
  needs: ['tensor'],
  random: false,
  runs: 'worker',
  resources: { cpus: 1, memoryMb: 1000 },
  async run(context) {
    const { params, inputs, outputs, services } = context;
    const truth = readTruth(inputs.truth);
    const voxels = readVoxels(inputs.voxels);
    const blocks: ReportBlock[] = [];
    let dreamed: DreamCheck[] | null = null;
    if (inputs.dreams !== undefined) {
      const reader = inputs.dreams;
      const file = readDreams(reader);
      const pictures = await Promise.all(file.entries.map(async (entry) => {
        const picture = await decodeImage(reader.path(entry.file));
        return { rgb: picture.data, height: picture.height, width: picture.width };
      }));
      const responses = await trueResponses(services.tensor, truth, pictures);
      const regions = file.targets.map((target) => ({ ...target, members: membersOf(truth, voxels, target.roi) }));
      const natural = regions.map((region) => regionMeans(truth.signals(), truth.index.voxels.length, region.members).sort());
      dreamed = regions.map((region, r) => {
        const rows = file.entries.flatMap((entry, i) => (entry.target === region.name ? [i] : []));
        const means = regions.map((other) => {
          const all = regionMeans(responses, truth.index.voxels.length, other.members);
          return rows.reduce((sum, i) => sum + (all[i] as number), 0) / rows.length;
        });
        const each = regionMeans(responses, truth.index.voxels.length, region.members);
        const sorted = natural[r] as Float64Array;
        const mean = means[r] as number;
        return {
          target: region.name, roi: region.roi, response: mean, percentile: percentileOfScore(sorted, mean),
          natural99: quantileOfSorted(sorted, HIGH_QUANTILE), naturalMax: sorted[sorted.length - 1] as number,
          largest: means.every((other, k) => k === r || other < mean),
          passed: mean > quantileOfSorted(sorted, HIGH_QUANTILE) && means.every((other, k) => k === r || other < mean),
          dreams: rows.map((i) => ({ file: file.entries[i]?.file ?? '', response: each[i] as number, percentile: percentileOfScore(sorted, each[i] as number) })),
          others: Object.fromEntries(regions.map((other, k) => [other.name, means[k] as number])),
        };
      });
      for (const check of dreamed) context.metric(`true_response.${check.target}`, check.response);
      context.metric('targets_passed', dreamed.filter((check) => check.passed).length);
      blocks.push(
        {
          kind: 'table', title: 'What the true brain answers to the dreams (z units over all stimuli)',
          columns: ['target', 'mean response', 'percentile', '99th percentile of stimuli', 'largest of stimuli', 'largest of the regions', 'passed'],
          rows: dreamed.map((check) => [check.target, check.response, check.percentile, check.natural99, check.naturalMax, check.largest ? 'yes' : 'no', check.passed ? 'yes' : 'no']),
        },
        { kind: 'table', title: 'Every dream', columns: ['dream', 'true response', 'percentile'], rows: dreamed.flatMap((check) => check.dreams.map((dream) => [dream.file, dream.response, dream.percentile])) },
      );
    }
    let localised: LocalisationCheck | null = null;
    if (inputs.attributions !== undefined) {
      const file = readAttributions(inputs.attributions);
      const maps = readNpy(inputs.attributions.path(ATTRIBUTION_MAPS)).data as Float32Array;
      const area = areaOf(truth, membersOf(truth, voxels, file.roi));
      const labels = LABELS_OF_AREA[area] ?? [];
      const pixels = 3 * file.size * file.size;
      const images = file.entries.flatMap((entry) => {
        const boxes = (truth.labels.get(entry.nsdId)?.boxes ?? []).filter((box) => labels.includes(box.label));
        if (boxes.length === 0) return [];
        const mask = boxMask(boxes, file.size);
        const covered = mask.reduce((sum, x) => sum + x, 0) / mask.length;
        return [{ nsdId: entry.nsdId, covered, share: shareInside(maps.subarray(entry.row * pixels, (entry.row + 1) * pixels), mask, file.size, params.smoothing) }];
      });
      const small = images.filter((image) => image.covered < params.largest_box);
      localised = {
        roi: file.roi, area, images,
        withBox: images.length, withoutBox: file.entries.length - images.length, medianShare: medianOrNull(images.map((image) => image.share)), medianChance: medianOrNull(images.map((image) => image.covered)),
        smallBoxes: small.length, medianShareSmall: medianOrNull(small.map((image) => image.share)), medianChanceSmall: medianOrNull(small.map((image) => image.covered)),
      };
      if (localised.medianShare !== null) context.metric('attribution_inside', localised.medianShare);
      blocks.push({
        kind: 'metrics', title: `Where the attribution of ${file.roi} lies`,
        values: {
          'images with a box': localised.withBox, 'images without': localised.withoutBox, 'median share inside': localised.medianShare, 'chance (median cover)': localised.medianChance,
          [`images with boxes under ${params.largest_box}`]: localised.smallBoxes, 'median share inside, small boxes': localised.medianShareSmall, 'chance, small boxes': localised.medianChanceSmall,
        },
      });
    }
    outputs.check.json('check.json', { dreams: dreamed, attributions: localised });
    outputs.check.json('report.json', blocks);
  },
});

interface DreamCheck {
  readonly target: string;
  readonly roi: string;
  readonly response: number;
  readonly percentile: number;
  readonly natural99: number;
  readonly naturalMax: number;
  readonly largest: boolean;
  readonly passed: boolean;
  readonly dreams: readonly { readonly file: string; readonly response: number; readonly percentile: number }[];
  readonly others: Readonly<Record<string, number>>;
}

interface LocalisationCheck {
  readonly roi: string;
  readonly area: string;
  readonly images: readonly { readonly nsdId: number; readonly covered: number; readonly share: number }[];
  readonly withBox: number;
  readonly withoutBox: number;
  readonly medianShare: number | null;
  readonly medianChance: number | null;
  readonly smallBoxes: number;
  readonly medianShareSmall: number | null;
  readonly medianChanceSmall: number | null;
}

/** True voxels of a region, matched by their place in the volume: the loader has its own numbering. */
function membersOf(truth: Truth, voxels: Voxels, name: string): number[] {
  const at = new Map(truth.index.voxels.map((voxel, v) => [voxel.position.join(), v]));
  const members = findRoi(voxels.rois, name).voxels.flatMap((voxel) => at.get(Array.from(voxels.position.subarray(voxel * 3, voxel * 3 + 3)).join()) ?? []);
  if (members.length === 0) {
    throw new PipelineError('E_DATA', `region "${name}" holds no planted voxel`, { hint: 'Choose a region of the simulated subject: floc-faces, floc-bodies, floc-places, floc-words or prf-visualrois.' });
  }
  return members;
}

/** The area that most of the voxels belong to. */
function areaOf(truth: Truth, members: readonly number[]): string {
  const counts = new Map<string, number>();
  for (const v of members) {
    const area = truth.index.voxels[v]?.area ?? '';
    counts.set(area, (counts.get(area) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? '';
}

/** @shape signals: float32 [row, voxel]; result: float64 [row] */
function regionMeans(signals: Float32Array, voxelCount: number, members: readonly number[]): Float64Array {
  return Float64Array.from({ length: signals.length / voxelCount }, (_, i) => members.reduce((sum, v) => sum + (signals[i * voxelCount + v] as number), 0) / members.length);
}

/** JSON knows no NaN: nothing to take the median of is null. */
function medianOrNull(values: readonly number[]): number | null {
  const middle = median(values);
  return Number.isNaN(middle) ? null : middle;
}
