/**
 * The files that describe the experiment, in NSD's formats and with its mixed index bases: `nsd_expdesign.mat` and `responses.tsv` count from 1,
 * the column nsdId of `nsd_stim_info_merged.csv` counts from 0 and its repeat columns from 1 (0 = never shown).
 */
import { Random } from '../../../core/random.js';
import { CsvWriter } from '../../../formats/csv.js';
import { writeMat5 } from '../../../formats/mat5.js';
import { ALL_TRIALS, BRICK_IMAGES, REPEATS, SHARED, SUBJECTS, SUBJECT_IMAGES, trialImages } from './design.js';
import type { Design } from './design.js';

const SESSIONS = 40;
const RUNS = 12;
const SLOTS = 75;
const TRIAL_SECONDS = 4;
const DAY_SECONDS = 86_400;
/** MATLAB day number of the first session: a fixed day, so that the bytes are reproducible */
const FIRST_DAY = 737_000;
const DAYS_BETWEEN_SESSIONS = 7;
const CORRECT_SHARE = 0.85;
const VALIDATION_SHARE = 0.05;
/** Pictures are said to be cropped from photographs of 640 × 480: a quarter of the width is cut, left, right or on both sides. */
export const COCO_WIDTH = 640;
export const COCO_HEIGHT = 480;
const CROPPED = 0.25;

export interface CocoEntry {
  readonly cocoId: number;
  readonly split: 'train2017' | 'val2017';
  /** share of the photograph's width cut at the left */
  readonly cropLeft: number;
}

/** What the picture with each nsdId pretends to come from. */
export function cocoEntries(seed: number): readonly CocoEntry[] {
  const random = new Random(`simulated experiment/1/${seed}/coco`);
  const ids = random.permutation(BRICK_IMAGES);
  return Array.from({ length: BRICK_IMAGES }, (_, i) => ({
    cocoId: (ids[i] as number) * 7 + 9,
    split: random.uniform() < VALIDATION_SHARE ? 'val2017' : 'train2017',
    cropLeft: random.pick([0, CROPPED / 2, CROPPED]),
  }));
}

/** masterordering 1×30000, subjectim 8×10000, sharedix 1×1000, stimpattern 40×12×75, basiccnt 3×40 (first, second and third showings a session). */
export function writeExperimentDesign(path: string, design: Design): void {
  const { ordering, subjectImages } = design;
  const { trialsPerSession } = design.options;
  const subjectim = new Float64Array(SUBJECTS * SUBJECT_IMAGES);
  for (let subject = 0; subject < SUBJECTS; subject += 1) {
    // column-major: element (subject, image) stands at subject + subjects × image
    for (let i = 0; i < SUBJECT_IMAGES; i += 1) subjectim[subject + SUBJECTS * i] = (subjectImages[subject * SUBJECT_IMAGES + i] as number) + 1;
  }
  const pattern = new Float64Array(SESSIONS * RUNS * SLOTS);
  for (let run = 0; run < RUNS; run += 1) {
    const stimuli = stimuliInRun(run, trialsPerSession);
    for (let slot = 0; slot < stimuli; slot += 1) {
      // spread over the run, never in its last slots: blank trials stand between stimuli
      const at = Math.floor((slot * SLOTS) / stimuli);
      for (let session = 0; session < SESSIONS; session += 1) pattern[session + SESSIONS * (run + RUNS * at)] = 1;
    }
  }
  const counts = new Float64Array(REPEATS * SESSIONS);
  const seen = new Uint8Array(SUBJECT_IMAGES);
  for (let t = 0; t < Math.min(ALL_TRIALS, SESSIONS * trialsPerSession); t += 1) {
    const image = ordering[t] as number;
    const at = (seen[image] as number) + REPEATS * Math.floor(t / trialsPerSession);
    counts[at] = (counts[at] as number) + 1;
    seen[image] = (seen[image] as number) + 1;
  }
  writeMat5(path, {
    masterordering: { dtype: 'float64', shape: [1, ALL_TRIALS], data: Float64Array.from(ordering, (image) => image + 1) },
    subjectim: { dtype: 'float64', shape: [SUBJECTS, SUBJECT_IMAGES], data: subjectim },
    sharedix: { dtype: 'float64', shape: [1, SHARED], data: Float64Array.from(subjectImages.subarray(0, SHARED), (id) => id + 1) },
    stimpattern: { dtype: 'float64', shape: [SESSIONS, RUNS, SLOTS], data: pattern },
    basiccnt: { dtype: 'float64', shape: [REPEATS, SESSIONS], data: counts },
  });
}

/** NSD alternates runs of 63 and 62 stimuli; other totals are spread alike. */
function stimuliInRun(run: number, trialsPerSession: number): number {
  return Math.ceil(((run + 1) * trialsPerSession) / RUNS) - Math.ceil((run * trialsPerSession) / RUNS);
}

/** 73,000 rows, 41 columns and an unnamed index, as pandas wrote the published file. */
export function writeStimulusTable(path: string, design: Design, coco: readonly CocoEntry[]): void {
  const subjects = Array.from({ length: SUBJECTS }, (_, i) => i + 1);
  const repeats = Array.from({ length: REPEATS }, (_, i) => i);
  const writer = new CsvWriter(path, [
    '', 'cocoId', 'cocoSplit', 'cropBox', 'loss', 'nsdId', 'flagged', 'BOLD5000', 'shared1000',
    ...subjects.map((k) => `subject${k}`), ...subjects.flatMap((k) => repeats.map((r) => `subject${k}_rep${r}`)),
  ]);
  const trialsOf = firstTrials(design);
  const shown = new Int32Array(BRICK_IMAGES * SUBJECTS).fill(-1);
  for (let subject = 0; subject < SUBJECTS; subject += 1) {
    for (let i = 0; i < SUBJECT_IMAGES; i += 1) shown[(design.subjectImages[subject * SUBJECT_IMAGES + i] as number) * SUBJECTS + subject] = i;
  }
  const shared = new Set(design.subjectImages.subarray(0, SHARED));
  const bool = (value: boolean): string => (value ? 'True' : 'False');
  for (let id = 0; id < BRICK_IMAGES; id += 1) {
    const entry = coco[id] as CocoEntry;
    const seenBy: number[] = [];
    const trials: number[] = [];
    for (let subject = 0; subject < SUBJECTS; subject += 1) {
      const image = shown[id * SUBJECTS + subject] as number;
      seenBy.push(image >= 0 ? 1 : 0);
      for (let r = 0; r < REPEATS; r += 1) trials.push(image >= 0 ? (trialsOf[image * REPEATS + r] as number) + 1 : 0);
    }
    writer.row([id, entry.cocoId, entry.split, cropBox(entry), CROPPED, id, 'False', 'False', bool(shared.has(id)), ...seenBy, ...trials]);
  }
  writer.close();
}

/** Python's text of (top, bottom, left, right). */
function cropBox(entry: CocoEntry): string {
  return `(0, 0, ${entry.cropLeft}, ${CROPPED - entry.cropLeft})`;
}

/** 0-based trials of each image's showings. @shape int32 [10000, 3] */
function firstTrials(design: Design): Int32Array {
  const trials = new Int32Array(SUBJECT_IMAGES * REPEATS);
  const seen = new Uint8Array(SUBJECT_IMAGES);
  design.ordering.forEach((image, t) => {
    trials[image * REPEATS + (seen[image] as number)] = t;
    seen[image] = (seen[image] as number) + 1;
  });
  return trials;
}

const RESPONSE_COLUMNS = [
  'SUBJECT', 'SESSION', 'RUN', 'TRIAL', '73KID', '10KID', 'TIME', 'ISOLD', 'ISCORRECT', 'RT', 'CHANGEMIND', 'MEMORYRECENT', 'MEMORYFIRST',
  'ISOLDCURRENT', 'ISCORRECTCURRENT', 'TOTAL1', 'TOTAL2', 'BUTTON', 'MISSINGDATA',
] as const;

/** One row a stimulus trial: a subject that answers "seen before?" correctly in 85 % of trials. Text NaN where a field has no meaning. */
export function behaviour(design: Design, subject: number): string {
  const random = new Random(`simulated experiment/1/${design.options.seed}/behaviour/${subject}`);
  const { trialsPerSession } = design.options;
  const images = trialImages(design, subject);
  const last = new Map<number, number>();
  const first = new Map<number, number>();
  const lines = [RESPONSE_COLUMNS.join('\t')];
  for (let t = 0; t < design.trials; t += 1) {
    const session = Math.floor(t / trialsPerSession);
    const within = t % trialsPerSession;
    let run = 0;
    let start = 0;
    while (within >= start + stimuliInRun(run, trialsPerSession)) {
      start += stimuliInRun(run, trialsPerSession);
      run += 1;
    }
    const image = design.ordering[t] as number;
    const before = last.get(image);
    const isOld = before !== undefined;
    const inSession = before !== undefined && Math.floor(before / trialsPerSession) === session;
    const correct = random.uniform() < CORRECT_SHARE;
    const reaction = Math.round(random.uniform(500, 1500));
    const oldButton = isOld === correct;
    lines.push([
      subject, session + 1, run + 1, within - start + 1, (images[t] as number) + 1, image + 1,
      (FIRST_DAY + session * DAYS_BETWEEN_SESSIONS + (within * TRIAL_SECONDS) / DAY_SECONDS).toFixed(8),
      isOld ? 1 : 0, correct ? 1 : 0, reaction, 0,
      isOld ? t - before - 1 : 'NaN', isOld ? t - (first.get(image) as number) - 1 : 'NaN',
      inSession ? 1 : 0, oldButton === inSession ? 1 : 0, oldButton ? 0 : 1, oldButton ? 1 : 0, oldButton ? 2 : 1, 0,
    ].join('\t'));
    if (!isOld) first.set(image, t);
    last.set(image, t);
  }
  return `${lines.join('\n')}\n`;
}
