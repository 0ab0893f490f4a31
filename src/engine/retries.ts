/**
 * `retries:` of a stage: how often it is tried again after a failure that may go away, how long is waited before, and after which kinds. An
 * attempt is in no key and a failure is never stored, so a result does not show how many attempts it took; the run record does.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ERROR_CODES, type SerializedError } from '../core/errors.js';
import type { JsonValue } from '../core/json.js';
import type { Diagnostics } from './diagnostics.js';
import type { StageEntry } from './pipeline-file.js';
import type { RetryKind, RetryPolicy } from './plan.js';
import type { StageScope } from './scope.js';
import { describeNode, kindOf, shownValue } from './source-node.js';
import type { MapEntry, SourceNode } from './source-node.js';
import { MILLISECONDS, quantity } from './stage-resources.js';
import { suggestion } from './suggest.js';

export const RETRY_KINDS = ['crash', 'timeout', 'error', 'data'] as const satisfies readonly RetryKind[];
export const RETRY_FIELDS = ['times', 'delay', 'on'] as const;

export const MOST_RETRIES = 100;
const DEFAULT_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 3_600_000;
const DEFAULT_KINDS: readonly RetryKind[] = ['crash', 'timeout', 'error'];

const DATA_CODES: ReadonlySet<string> = new Set(['E_DATA', 'E_FORMAT', 'E_GRAPH', 'E_NOT_DIFFERENTIABLE', 'E_OPERATOR', 'E_NOT_CONVERGED', 'E_LEAK', 'E_OUTPUT_MISSING']);

/** What an error is to `on:`; undefined for what is never tried again: a cancellation, inputs that changed, a machine that lacks something. */
export function retryKind({ code }: Pick<SerializedError, 'code'>): RetryKind | undefined {
  if (code === 'E_STAGE_CRASHED') return 'crash';
  if (code === 'E_TIMEOUT') return 'timeout';
  if (DATA_CODES.has(code)) return 'data';
  if (code === 'BUG' || code === 'E_STORE_IO') return 'error';
  return code !== 'E_INPUT_CHANGED' && ERROR_CODES[code] === 1 ? 'error' : undefined;
}

/** How long to wait after attempt number `attempt` failed with `error`; undefined: it was the last. */
export function delayBefore(policy: RetryPolicy | undefined, attempt: number, error: Pick<SerializedError, 'code'>): number | undefined {
  const kind = retryKind(error);
  if (policy === undefined || attempt > policy.times || kind === undefined || !policy.on.includes(kind)) return undefined;
  return Math.min(policy.delayMs * 2 ** (attempt - 1), LONGEST_DELAY_MS);
}

/** False, at once, if `signal` is aborted meanwhile. */
export async function waitFor(delayMs: number, signal: AbortSignal): Promise<boolean> {
  return sleep(delayMs, true, { signal }).catch(() => false);
}

/** `name`: of the instance, for messages. undefined where there are none, or where they cannot be read (which is reported). */
export function readRetries({ retries: node }: StageEntry, name: string, scope: StageScope, diagnostics: Diagnostics): RetryPolicy | undefined {
  if (node === undefined) return undefined;
  if (node.kind !== 'map') {
    const value = scope.resolve(node);
    const times = value === undefined ? undefined : timesOf(value, node, name, diagnostics);
    return times === undefined || times === 0 ? undefined : { times, delayMs: DEFAULT_DELAY_MS, on: DEFAULT_KINDS };
  }
  let [times, delayMs, on]: [number | undefined, number, readonly RetryKind[]] = [undefined, DEFAULT_DELAY_MS, DEFAULT_KINDS];
  for (const field of node.entries.values()) {
    const value = scope.resolve(field.value);
    if (value === undefined) continue;
    if (field.key === 'times') times = timesOf(value, field.value, name, diagnostics);
    else if (field.key === 'delay') delayMs = quantity(field, value, MILLISECONDS, LONGEST_DELAY_MS, 'a time with its unit, e.g. 10 s, at most 1 h', name, diagnostics, 'retries') ?? delayMs;
    else if (field.key === 'on') on = kindsOf(field, value, name, diagnostics) ?? on;
    else diagnostics.error('E_UNKNOWN_FIELD', `"${field.key}" is not a field of retries of stage "${name}"`, { hint: suggestion(field.key, RETRY_FIELDS, ''), span: field.keySpan });
  }
  const misspelt = [...node.entries.keys()].some((key) => !RETRY_FIELDS.includes(key as 'times'));
  if (!node.entries.has('times') && !misspelt) diagnostics.error('E_MISSING_FIELD', `"times" is missing in retries of stage "${name}"`, { hint: 'add times: 2', span: node.span });
  return times === undefined || times === 0 ? undefined : { times, delayMs, on };
}

function timesOf(value: JsonValue, node: SourceNode, name: string, diagnostics: Diagnostics): number | undefined {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MOST_RETRIES) return value;
  const isNumber = typeof value === 'number';
  diagnostics.error(isNumber ? 'E_OUT_OF_RANGE' : 'E_WRONG_TYPE', `retries of stage "${name}" ${isNumber ? 'are out of range' : 'have the wrong type'}`, {
    facts: { expected: `an integer from 0 to ${MOST_RETRIES}`, found: isNumber ? value : `${kindOf(value)} ${shownValue(value)}` },
    hint: 'write e.g. retries: 2, or retries: { times: 2, delay: 10 s }',
    span: node.span,
  });
  return undefined;
}

function kindsOf({ value: node }: MapEntry, value: JsonValue, name: string, diagnostics: Diagnostics): readonly RetryKind[] | undefined {
  if (!Array.isArray(value) || value.length === 0) {
    diagnostics.error('E_WRONG_TYPE', `"on" in retries of stage "${name}" is not a list of kinds of failure`, { facts: { expected: `a list of ${RETRY_KINDS.join(', ')}`, found: describeNode(node) }, hint: 'write e.g. on: [crash, timeout]', span: node.span });
    return undefined;
  }
  for (const [i, kind] of (value as readonly JsonValue[]).entries()) {
    if (RETRY_KINDS.includes(kind as RetryKind)) continue;
    diagnostics.error('E_OUT_OF_RANGE', `${shownValue(kind)} is not a kind of failure`, { facts: { expected: RETRY_KINDS.join(', '), found: `${kindOf(kind)} ${shownValue(kind)}` }, hint: suggestion(String(kind), RETRY_KINDS, ''), span: ((node.kind === 'list' ? node.items[i] : undefined) ?? node).span });
    return undefined;
  }
  return value as unknown as readonly RetryKind[];
}
