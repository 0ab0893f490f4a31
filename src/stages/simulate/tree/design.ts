/**
 * The design of the simulated experiment, with NSD's numbers: 8 subjects, 73,000 images, 1,000 of them shared, 10,000 images and 30,000 trials a
 * subject, each image three times. The sessions that are simulated hold every one of their images three times. What this module hands out is
 * 0-based; the files turn to NSD's mixed bases when they are written.
 */
import { Random } from '../../../core/random.js';
import { PipelineError } from '../../../core/errors.js';

export const SUBJECTS = 8;
export const BRICK_IMAGES = 73_000;
export const SUBJECT_IMAGES = 10_000;
export const SHARED = 1_000;
export const REPEATS = 3;
export const ALL_TRIALS = SUBJECT_IMAGES * REPEATS;
const FIRST_SHARED = 2950;
const LAST_SHARED = 72_948;

export interface DesignOptions {
  readonly seed: number;
  readonly sessions: number;
  readonly trialsPerSession: number;
  /** how many of the images in the simulated sessions are among the thousand that every subject saw */
  readonly sharedImages: number;
}

export interface Design {
  readonly options: DesignOptions;
  /** int32 [30000]: image of the subject (0 … 9999) in each trial; the same for all subjects */
  readonly ordering: Int32Array;
  /** int32 [8, 10000]: nsdId (0 … 72999) of each subject's images; the first 1000 are the shared ones, ascending */
  readonly subjectImages: Int32Array;
  /** trials in the simulated sessions */
  readonly trials: number;
}

/**
 * Errors: E_OUT_OF_RANGE when the trials do not divide by three, or when there are more shared images than images.
 */
export function makeDesign(options: DesignOptions): Design {
  const trials = options.sessions * options.trialsPerSession;
  const images = trials / REPEATS;
  if (!Number.isInteger(images) || trials > ALL_TRIALS) {
    throw new PipelineError('E_OUT_OF_RANGE', `${options.sessions} sessions of ${options.trialsPerSession} trials cannot show every image three times`, {
      facts: { expected: `a multiple of 3 up to ${ALL_TRIALS}`, found: `${trials} trials` },
      hint: 'Choose trials_per_session so that sessions × trials_per_session divides by 3.',
    });
  }
  const unique = images - options.sharedImages;
  if (unique < 0 || unique > SUBJECT_IMAGES - SHARED) {
    throw new PipelineError('E_OUT_OF_RANGE', `${options.sharedImages} shared images do not fit ${images} images`, {
      facts: { expected: `${Math.max(0, images - (SUBJECT_IMAGES - SHARED))} … ${images}`, found: options.sharedImages },
      hint: 'Change shared_images, or the number of sessions.',
    });
  }
  const random = new Random(`simulated experiment/1/${options.seed}`);
  return { options, ordering: drawOrdering(random.fork('ordering'), options, images), subjectImages: drawSubjectImages(random.fork('images')), trials };
}

/** nsdId of every simulated trial of a subject (1 … 8). @shape int32 [trials] */
export function trialImages(design: Design, subject: number): Int32Array {
  const row = design.subjectImages.subarray((subject - 1) * SUBJECT_IMAGES, subject * SUBJECT_IMAGES);
  return design.ordering.slice(0, design.trials).map((image) => row[image] as number);
}

/** The images shown to a subject in the simulated sessions, as nsdIds, ascending. */
export function shownImages(design: Design, subject: number): Int32Array {
  return Int32Array.from(new Set(trialImages(design, subject))).sort();
}

/** First the simulated trials, whose images are complete among themselves; then all others. */
function drawOrdering(random: Random, options: DesignOptions, images: number): Int32Array {
  const shown = [
    ...Array.from({ length: options.sharedImages }, (_, i) => i),
    ...Array.from({ length: images - options.sharedImages }, (_, i) => SHARED + i),
  ];
  const isShown = new Set(shown);
  const later = Array.from({ length: SUBJECT_IMAGES }, (_, i) => i).filter((i) => !isShown.has(i));
  const ordering = new Int32Array(ALL_TRIALS);
  let at = 0;
  for (const list of [shown, later]) {
    const order = random.permutation(list.length * REPEATS);
    for (let t = 0; t < order.length; t += 1) ordering[at + t] = list[Math.floor((order[t] as number) / REPEATS)] as number;
    at += order.length;
  }
  return ordering;
}

function drawSubjectImages(random: Random): Int32Array {
  const range = LAST_SHARED - FIRST_SHARED + 1;
  const shared = random.permutation(range).subarray(0, SHARED).map((i) => i + FIRST_SHARED).sort();
  const taken = new Set(shared);
  const rest = random.permutation(BRICK_IMAGES).filter((id) => !taken.has(id));
  const own = SUBJECT_IMAGES - SHARED;
  const table = new Int32Array(SUBJECTS * SUBJECT_IMAGES);
  for (let subject = 0; subject < SUBJECTS; subject += 1) {
    table.set(shared, subject * SUBJECT_IMAGES);
    table.set(rest.subarray(subject * own, (subject + 1) * own), subject * SUBJECT_IMAGES + SHARED);
  }
  return table;
}
