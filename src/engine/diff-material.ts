/**
 * The structural difference of two key materials, leaf by leaf: the exact reason why a key is another one. Pure.
 */
import type { JsonObject, JsonValue } from '../core/json.js';
import { canonicalDigest, compareUtf8 } from './canonical.js';
import { isDigest } from '../core/digest.js';
import { coordinatesText, type Coordinates } from './coordinates.js';
import type { ReasonCode, StageReason } from './reasons.js';
import type { KeyMaterial } from './record.js';

/** One leaf. Without `before` it was not there before, without `after` it is not there any more. */
export interface Change extends StageReason {
  readonly path: string;
}

const CODES: Readonly<Record<keyof KeyMaterial, ReasonCode>> = { format: 'engine', type: 'type', version: 'version', code: 'code', params: 'param', inputs: 'input', externals: 'external', services: 'service', seed: 'seed' };

const LONGEST_VALUE = 60;

/** From `before` to `after`, sorted by place. Empty if and only if both give the same key. */
export function diffMaterial(before: KeyMaterial, after: KeyMaterial): Change[] {
  const changes: Change[] = [];
  compare(before as unknown as JsonValue, after as unknown as JsonValue, [], changes);
  return changes.sort((a, b) => compareUtf8(a.path, b.path));
}

function compare(was: JsonValue | undefined, is: JsonValue | undefined, path: readonly string[], changes: Change[]): void {
  // Artifacts at a port that takes many are told apart by their labels, not by where they stand in the list.
  const labelled = isLabelled(was) || isLabelled(is);
  const before = labelled ? byLabels(was) : was;
  const after = labelled ? byLabels(is) : is;
  if (isMap(before) && isMap(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const inBefore = Object.hasOwn(before, key) ? before[key] : undefined;
      const inAfter = Object.hasOwn(after, key) ? after[key] : undefined;
      compare(inBefore, inAfter, labelled ? [...path.slice(0, -1), `${path.at(-1) as string}${key}`] : [...path, key], changes);
    }
    return;
  }
  if (before === undefined && after === undefined) return;
  if (before !== undefined && after !== undefined && same(before, after)) return;
  const place = path.join('.');
  changes.push({
    code: CODES[path[0] as keyof KeyMaterial],
    path: place,
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
    text: describe(place, before, after),
  });
}

function isLabelled(value: JsonValue | undefined): value is readonly JsonObject[] {
  return Array.isArray(value) && value.length > 0 && (value as readonly JsonValue[]).every((item) => isMap(item) && isMap(item['labels']) && typeof item['digest'] === 'string' && isDigest(item['digest']));
}

/** `[name=own,sessions=4]` → digest */
function byLabels(value: JsonValue | undefined): JsonValue | undefined {
  if (value === undefined) return {};
  if (!isLabelled(value)) return value;
  return Object.fromEntries(value.map(({ labels, digest }) => [`[${coordinatesText(labels as Coordinates)}]`, digest as string]));
}

/** Equal exactly when the key cannot tell them apart. */
function same(a: JsonValue, b: JsonValue): boolean {
  return canonicalDigest('diff/1', a) === canonicalDigest('diff/1', b);
}

function describe(place: string, before: JsonValue | undefined, after: JsonValue | undefined): string {
  if (before === undefined) return isContent(after) ? `${place} added` : `${place} added: ${show(after)}`;
  if (after === undefined) return isContent(before) ? `${place} removed` : `${place} removed: ${show(before)}`;
  return isContent(before) && isContent(after) ? `${place} changed` : `${place} ${show(before)} → ${show(after)}`;
}

/** Digests say nothing to a reader. */
function isContent(value: JsonValue | undefined): boolean {
  if (typeof value === 'string') return isDigest(value);
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string' && isDigest(item));
}

function show(value: JsonValue | undefined): string {
  const text = JSON.stringify(value);
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text;
}

function isMap(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
