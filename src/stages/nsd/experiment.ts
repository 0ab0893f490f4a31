/**
 * The design of the experiment: which image was shown in which trial. Every index in the file is 1-based; everything that leaves this module is
 * 0-based and says so (mixing the two is the commonest mistake with NSD).
 */
import { PipelineError } from '../../core/errors.js';
import { readMat5, type MatArray } from '../../formats/mat5.js';

export interface ExperimentDesign {
  /** stimulus trials of one session: the ones in `stimpattern` (750 in NSD) */
  readonly trialsPerSession: number;
  /** 0-based nsdId of every trial of a subject, in order of presentation */
  trialImages(subject: number, trials: number): Int32Array;
  /** 0-based nsdIds of the shared images, ascending */
  readonly shared: ReadonlySet<number>;
}

/**
 * nsdId₀[t] = subjectim[subject, masterordering[t]] − 1, all in MATLAB's 1-based, column-major terms.
 * Errors: E_FORMAT when a variable is missing or has another shape; E_DATA for more trials than the design has.
 * @source NSD data manual; `nsd_expdesign.mat` (masterordering 1×30000, subjectim 8×10000, sharedix 1×1000, stimpattern 40×12×75)
 */
export function readExperimentDesign(path: string): ExperimentDesign {
  const variables = readMat5(path, ['masterordering', 'subjectim', 'sharedix', 'stimpattern']);
  const ordering = variable(variables, path, 'masterordering');
  const images = variable(variables, path, 'subjectim');
  const shared = variable(variables, path, 'sharedix');
  const [subjects, imagesEach] = images.shape as readonly [number, number];
  if (images.shape.length !== 2 || subjects > imagesEach || ordering.data.length < imagesEach) {
    throw new PipelineError('E_FORMAT', `"${path}" is not laid out as the design of NSD`, {
      facts: { expected: 'subjectim [subject, image] and one masterordering entry a trial', found: `subjectim [${images.shape.join(', ')}], ${ordering.data.length} trials` },
      hint: 'Give nsddata/experiments/nsd/nsd_expdesign.mat of the data set.',
    });
  }
  return {
    trialsPerSession: stimulusSlots(variable(variables, path, 'stimpattern')),
    shared: new Set(Array.from(shared.data as ArrayLike<number>, (id) => Number(id) - 1)),
    trialImages: (subject, trials) => {
      if (trials > ordering.data.length || subject > subjects) {
        throw new PipelineError('E_DATA', `"${path}" has no trial ${trials} of subject ${subject}`, {
          facts: { expected: `at most ${ordering.data.length} trials of ${subjects} subjects`, found: `${trials} trials of subject ${subject}` },
          hint: 'Lower the parameter sessions, or check that the design belongs to these betas.',
        });
      }
      return Int32Array.from({ length: trials }, (_, t) => {
        const id10k = Number(ordering.data[t]);
        // column-major: element (subject, id) stands at subject + subjects × id
        const id73k = Number.isInteger(id10k) && id10k >= 1 && id10k <= imagesEach ? Number(images.data[subject - 1 + subjects * (id10k - 1)]) : NaN;
        if (!Number.isInteger(id73k) || id73k < 1) {
          throw new PipelineError('E_FORMAT', `"${path}" names no image for trial ${t + 1}`, { facts: { expected: `an id from 1 to ${imagesEach} in masterordering and one above 0 in subjectim`, found: `${id10k} and ${id73k}` }, hint: 'The file is damaged or not the published one.' });
        }
        return id73k - 1;
      });
    },
  };
}

/** Ones in the first session of stimpattern, session × run × slot, column-major: session varies fastest. */
function stimulusSlots(pattern: MatArray): number {
  const sessions = pattern.shape[0] ?? 1;
  let slots = 0;
  for (let i = 0; i < pattern.data.length; i += sessions) slots += Number(pattern.data[i]);
  return slots;
}

function variable(variables: Readonly<Record<string, MatArray>>, path: string, name: string): MatArray {
  const found = variables[name];
  if (found === undefined) {
    throw new PipelineError('E_FORMAT', `"${path}" has no variable "${name}"`, {
      facts: { expected: 'masterordering, subjectim, sharedix, stimpattern', found: Object.keys(variables).join(', ') || 'nothing' },
      hint: 'Give nsddata/experiments/nsd/nsd_expdesign.mat of the data set.',
    });
  }
  return found;
}
