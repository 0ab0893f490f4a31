/**
 * By how much one series exceeds another, score by score: the paired bootstrap over test images that both were scored on. One difference for each score
 * behind a point; what the median over seeds or subjects adds to the uncertainty is seen in their spread, not here.
 */
import { PipelineError } from '../../core/errors.js';
import { pairedDifference } from '../../math/bootstrap.js';
import type { Curve, Member } from './curves.js';

export interface Difference {
  readonly rival: string;
  /** NaN without an x axis */
  readonly x: number;
  /** values of the summarised labels, as JSON */
  readonly over: string;
  readonly difference: number;
  /** percentile interval at the level of the evaluations */
  readonly low: number;
  readonly high: number;
  /** two-sided, of no difference */
  readonly p: number;
}

/**
 * @param required refuse pairs without paired replicates; otherwise they are left out
 * Errors: E_DATA if `required` and two scores have no replicates of the same resamples.
 */
export function differencesOf(curve: Curve, rival: Curve, required: boolean): readonly Difference[] {
  return curve.points.flatMap(({ x, members }) => {
    const others = rival.points.find((point) => Object.is(point.x, x))?.members ?? [];
    return members.flatMap((member): Difference[] => {
      const other = others.find(({ over }) => over === member.over);
      if (other === undefined) return [];
      const [a, b] = [member.drawn, other.drawn];
      if (a === undefined || b === undefined || a.resampling !== b.resampling || a.level !== b.level) {
        if (required) refuse(curve, rival, member, other);
        return [];
      }
      return [{ rival: rival.series, x, over: member.over, ...pairedDifference(member.value, other.value, a.values, b.values, a.level) }];
    });
  });
}

function refuse(curve: Curve, rival: Curve, member: Member, other: Member): never {
  const found = ({ drawn }: Member): string => (drawn === undefined ? 'no replicates' : `${drawn.values.length} replicates (${drawn.resampling.slice(0, 8)})`);
  throw new PipelineError('E_DATA', `"${curve.series}" and "${rival.series}" in "${curve.region}" cannot be compared image by image`, {
    facts: { expected: 'bootstrap replicates of the same test images and draws', found: `${found(member)} and ${found(other)}` },
    hint: 'Evaluate both with the same images, parameters and seed and a bootstrap, against means over repeats; or drop significant from the claim.',
  });
}
