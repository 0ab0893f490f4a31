/**
 * `nsd.simulate`: a subject whose brain is known, written as NSD stands on disk. The tree holds what an experiment would have measured; the truth
 * is a second output, outside the tree. Expensive parts are remembered by what determines them, so that other noise redraws no picture.
 */
import { Type } from '@sinclair/typebox';
import { readFileSync } from 'node:fs';
import { PipelineError } from '../../core/errors.js';
import { readNpy, writeNpy } from '../../formats/npy.js';
import { EXPERIMENT_DESIGN, STIMULUS_BRICK, STIMULUS_TABLE, betasFile, betasFolder, subjectName } from '../nsd/layout.js';
import { choice, defineStage } from '../define.js';
import { BANK_SIZE } from '../simulate/brain/brain-graph.js';
import { buildBrain, runBrain } from '../simulate/brain/build-brain.js';
import { openBrick, writeBrick } from '../simulate/stimulus-brick.js';
import { asBrainInput, standardize, writeTruth } from '../simulate/truth.js';
import { cocoAnnotations } from '../simulate/tree/annotations.js';
import { placeVoxels } from '../simulate/tree/anatomy.js';
import { brainPositions, sessionBetas, sessionGains, subjectSeed, writeBetasHdf5, writeBetasNifti } from '../simulate/tree/betas.js';
import { makeDesign, shownImages, trialImages } from '../simulate/tree/design.js';
import { behaviour, cocoEntries, writeExperimentDesign, writeStimulusTable } from '../simulate/tree/experiment-files.js';
import { ncsnrOf, writeNcsnr } from '../simulate/tree/noise-ceiling.js';
import { SPACE, writeVolumes } from '../simulate/tree/volumes.js';
import { plantVoxels, signalMoments, voxelSignals } from '../simulate/voxels.js';
import { SHEET, simulationReport, stimulusSheet } from './report.js';
import type { MemoEntry } from '../../engine/stage.js';
import type { LabelledStimulus } from '../simulate/tree/annotations.js';
import type { BetaModel } from '../simulate/tree/betas.js';

const BETAS = 'betas_fithrf_GLMdenoise_RR';
const BRICK_FILE = 'nsd_stimuli.hdf5';

export default defineStage({
  type: 'nsd.simulate',
  version: 1,
  summary: 'Generates a subject in the layout of the Natural Scenes Dataset whose brain is known.',
  description: [
    'The output `nsd` is NSD on disk: design, stimulus table, stimuli, masks, regions with colour tables, behaviour, single-trial betas and ncsnr, with the names, formats, axis orders and index bases of the published data set. The output `truth` holds what an experiment never sees: the brain as an ONNX model, each voxel\'s weights, receptive field and planted ncsnr, noiseless signals, and what each stimulus shows where.',
    'The brain reads pixels. Category areas are energies of templates over normalised Gabor and colour maps at four scales, with a threshold, competition between categories and compressive summation, on an 8 × 8 grid; early areas are Gabor amplitudes. A voxel is a linear mixture of one area\'s templates (or of the Gabors) inside a Gaussian receptive field. It shares no weights and no code with any backbone.',
    'beta = offset(voxel, session) + amplitude(voxel) · gain(session) · (z + noise/ncsnr), percent signal change; z is the noiseless signal standardised over the stimuli shown, noise is standard normal. z-scoring within sessions recovers the planted ncsnr.',
    'Every image is shown three times within the simulated sessions. Stimuli depend on `seed` and the image\'s number only: all subjects share them, and another noise level redraws nothing.',
  ].join('\n\n'),
  params: Type.Object(
    {
      subject: Type.Integer({ minimum: 1, maximum: 8, default: 1, description: 'which of the eight subjects of the design' }),
      seed: Type.Integer({ minimum: 0, default: 0, description: 'another seed gives another experiment: images, order, voxels, noise' }),
      sessions: Type.Integer({ minimum: 1, maximum: 40, default: 8, description: 'simulated sessions' }),
      trials_per_session: Type.Integer({ minimum: 12, maximum: 750, default: 750, description: 'stimulus trials a session; 750 in NSD, fewer only for quick tests; sessions × trials must divide by 3' }),
      shared_images: Type.Integer({ minimum: 1, maximum: 1000, default: 500, description: 'how many of the images are among the thousand that every subject saw (the test set)' }),
      voxels_per_area: Type.Integer({ minimum: 3, maximum: 2000, default: 60, description: 'planted voxels in each of the face, body, place and word areas' }),
      early_voxels: Type.Integer({ minimum: 4, maximum: 5000, default: 100, description: 'planted voxels in early visual areas' }),
      ncsnr_low: Type.Number({ exclusiveMinimum: 0, maximum: 100, default: 0.3, description: 'planted ncsnr is uniform from here …' }),
      ncsnr_high: Type.Number({ exclusiveMinimum: 0, maximum: 100, default: 1, description: '… to here; NSD\'s better voxels have 0.3 to 1' }),
      noise: Type.Boolean({ default: true, description: 'false: planted voxels respond without noise' }),
      beta_files: Type.Array(choice(['hdf5', 'nii.gz'], { description: 'format of a session\'s betas' }), { minItems: 1, uniqueItems: true, default: ['hdf5', 'nii.gz'], description: 'formats in which each session\'s betas are written; NSD has both' }),
      grid: Type.Array(Type.Integer({ minimum: 8, maximum: 200 }), { minItems: 3, maxItems: 3, default: [20, 24, 18], description: 'extents x, y, z of the volume; about 81, 104, 83 in NSD' }),
      image_size: Type.Integer({ minimum: 64, maximum: 1024, default: 425, description: 'pixels a side of the stimuli; 425 in NSD' }),
      exemplars: Type.Integer({ minimum: 8, maximum: 1000, default: 96, description: 'canonical pictures a kind that the brain\'s templates are made from' }),
      calibration_images: Type.Integer({ minimum: 16, maximum: 5000, default: 300, description: 'stimuli that the brain\'s thresholds and gains are set on' }),
    },
    { additionalProperties: false },
  ),
  inputs: {},
  outputs: {
    nsd: { type: 'Nsd', description: 'the tree, under NSD\'s file names' },
    truth: { type: 'BrainTruth', description: 'the true brain, its voxels, noiseless signals and labels of the stimuli', publish: [SHEET] },
  },
  needs: ['tensor'],
  random: false,
  runs: 'worker',
  resources: { cpus: 1, memoryMb: 1000 },
  async run({ params, outputs, services, memo, progress, signal, metric, log }) {
    const { subject, seed, sessions } = params;
    if (params.ncsnr_low > params.ncsnr_high) {
      throw new PipelineError('E_OUT_OF_RANGE', 'the range of the planted ncsnr is empty', {
        facts: { expected: 'ncsnr_low ≤ ncsnr_high', found: `${params.ncsnr_low} > ${params.ncsnr_high}` }, hint: 'Swap the two parameters.',
      });
    }
    const design = makeDesign({ seed, sessions, trialsPerSession: params.trials_per_session, sharedImages: params.shared_images });
    const nsdIds = shownImages(design, subject);
    const { voxels, weights } = plantVoxels(`${subjectSeed(seed, subject)}/voxels`, {
      perArea: params.voxels_per_area, early: params.early_voxels, ncsnr: [params.ncsnr_low, params.ncsnr_high],
    });
    const anatomy = placeVoxels(voxels, params.grid as [number, number, number]);

    // Steps in units of drawing one stimulus, as measured.
    const total = 3 * nsdIds.length;
    const pause = async (done: number, note: string): Promise<void> => {
      if (done % 25 !== 0) return;
      progress(done, total, note);
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
    };

    const stimuliStruct = { what: 'stimuli', seed, subject, sessions, trialsPerSession: params.trials_per_session, sharedImages: params.shared_images, size: params.image_size };
    const stimuli = await memo(stimuliStruct, async (writer) => {
      const labels = await writeBrick(writer.path(BRICK_FILE), seed, params.image_size, nsdIds, (done) => pause(done, 'drawing stimuli'));
      writer.json('labels.json', labels);
    });
    const labels = JSON.parse(readFileSync(stimuli.path('labels.json'), 'utf8')) as readonly LabelledStimulus[];

    const brainStruct = { what: 'brain', exemplars: params.exemplars, calibrationImages: params.calibration_images };
    const brain = await memo(brainStruct, async (writer) => {
      writer.write('brain.onnx', await buildBrain(services.tensor, {
        exemplars: params.exemplars, calibrationImages: params.calibration_images,
        onProgress: () => signal.throwIfAborted(),
      }));
    });
    const model = new Uint8Array(readFileSync(brain.path('brain.onnx')));

    const responses = await memo({ what: 'bank', brain: brainStruct, stimuli: stimuliStruct }, async (writer) => {
      const program = await services.tensor.compile(model, { label: 'true brain' });
      const brick = openBrick(stimuli.path(BRICK_FILE), params.image_size);
      try {
        const bank = await runBrain(program, nsdIds.length, (i, into) => {
          signal.throwIfAborted();
          progress(nsdIds.length + i, total, 'true responses');
          asBrainInput({ rgb: brick.read(nsdIds[i] as number), height: params.image_size, width: params.image_size }, params.image_size, into);
        });
        writeNpy(writer.path('bank.npy'), { dtype: 'float32', shape: [nsdIds.length, BANK_SIZE], data: bank });
      } finally {
        brick.close();
        await program.dispose();
      }
    });
    const bank = readNpy(responses.path('bank.npy')).data as Float32Array;
    const raw = voxelSignals(bank, weights, voxels.length);
    const moments = signalMoments(raw, voxels.length);
    const signals = standardize(raw, moments);

    const nsd = outputs.nsd;
    const coco = cocoEntries(seed);
    writeExperimentDesign(nsd.path(EXPERIMENT_DESIGN), design);
    writeStimulusTable(nsd.path(STIMULUS_TABLE), design, coco);
    nsd.write(`nsddata/ppdata/${subjectName(subject)}/behav/responses.tsv`, behaviour(design, subject));
    nsd.adopt(STIMULUS_BRICK, stimuli.file(BRICK_FILE));
    for (const split of ['train2017', 'val2017'] as const) {
      const { captions, instances } = cocoAnnotations(labels, coco, split);
      nsd.json(`coco_anns/captions_${split}.json`, captions);
      nsd.json(`coco_anns/instances_${split}.json`, instances);
    }
    const ownSeed = subjectSeed(seed, subject);
    await writeVolumes(nsd, subject, voxels, anatomy, ownSeed);

    const rowOf = new Map(Array.from(nsdIds, (id, row) => [id, row]));
    const betaModel: BetaModel = {
      seed: ownSeed, anatomy, trialsPerSession: params.trials_per_session, signals, gains: sessionGains(ownSeed, sessions),
      trialRows: trialImages(design, subject).map((id) => rowOf.get(id) as number),
      noise: Float32Array.from(voxels, (voxel) => (params.noise ? 1 / voxel.ncsnr : 0)),
    };
    const inBrain = brainPositions(anatomy);
    for (let session = 0; session < sessions; session += 1) {
      progress(2 * nsdIds.length + Math.floor((nsdIds.length * session) / sessions), total, `session ${session + 1}`);
      signal.throwIfAborted();
      const betas = sessionBetas(betaModel, inBrain, session);
      if (params.beta_files.includes('hdf5')) writeBetasHdf5(nsd.path(betasFile(subject, SPACE, BETAS, session + 1, 'hdf5')), anatomy, inBrain, betas);
      if (params.beta_files.includes('nii.gz')) await writeBetasNifti(nsd.path(betasFile(subject, SPACE, BETAS, session + 1, 'nii.gz')), anatomy, inBrain, betas);
    }
    const ncsnr = ncsnrOf(betaModel, inBrain, design.ordering.subarray(0, design.trials), sessions);
    await writeNcsnr((name) => nsd.path(`${betasFolder(subject, SPACE, BETAS)}/${name}.nii.gz`), anatomy, ncsnr);

    const [nx, ny] = anatomy.grid;
    const truth = outputs.truth;
    writeTruth(truth, {
      index: {
        subject, seed, imageSize: params.image_size, noise: params.noise,
        voxels: voxels.map((voxel, v) => {
          const p = anatomy.positions[v] as number;
          return { ...voxel, position: [p % nx, Math.floor(p / nx) % ny, Math.floor(p / (nx * ny))] as const, hemisphere: anatomy.hemispheres[v] as 'lh' | 'rh' };
        }),
      },
      brain: model, weights, moments, bank, signals, nsdIds,
      labels: new Map(labels.map(({ nsdId, category, boxes }) => [nsdId, { category, boxes }])),
    });
    truth.write(SHEET, await sheetOf(stimuli, labels, params.image_size));
    truth.json('report.json', simulationReport({ voxels, labels, ncsnr: Float32Array.from(anatomy.positions, (p) => ncsnr.all[p] as number), sessions, trials: design.trials, noise: params.noise }));
    metric('images', nsdIds.length);
    metric('voxels', voxels.length);
    log(`${nsdIds.length} images, ${design.trials} trials, ${voxels.length} planted voxels among ${inBrain.length} of the brain`);
  },
});

async function sheetOf(stimuli: MemoEntry, labels: readonly LabelledStimulus[], size: number): Promise<Uint8Array> {
  const brick = openBrick(stimuli.path(BRICK_FILE), size);
  try {
    return await stimulusSheet(labels, size, (nsdId) => brick.read(nsdId));
  } finally {
    brick.close();
  }
}
