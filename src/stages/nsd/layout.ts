/**
 * Where the Natural Scenes Dataset keeps its files, as logical names relative to its root, and which of them one analysis reads. Nothing here
 * opens a file; whoever lists the tree (a folder on disk, an artifact of the simulator) hands in the names that exist.
 * Source of the layout: Allen et al. 2022 and the NSD data manual.
 */
import { PipelineError } from '../../core/errors.js';

export const EXPERIMENT_DESIGN = 'nsddata/experiments/nsd/nsd_expdesign.mat';
export const STIMULUS_TABLE = 'nsddata/experiments/nsd/nsd_stim_info_merged.csv';
export const STIMULUS_BRICK = 'nsddata_stimuli/stimuli/nsd/nsd_stimuli.hdf5';
export const BRICK_DATASET = 'imgBrick';
/** COCO's object annotations; they are no part of NSD's download and stand beside it, where boldreams and others look for them */
export const COCO_INSTANCES = ['coco_anns/instances_train2017.json', 'coco_anns/instances_val2017.json'] as const;
/** five sentences (seldom more) about each photograph, written by people */
export const COCO_CAPTIONS = ['coco_anns/captions_train2017.json', 'coco_anns/captions_val2017.json'] as const;
/** written by nsd.source beside the tree: what was chosen out of it */
export const SELECTION = 'selection.json';

export const subjectName = (subject: number): string => `subj${String(subject).padStart(2, '0')}`;
export const functionalFolder = (subject: number, space: string): string => `nsddata/ppdata/${subjectName(subject)}/${space}`;
export const roiVolume = (subject: number, space: string, set: string): string => `${functionalFolder(subject, space)}/roi/${set}.nii.gz`;
/** One table serves both hemispheres: `lh.floc-faces` has the names of `floc-faces`. */
export const colourTable = (subject: number, set: string): string => `nsddata/freesurfer/${subjectName(subject)}/label/${set.replace(/^[lr]h\./, '')}.mgz.ctab`;
export const betasFolder = (subject: number, space: string, betas: string): string => `nsddata_betas/ppdata/${subjectName(subject)}/${space}/${betas}`;
export const ncsnrVolume = (subject: number, space: string, betas: string): string => `${betasFolder(subject, space, betas)}/ncsnr.nii.gz`;

export type BetaFormat = 'hdf5' | 'nii.gz';

export const betasFile = (subject: number, space: string, betas: string, session: number, format: BetaFormat): string =>
  `${betasFolder(subject, space, betas)}/betas_session${String(session).padStart(2, '0')}.${format}`;

export interface NsdChoice {
  readonly subject: number;
  readonly space: string;
  readonly betas: string;
  /** how many sessions from the first on; 0 = all there are */
  readonly sessions: number;
  readonly format: 'auto' | BetaFormat;
  readonly roi_sets: readonly string[];
  /** take COCO's object annotations along */
  readonly annotations?: boolean;
  /** take COCO's captions along */
  readonly captions?: boolean;
}

export interface NsdSelection {
  readonly subject: number;
  readonly space: string;
  readonly betas: string;
  readonly sessions: number;
  readonly format: BetaFormat;
  readonly roiSets: readonly string[];
  /** logical names of every file that the analysis reads */
  readonly files: readonly string[];
}

/** Folders whose direct contents decide the selection; a lister needs to look nowhere else. */
export function foldersToList(choice: NsdChoice): readonly string[] {
  return [betasFolder(choice.subject, choice.space, choice.betas), `${functionalFolder(choice.subject, choice.space)}/roi`];
}

/**
 * Chooses the files of one subject. Sessions are discovered (releases differ in their number) and must run from 1 without a gap.
 * @param has whether a logical name exists
 * @param names all names in `foldersToList`
 * Errors: E_EXTERNAL_MISSING naming the file, what there is, and what to change.
 */
export function selectNsdFiles(choice: NsdChoice, names: readonly string[], has: (name: string) => boolean, where: string): NsdSelection {
  const { subject, space, betas } = choice;
  const folder = betasFolder(subject, space, betas);
  // The tail alone is shared with meanbeta_session…, so the name is matched from its start.
  const pattern = /^betas_session(\d\d)\.(hdf5|nii\.gz)$/;
  const found: Record<BetaFormat, Set<number>> = { hdf5: new Set(), 'nii.gz': new Set() };
  for (const name of names) {
    if (!name.startsWith(`${folder}/`)) continue;
    const match = pattern.exec(name.slice(folder.length + 1));
    if (match !== null) found[match[2] as BetaFormat].add(Number(match[1]));
  }
  const format: BetaFormat = choice.format !== 'auto' ? choice.format : found.hdf5.size >= found['nii.gz'].size ? 'hdf5' : 'nii.gz';
  const there = found[format];
  if (there.size === 0) {
    throw new PipelineError('E_EXTERNAL_MISSING', `"${where}" holds no betas of ${subjectName(subject)}`, {
      facts: { expected: betasFile(subject, space, betas, 1, format), found: names.length === 0 ? 'no such folder' : `${names.length} other files` },
      hint: 'Check the root, and the parameters subject, space, betas and format.',
    });
  }
  const last = Math.max(...there);
  const wanted = choice.sessions === 0 ? last : choice.sessions;
  const sessions: string[] = [];
  for (let session = 1; session <= wanted; session += 1) {
    if (!there.has(session)) {
      throw new PipelineError('E_EXTERNAL_MISSING', `session ${session} of ${subjectName(subject)} is missing in "${where}"`, {
        facts: { expected: betasFile(subject, space, betas, session, format), found: `sessions ${[...there].sort((a, b) => a - b).join(', ')}` },
        hint: `Lower the parameter sessions (now ${choice.sessions}), or complete the download.`,
      });
    }
    sessions.push(betasFile(subject, space, betas, session, format));
  }
  const required = [
    EXPERIMENT_DESIGN,
    STIMULUS_TABLE,
    STIMULUS_BRICK,
    // both hemispheres of a set share a table: each name once
    ...new Set(choice.roi_sets.flatMap((set) => [roiVolume(subject, space, set), colourTable(subject, set)])),
    ...(choice.annotations === true ? COCO_INSTANCES : []),
    ...(choice.captions === true ? COCO_CAPTIONS : []),
  ];
  for (const name of required) {
    if (!has(name)) {
      throw new PipelineError('E_EXTERNAL_MISSING', `"${name}" is missing in "${where}"`, {
        facts: { expected: name, found: 'no such file' },
        hint: name.startsWith('coco_anns/') ? `Put the annotations of COCO 2017 into coco_anns/, or set ${name.includes('captions') ? 'captions' : 'annotations'}: false.` : name.includes('/roi/') ? 'Take the set out of the parameter roi_sets, or complete the download.' : 'Complete the download of the data set.',
      });
    }
  }
  const published = ncsnrVolume(subject, space, betas);
  const files = [...required, ...(has(published) ? [published] : []), ...sessions];
  return { subject, space, betas, sessions: wanted, format, roiSets: [...choice.roi_sets], files };
}
