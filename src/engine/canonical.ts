/**
 * One way to turn plain data into bytes for hashing. Structures are hashed, never concatenations: every value carries its type and its
 * length, so two different values never share an encoding, and a domain tag keeps a key from ever equalling an artifact's digest.
 *
 *   document = string(domain) value
 *   null `n` · true `t` · false `f` · integer `i<decimal>;` · other number `d<shortest decimal that reads back>;`
 *   string `s<UTF-8 bytes>:<text>` · list `a<count>:<values>` · map `o<count>:<string value …>` with keys sorted by their UTF-8 bytes
 *
 * What JSON.stringify would quietly bend (NaN, infinities, -0, undefined, Map, Date, lone surrogates) is refused with its place.
 * Must not know what is hashed.
 */
import { digestOf, type Digest } from '../core/digest.js';
import { PipelineError } from '../core/errors.js';
import type { JsonValue } from '../core/json.js';
import { escapePointer } from './json-pointer.js';

/** Deeper data is a mistake (a cycle, or a parser bomb) and would overflow the call stack. */
const MAX_DEPTH = 256;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** E_DATA with the JSON pointer of the offending value. */
export function canonicalEncode(domain: string, value: JsonValue): Uint8Array {
  return Buffer.from(encodeString(domain, []) + encode(value, []), 'utf8');
}

export function canonicalDigest(domain: string, value: JsonValue): Digest {
  return digestOf(canonicalEncode(domain, value));
}

/** Order of UTF-8 bytes, which is the order of code points; `<` on strings compares UTF-16 units and differs beyond U+FFFF. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return isSurrogate(x) === isSurrogate(y) ? x - y : isSurrogate(x) ? 1 : -1;
  }
  return a.length - b.length;
}

/**
 * JSON with sorted keys, for files: the same data gives the same bytes. NaN, infinities and anything that is not plain data are refused
 * (E_DATA with the place); a key whose value is undefined is absent, as in JSON.stringify, and -0 is written as 0.
 */
export function sortedJson(value: unknown, indent?: number): string {
  return JSON.stringify(sortKeys(value, []), undefined, indent);
}

/** Keys and indices that lead to a value; made into text only for a refusal, because this runs for every value of every key. */
type Path = (string | number)[];

function encode(value: unknown, path: Path): string {
  if (value === null) return 'n';
  if (value === true) return 't';
  if (value === false) return 'f';
  if (typeof value === 'string') return encodeString(value, path);
  if (typeof value === 'number') return encodeNumber(value, path);
  if (Array.isArray(value)) {
    checkDepth(path);
    let text = `a${value.length}:`;
    for (let i = 0; i < value.length; i += 1) {
      path.push(i);
      text += encode(value[i], path);
      path.pop();
    }
    return text;
  }
  const map = plainObject(value, path);
  const keys = sortedKeys(map);
  let text = `o${keys.length}:`;
  for (const key of keys) {
    text += encodeString(key, path);
    path.push(key);
    text += encode(map[key], path);
    path.pop();
  }
  return text;
}

function encodeString(text: string, path: Path): string {
  if (LONE_SURROGATE.test(text)) throw refusal(path, 'well-formed Unicode text', 'a lone surrogate');
  return `s${Buffer.byteLength(text, 'utf8')}:${text}`;
}

function encodeNumber(value: number, path: Path): string {
  if (!Number.isFinite(value)) throw refusal(path, 'a finite number', String(value));
  if (Object.is(value, -0)) throw refusal(path, 'a number other than negative zero', '-0');
  if (!Number.isInteger(value)) return `d${value};`;
  if (!Number.isSafeInteger(value)) throw refusal(path, 'an integer within ±(2^53 - 1)', String(value));
  return `i${value};`;
}

function sortKeys(value: unknown, path: Path): unknown {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw refusal(path, 'a finite number', String(value));
    return value;
  }
  if (Array.isArray(value)) {
    checkDepth(path);
    return Array.from(value, (item: unknown, i) => within(path, i, item));
  }
  const map = plainObject(value, path);
  const keys = sortedKeys(map);
  // As a property of an ordinary object `__proto__` would be lost; an object without prototype is slow to write, so only then.
  const sorted = (keys.includes('__proto__') ? Object.create(null) : {}) as Record<string, unknown>;
  // Integer-like keys come first in any JavaScript object whatever the order of insertion: still one fixed order for one set of keys.
  for (const key of keys) if (map[key] !== undefined) sorted[key] = within(path, key, map[key]);
  return sorted;
}

function within(path: Path, step: string | number, value: unknown): unknown {
  path.push(step);
  const sorted = sortKeys(value, path);
  path.pop();
  return sorted;
}

function sortedKeys(map: Record<string, unknown>): string[] {
  const keys = Object.keys(map);
  for (let i = 1; i < keys.length; i += 1) if (compareUtf8(keys[i - 1] as string, keys[i] as string) > 0) return keys.sort(compareUtf8);
  return keys;
}

function plainObject(value: unknown, path: Path): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw refusal(path, 'plain data', typeof value);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw refusal(path, 'plain data', `an instance of ${(value as object).constructor.name || 'a class'}`);
  }
  if (Object.getOwnPropertySymbols(value).length > 0) throw refusal(path, 'text as keys', 'a symbol');
  checkDepth(path);
  return value as Record<string, unknown>;
}

function checkDepth(path: Path): void {
  if (path.length >= MAX_DEPTH) throw refused(`${pointerOf(path).slice(0, 60)}…`, `at most ${MAX_DEPTH} levels`, 'more');
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

function pointerOf(path: Path): string {
  return path.map((step) => `/${escapePointer(String(step))}`).join('');
}

function refusal(path: Path, expected: string, found: string): PipelineError {
  return refused(pointerOf(path), expected, found);
}

function refused(place: string, expected: string, found: string): PipelineError {
  return new PipelineError('E_DATA', `"${place === '' ? '/' : place}" cannot be encoded`, {
    facts: { expected, found, place: place === '' ? '/' : place },
    hint: 'Use plain JSON values: text, finite numbers, true, false, null, lists and maps.',
  });
}
