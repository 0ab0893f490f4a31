/**
 * "Did you mean …?": the nearest of the names that would have been right. Pure text, knows nothing of pipelines.
 * The distance is Damerau–Levenshtein in its optimal-string-alignment form (insert, delete, replace, swap of neighbours), case counts half.
 */

/** A guess that needs more edits than a third of the word misleads more than it helps. */
const EDITS_PER_LETTER = 1 / 3;
const MOST_EDITS = 4;
const CASE_COST = 0.5;
/** Names are capped at 64; longer texts are not names and would cost quadratic time. */
const LONGEST = 128;

function substitutionCost(a: string, b: string): number {
  if (a === b) return 0;
  return a.toLowerCase() === b.toLowerCase() ? CASE_COST : 1;
}

/** Number of edits from one word to the other; 0 for equal words. */
export function editDistance(a: string, b: string): number {
  let beforeLast = new Float64Array(b.length + 1);
  let last = Float64Array.from({ length: b.length + 1 }, (_, j) => j);
  let current = new Float64Array(b.length + 1);
  for (let i = 1; i <= a.length; i += 1) {
    current[0] = i;
    for (let j = 1; j <= b.length; j += 1) {
      const replace = (last[j - 1] as number) + substitutionCost(a[i - 1] as string, b[j - 1] as string);
      let best = Math.min(replace, (last[j] as number) + 1, (current[j - 1] as number) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, (beforeLast[j - 2] as number) + 1);
      current[j] = best;
    }
    [beforeLast, last, current] = [last, current, beforeLast];
  }
  return last[b.length] as number;
}

/** The candidate that is nearest to the word, or undefined when none is near. Ties go to the first candidate. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > LONGEST) return undefined;
  const limit = Math.min(MOST_EDITS, Math.max(1, Math.floor(word.length * EDITS_PER_LETTER)));
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > limit || candidate.length > LONGEST) continue;
    const distance = editDistance(word, candidate);
    if (distance <= limit && distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best ?? nearestBySegment(word, candidates);
}

/** `ridge` for `readout.ridge`: a whole dotted segment (or everything but the dots) that is spelt alike counts as near. */
function nearestBySegment(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = word.toLowerCase();
  if (wanted.length < 3) return undefined;
  for (const candidate of candidates) {
    if (candidate.toLowerCase().split(/[._-]/).includes(wanted)) return candidate;
  }
  return undefined;
}

const MOST_LISTED = 12;

/** The hint for an unknown name: the nearest valid one, or else the list of what would be valid. */
export function suggestion(word: string, candidates: readonly string[], noneHint: string): string {
  const guess = nearest(word, candidates);
  if (guess !== undefined) return `did you mean "${guess}"?`;
  if (candidates.length === 0) return noneHint;
  const listed = candidates.slice(0, MOST_LISTED).join(', ');
  const rest = candidates.length - MOST_LISTED;
  return `use one of: ${listed}${rest > 0 ? ` and ${rest} more` : ''}`;
}
