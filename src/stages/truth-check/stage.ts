/**
 * `truth.check`: holds dreams and attributions against the brain that is known. On real data there is no such brain and the stage is skipped. Nothing
 * upstream ever sees what is computed here.
 */
import { Type } from '@sinclair/typebox';
import { PipelineError } from '../../core/errors.js';
import type { ReportBlock } from '../../core/report-block.js';
import { decodeImage } from '../../formats/image.js';
import { readNpy } from '../../formats/npy.js';
import { finiteOrNull, median } from '../../math/statistics.js';
import { ATTRIBUTION_MAPS, readAttributions } from '../artifacts/attributions.js';
import { readDreams } from '../artifacts/dreams.js';
import { readVoxels, type Voxels } from '../artifacts/voxels.js';
import { defineStage } from '../define.js';
import { findRoi } from '../response/functional.js';
import { readTruth, trueResponses, type Truth } from '../simulate/truth.js';
import { checkDreams, type DreamCheck } from './dream-check.js';
import { boxMask, shareInside } from './localisation.js';

/** what a stranger would call a hit: the box labels of each area. Early voxels answer to contours anywhere. */
const LABELS_OF_AREA: Readonly<Record<string, readonly string[]>> = { face: ['face'], body: ['body'], place: ['house', 'scene'], word: ['word'], early: [] };

export default defineStage({
  type: 'truth.check',
  version: 1,
  summary: 'Compares dreams and attributions with the simulated subject’s true brain.',
  description: [
    'Dreams: each finished picture (8-bit) is shown to the true brain at the size of the stimuli. The true response of a region is the mean over its voxels of the noiseless signal, z units over all stimuli shown. A target passes when the mean over its dreams lies above the 99th percentile of the true responses to all stimuli and above the responses of the other targets’ regions; a region that holds this one, or lies within it, is not compared with.',
    'Attributions: the share of the positive part of a map (sum over colours, smoothed) that lies inside the boxes of what the area responds to; chance is the share of the image that the boxes cover. An image whose map has no positive part has no share. Reported over all images with a box, and over those whose boxes cover less than `largest_box`.',
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
    let dreamed: readonly DreamCheck[] | null = null;
    if (inputs.dreams !== undefined) {
      const reader = inputs.dreams;
      const file = readDreams(reader);
      const pictures = await Promise.all(file.entries.map(async (entry) => {
        const picture = await decodeImage(reader.path(entry.file));
        return { rgb: picture.data, height: picture.height, width: picture.width };
      }));
      const responses = await trueResponses(services.tensor, truth, pictures);
      const regions = file.targets.map((target) => ({ ...target, members: membersOf(truth, voxels, target.roi) }));
      dreamed = checkDreams(regions, file.entries, responses, truth.signals(), truth.index.voxels.length);
      for (const check of dreamed) if (check.response !== null) context.metric(`true_response.${check.target}`, check.response);
      context.metric('targets_passed', dreamed.filter((check) => check.passed).length);
      blocks.push(
        {
          kind: 'table', title: 'What the true brain answers to the dreams (z units over all stimuli)',
          columns: ['target', 'mean response', 'percentile', '99th percentile of stimuli', 'largest of stimuli', 'largest of the regions', 'passed'],
          rows: dreamed.map((check) => [check.target, check.response, check.percentile, check.natural99, check.naturalMax, check.largest === null ? 'no rival' : check.largest ? 'yes' : 'no', check.passed ? 'yes' : 'no']),
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
      const medianOf = (list: typeof images, of: (image: (typeof images)[number]) => number): number | null => finiteOrNull(median(list.map(of)));
      const small = images.filter((image) => image.covered < params.largest_box);
      localised = {
        roi: file.roi, area, images: images.map((image) => ({ ...image, share: finiteOrNull(image.share) })),
        withBox: images.length, withoutBox: file.entries.length - images.length, medianShare: medianOf(images, ({ share }) => share), medianChance: medianOf(images, ({ covered }) => covered),
        smallBoxes: small.length, medianShareSmall: medianOf(small, ({ share }) => share), medianChanceSmall: medianOf(small, ({ covered }) => covered),
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

interface LocalisationCheck {
  readonly roi: string;
  readonly area: string;
  readonly images: readonly { readonly nsdId: number; readonly covered: number; readonly share: number | null }[];
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
