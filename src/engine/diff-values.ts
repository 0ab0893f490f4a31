/** The leaves in which two JSON values differ, each with its place. Pure; knows no run and no key. */
import type { JsonObject, JsonValue } from '../core/json.js';
import { sortedJson } from './canonical.js';

export interface ValueChange {
  /** `grid.lr` */
  readonly path: string;
  /** absent: it is not there */
  readonly before?: JsonValue;
  readonly after?: JsonValue;
}

/** Sorted by place. */
export function diffValues(before: JsonObject, after: JsonObject, under = ''): ValueChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((name): ValueChange[] => {
    const was = Object.hasOwn(before, name) ? before[name] : undefined;
    const is = Object.hasOwn(after, name) ? after[name] : undefined;
    const path = `${under}${name}`;
    if (isMap(was) && isMap(is)) return diffValues(was, is, `${path}.`);
    if (was !== undefined && is !== undefined && sortedJson(was) === sortedJson(is)) return [];
    return [{ path, ...(was === undefined ? {} : { before: was }), ...(is === undefined ? {} : { after: is }) }];
  });
}

function isMap(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
