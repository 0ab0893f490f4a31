/**
 * `nsd.voxels`: single-trial responses of the chosen regions, z-scored, with their means over repeats. Two sessions are in memory at a time; the
 * rest goes through files, so that any number of sessions fits.
 */
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { PipelineError } from '../../core/errors.js';
import type { ReportBlock } from '../../core/report-block.js';
import { tensor } from '../../core/tensor.js';
import { readNifti } from '../../formats/nifti.js';
import { NpyFile, NpyWriter, writeNpy } from '../../formats/npy.js';
import { finiteOrNull, median } from '../../math/statistics.js';
import { imagesOf, readStimuli } from '../artifacts/stimuli.js';
import { VOXEL_FILES, type Roi, type VoxelsFile } from '../artifacts/voxels.js';
import { choice, defineStage } from '../define.js';
import { readExperimentDesign } from '../nsd/experiment.js';
import { betasFile, EXPERIMENT_DESIGN, ncsnrVolume, SELECTION, type NsdSelection } from '../nsd/layout.js';
import { averageRepeats } from './repeats.js';
import { readRegions } from './regions.js';
import { extractTrials } from './trials.js';
import { ZSCORE_MODES } from './zscore.js';

/** rows copied at once when columns are dropped: bounds memory */
const ROWS_AT_ONCE = 512;

export default defineStage({
  type: 'nsd.voxels',
  version: 1,
  summary: 'Extracts z-scored responses of regions of interest, trial by trial and averaged over repeats.',
  description: [
    'Betas (int16, percent signal change × 300) are read at the voxels of the chosen regions and z-scored per voxel within each session: over all its trials (`session`, the field’s habit; label-free), over its training trials only (`session-train-only`), or not at all. Voxels without variance in some session are excluded and counted.',
    'ncsnr is recomputed as NSD defines it: σ²_noise = mean over images with exactly three trials of their unbiased variance, ncsnr = √max(0, 1 − σ²_noise)/σ_noise on z-scored betas. The published volume, where there is one, is kept beside it.',
    'Without z-scoring ncsnr is undefined (NaN).',
      'Means are over whatever repeats the loaded sessions hold; their number is stored per image.',
  ].join('\n\n'),
  params: Type.Object(
    {
      roi_sets: Type.Array(Type.String({ minLength: 1 }), {
        default: ['floc-faces', 'floc-bodies', 'floc-places', 'floc-words', 'prf-visualrois'],
        minItems: 1,
        uniqueItems: true,
        description: 'region sets whose labelled voxels are analysed; nsd.source must list them too',
      }),
      zscore: choice(ZSCORE_MODES, { default: 'session', description: 'which trials of a session define its mean and standard deviation' }),
    },
    { additionalProperties: false },
  ),
  inputs: {
    nsd: { type: 'Nsd', description: 'the data set' },
    stimuli: { type: 'Stimuli', description: 'the split; needed for session-train-only', optional: true },
  },
  outputs: { voxels: { type: 'Voxels', description: 'trials, means, ncsnr and regions' } },
  needs: [],
  random: false,
  runs: 'worker',
  resources: { cpus: 2, memoryMb: 2000 },
  async run(context) {
    const { params, inputs, outputs, signal } = context;
    const nsd = inputs.nsd;
    const selection = nsd.json<NsdSelection>(SELECTION);
    const { subject, space, betas } = selection;
    const missing = params.roi_sets.filter((set) => !selection.roiSets.includes(set));
    if (missing.length > 0) {
      throw new PipelineError('E_DATA', `region set "${missing.join('", "')}" was not taken from the data set`, {
        facts: { expected: selection.roiSets.join(', '), found: missing.join(', ') },
        hint: 'Add the set to roi_sets of the nsd.source stage.',
      });
    }
    const regions = readRegions(nsd, subject, space, params.roi_sets);
    const design = readExperimentDesign(nsd.path(EXPERIMENT_DESIGN));
    const perSession = design.trialsPerSession;
    const trialImages = design.trialImages(subject, selection.sessions * perSession);
    const heldOut = testImages(inputs.stimuli, params.zscore);

    const width = regions.voxels.length;
    mkdirSync(context.checkpoint, { recursive: true });
    const scratch = join(context.checkpoint, 'trials.npy');
    const invalid = await extractTrials(scratch, {
      paths: Array.from({ length: selection.sessions }, (_, i) => nsd.path(betasFile(subject, space, betas, i + 1, selection.format))),
      format: selection.format,
      trialsPerSession: perSession,
      voxels: regions.voxels,
      grid: regions.grid,
      counts: params.zscore === 'none' ? undefined : (t) => !heldOut.has(trialImages[t] as number),
      cpus: context.resources.cpus,
      signal,
      progress: (done) => context.progress(done, selection.sessions, 'sessions'),
    });

    const kept = Int32Array.from(Array.from({ length: width }, (_, v) => v).filter((v) => invalid[v] === 0));
    if (kept.length === 0) throw new PipelineError('E_DATA', 'no voxel has variance in every session', { hint: 'Check the betas: a session may be empty.' });
    const trials = outputs.voxels.path(VOXEL_FILES.trials);
    if (kept.length === width) renameSync(scratch, trials);
    else keepColumns(scratch, trials, width, kept);
    if (kept.length < width) context.warn(`${width - kept.length} of ${width} voxels have no variance in some session: excluded`);

    const means = averageRepeats(trials, trialImages, kept.length, outputs.voxels.path(VOXEL_FILES.means), signal);
    const grid = regions.grid;
    const positions = Int32Array.from(kept, (v) => regions.voxels[v] as number);
    const rois = renumber(regions.rois, kept);
    const ints = (name: string, shape: readonly number[], data: Int32Array): void => writeNpy(outputs.voxels.path(name), tensor('int32', shape, data));
    const floats = (name: string, data: Float32Array): void => writeNpy(outputs.voxels.path(name), tensor('float32', [data.length], data));
    ints(VOXEL_FILES.trialImages, [trialImages.length], trialImages);
    ints(VOXEL_FILES.trialSessions, [trialImages.length], trialImages.map((_, t) => Math.floor(t / perSession)));
    ints(VOXEL_FILES.meanImages, [means.nsdIds.length], means.nsdIds);
    ints(VOXEL_FILES.meanRepeats, [means.repeats.length], means.repeats);
    const places = new Int32Array(kept.length * 3);
    positions.forEach((at, v) => places.set([at % grid[0], Math.floor(at / grid[0]) % grid[1], Math.floor(at / (grid[0] * grid[1]))], v * 3));
    ints(VOXEL_FILES.position, [kept.length, 3], places);
    // The definition takes the total variance as 1, which holds for z-scored betas only.
    const ncsnr = params.zscore === 'none' ? means.ncsnr.map(() => NaN) : means.ncsnr;
    floats(VOXEL_FILES.ncsnr, ncsnr);
    const published = ncsnrVolume(subject, space, betas);
    floats(VOXEL_FILES.ncsnrPublished, nsd.has(published) ? volumeAt(nsd.path(published), grid, positions) : new Float32Array(kept.length).fill(NaN));
    const file: VoxelsFile = {
      subject, space, betas, zscore: params.zscore, grid, sessions: selection.sessions, voxelCount: kept.length, trialCount: trialImages.length,
      imageCount: means.nsdIds.length, excluded: width - kept.length, rois,
    };
    outputs.voxels.json(VOXEL_FILES.index, file);
    context.metric('voxels', kept.length);
    context.metric('trials', trialImages.length);
    outputs.voxels.json('report.json', report(file, ncsnr));
  },
});

/** In `session-train-only` mode the images whose trials must not define a session's mean and standard deviation; empty otherwise. */
function testImages(stimuli: Parameters<typeof readStimuli>[0] | undefined, mode: string): ReadonlySet<number> {
  if (mode !== 'session-train-only') return new Set();
  if (stimuli === undefined) {
    throw new PipelineError('E_MISSING_INPUT', 'z-scoring on training trials needs the split', { facts: { expected: 'input "stimuli"', found: 'not connected' }, hint: 'Connect the output of nsd.stimuli to the input "stimuli".' });
  }
  return new Set(imagesOf(readStimuli(stimuli), 'test'));
}

function keepColumns(from: string, to: string, width: number, kept: Int32Array): void {
  const file = new NpyFile(from);
  try {
    const rows = file.shape[0] as number;
    const writer = new NpyWriter(to, 'float32', [rows, kept.length]);
    for (let start = 0; start < rows; start += ROWS_AT_ONCE) {
      const count = Math.min(ROWS_AT_ONCE, rows - start);
      const block = file.rows(start, count).data as Float32Array;
      const out = new Float32Array(count * kept.length);
      for (let r = 0; r < count; r += 1) for (let k = 0; k < kept.length; k += 1) out[r * kept.length + k] = block[r * width + (kept[k] as number)] as number;
      writer.append(out);
    }
    writer.close();
  } finally {
    file.close();
  }
}

function renumber(rois: readonly Roi[], kept: Int32Array): Roi[] {
  const at = new Map<number, number>();
  kept.forEach((voxel, k) => at.set(voxel, k));
  return rois.map((roi) => ({ ...roi, voxels: roi.voxels.flatMap((voxel) => at.get(voxel) ?? []) }));
}

function volumeAt(path: string, grid: readonly [number, number, number], positions: Int32Array): Float32Array {
  const image = readNifti(path);
  if (image.shape.slice(0, 3).join() !== grid.join()) {
    throw new PipelineError('E_FORMAT', `the volume "${path}" is on another grid`, { facts: { expected: grid.join(' × '), found: image.shape.join(' × ') }, hint: 'Take volumes of the same subject and space.' });
  }
  const data = image.data.data as ArrayLike<number>;
  return Float32Array.from(positions, (position) => data[position] as number);
}

function report(file: VoxelsFile, ncsnr: Float32Array): ReportBlock[] {
  return [
    { kind: 'metrics', title: `Subject ${file.subject}, ${file.betas}`, values: { sessions: file.sessions, trials: file.trialCount, images: file.imageCount, voxels: file.voxelCount, 'excluded voxels': file.excluded, 'z-scoring': file.zscore } },
    {
      kind: 'table', title: 'Regions', columns: ['set', 'label', 'voxels', 'median ncsnr'],
      rows: file.rois.filter((roi) => roi.voxels.length > 0).map((roi) => [roi.set, roi.label === null ? 'all' : roi.name, roi.voxels.length, finiteOrNull(median(roi.voxels.map((v) => ncsnr[v] as number)))]),
    },
  ];
}
