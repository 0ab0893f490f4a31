/**
 * Which run a word of the command line means: `latest`, `latest~1`, a whole id, a name, a tag, or a beginning of an id or of a name that only
 * one run has; in this order. Pure: what is known of the runs is handed in. A word that means several is never decided by a guess.
 */
import { PipelineError } from '../core/errors.js';
import { couldBeNamed, looksLikeName, nameAmong, runNames } from './run-name.js';
import { nearest } from './suggest.js';

export interface KnownRuns {
  /** newest first */
  readonly ids: readonly string[];
  tagsOf(id: string): readonly string[];
  /** false of a run whose record is torn: `latest` passes it by */
  isReadable(id: string): boolean;
}

const LATEST = /^latest(?:~(\d{1,6}))?$/;
const DIGITS = /^\d[0-9a-f-]*$/;
const MOST_SHOWN = 5;

/** The id. E_UNKNOWN_RUN if no run is meant, or more than one. */
export function resolveRun(reference: string, runs: KnownRuns): string {
  const { ids } = runs;
  const back = LATEST.exec(reference);
  if (back !== null) return latest(reference, Number(back[1] ?? 0), runs);
  if (ids.includes(reference)) return reference;
  const byId = DIGITS.test(reference) ? ids.filter((id) => id.startsWith(reference)) : [];
  if (byId.length > 0) return one(reference, 'the id', byId, runs);
  const names = looksLikeName(reference) ? ids.filter((id) => couldBeNamed(id, reference)) : [];
  const exact = names.find((id) => nameAmong(id, ids) === reference);
  if (exact !== undefined) return exact;
  const tagged = DIGITS.test(reference) ? [] : ids.filter((id) => runs.tagsOf(id).includes(reference));
  if (tagged.length > 0) return one(reference, 'a tag', tagged, runs);
  if (names.length > 0) return one(reference, 'the name', names, runs);
  throw unknown(reference, runs);
}

function latest(reference: string, back: number, { ids, isReadable }: KnownRuns): string {
  let left = back;
  for (const id of ids) {
    if (!isReadable(id)) continue;
    if (left === 0) return id;
    left -= 1;
  }
  throw new PipelineError('E_UNKNOWN_RUN', `"${reference}" means no run`, {
    facts: { expected: `at least ${back + 1} ${back === 0 ? 'run' : 'runs'}`, found: back === left ? 'none' : `${back - left}` },
    hint: back === left ? 'Run a pipeline first: pipeline run FILE.' : 'List the runs with `pipeline runs`.',
  });
}

function one(reference: string, what: string, found: readonly string[], { ids }: KnownRuns): string {
  const [id] = found as readonly [string];
  if (found.length === 1) return id;
  const shown = found.slice(0, MOST_SHOWN).map((each) => `${nameAmong(each, ids)} (${each})`);
  throw new PipelineError('E_UNKNOWN_RUN', `"${reference}" means ${found.length} runs`, {
    facts: { expected: what === 'a tag' ? 'a tag of one run' : `enough of ${what} to mean one run`, found: `${shown.join(', ')}${found.length > MOST_SHOWN ? ', …' : ''}` },
    hint: 'Use one of these names or ids.',
  });
}

function unknown(reference: string, { ids, tagsOf }: KnownRuns): PipelineError {
  const near = nearest(reference, [...ids, ...runNames(ids).values(), ...ids.flatMap((id) => tagsOf(id))]);
  return new PipelineError('E_UNKNOWN_RUN', `"${reference}" means no run`, {
    facts: { expected: 'latest, latest~1, a tag, or the beginning of one run\'s name or id', found: `none of ${ids.length} ${ids.length === 1 ? 'run' : 'runs'}` },
    hint: near === undefined ? 'List the runs with `pipeline runs`.' : `Did you mean "${near}"?`,
  });
}
