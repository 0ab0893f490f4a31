/** What a dream raises and a map explains: the mean of a region, optionally against others. Told in one place, for parameters, files and titles alike. */
import { PipelineError } from '../../core/errors.js';

/** The predicted response of interest: mean of a region, minus `weight` times the mean over the means of other regions. */
export interface Objective {
  /** `set` (all its labels) or `set/label name`, e.g. `floc-faces` or `floc-faces/FFA-1` */
  readonly roi: string;
  readonly minus?: readonly string[];
  /** default 1 */
  readonly weight?: number;
}

/**
 * The objective that parameters state, with its weight filled in.
 * @param subject what has it, for messages: `target "faces"`
 * Errors: E_DATA for a weight of nothing, which would be ignored.
 */
export function objectiveOf({ roi, minus, weight }: Objective, subject: string): Objective {
  if (minus !== undefined) return { roi, minus, weight: weight ?? 1 };
  if (weight === undefined) return { roi };
  throw new PipelineError('E_DATA', `${subject} has a weight but nothing to subtract`, {
    facts: { expected: '"minus" beside "weight"', found: `weight ${weight} alone` },
    hint: 'List the regions to subtract in minus, or leave weight out.',
  });
}

/** For titles: `floc-places − 0.5·mean(floc-faces, floc-bodies)`. */
export function objectiveText({ roi, minus, weight = 1 }: Objective): string {
  if (minus === undefined) return roi;
  const subtracted = minus.length === 1 ? minus.join() : `mean(${minus.join(', ')})`;
  return `${roi} − ${weight === 1 ? '' : `${weight}·`}${subtracted}`;
}
