/**
 * Why a stage runs, as a closed list of codes that scripts can rely on, each with the exact place: the leaf of the key material, or the variable
 * of the environment behind it. What people read is `text`. Goes into events, plans and run records; nothing depends on it.
 */
import type { JsonValue } from '../core/json.js';

export type ReasonCode =
  /** a leaf of the key differs: see docs/cache-key.md */
  | 'param' | 'code' | 'type' | 'version' | 'input' | 'external' | 'service' | 'seed'
  /** a parameter differs because a variable of the environment does */
  | 'env'
  /** the form of keys itself has changed */
  | 'engine'
  /** the key is the old one, and its record is not in the store any more, or cannot be used */
  | 'evicted' | 'damaged'
  | 'forced' | 'first-run' | 'failed-before'
  /** its result is stored: it runs beside that (--check-determinism) */
  | 'compared';

export interface StageReason {
  readonly code: ReasonCode;
  /** of a leaf: its place in the material, e.g. `params.steps`, `inputs.features`, `externals.nsddata/experiments/nsd/nsd_expdesign.mat` */
  readonly path?: string;
  /** the variable, for `env` */
  readonly variable?: string;
  /** absent: it was not there before, or it is not a matter of values, or the value is long */
  readonly before?: JsonValue;
  readonly after?: JsonValue;
  /** for people: `params.steps 64 → 128`, `inputs.features changed` */
  readonly text: string;
}

const LONGEST_KEPT = 1000;
const MOST_KEPT = 20;

/** As many and as much of them as a record keeps: a gather may have thousands of inputs, a parameter may be a long list. */
export function keptReasons(reasons: readonly StageReason[]): StageReason[] {
  return reasons.slice(0, MOST_KEPT).map((reason) => {
    const { before, after, ...rest } = reason;
    return isShort(before) && isShort(after) ? reason : rest;
  });
}

function isShort(value: JsonValue | undefined): boolean {
  return value === undefined || JSON.stringify(value).length <= LONGEST_KEPT;
}

export type Environment = Readonly<Record<string, string | null>>;

/**
 * Changes of parameters that only follow a variable of the environment are told as that: its value then and its value now account for the whole
 * difference.
 */
export function throughEnvironment<T extends StageReason>(changes: readonly T[], before: Environment, now: Environment): T[] {
  const variables = Object.keys(now).filter((name) => (before[name] ?? null) !== now[name]).sort();
  return changes.map((change) => {
    const variable = change.code === 'param' ? variables.find((name) => explains(change, before[name] ?? null, now[name] ?? null)) : undefined;
    return variable === undefined ? change : { ...change, code: 'env', variable, text: `${change.text} (env.${variable})` };
  });
}

function explains({ before, after }: StageReason, was: string | null, is: string | null): boolean {
  if (was === null || was === '') return is !== null && is !== '' && after === is;
  if (is === null || is === '') return before === was;
  return typeof before === 'string' && typeof after === 'string' && before.includes(was) && before.replaceAll(was, is) === after;
}
