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
  return Buffer.from(encodeString(domain, '') + encode(value, '', 0), 'utf8');
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
  return JSON.stringify(sortKeys(value, '', 0), undefined, indent);
}

function encode(value: unknown, place: string, depth: number): string {
  if (value === null) return 'n';
  if (value === true) return 't';
  if (value === false) return 'f';
  if (typeof value === 'string') return encodeString(value, place);
  if (typeof value === 'number') return encodeNumber(value, place);
  if (Array.isArray(value)) {
    checkDepth(depth, place);
    let text = `a${value.length}:`;
    for (let i = 0; i < value.length; i += 1) text += encode(value[i], `${place}/${i}`, depth + 1);
    return text;
  }
  const map = plainObject(value, place, depth);
  const keys = Object.keys(map).sort(compareUtf8);
  let text = `o${keys.length}:`;
  for (const key of keys) text += encodeString(key, place) + encode(map[key], child(place, key), depth + 1);
  return text;
}

function encodeString(text: string, place: string): string {
  if (LONE_SURROGATE.test(text)) throw refusal(place, 'well-formed Unicode text', 'a lone surrogate');
  return `s${Buffer.byteLength(text, 'utf8')}:${text}`;
}

function encodeNumber(value: number, place: string): string {
  if (!Number.isFinite(value)) throw refusal(place, 'a finite number', String(value));
  if (Object.is(value, -0)) throw refusal(place, 'a number other than negative zero', '-0');
  if (!Number.isInteger(value)) return `d${value};`;
  if (!Number.isSafeInteger(value)) throw refusal(place, 'an integer within ±(2^53 - 1)', String(value));
  return `i${value};`;
}

function sortKeys(value: unknown, place: string, depth: number): unknown {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw refusal(place, 'a finite number', String(value));
    return value;
  }
  if (Array.isArray(value)) {
    checkDepth(depth, place);
    return Array.from(value, (item: unknown, i) => sortKeys(item, `${place}/${i}`, depth + 1));
  }
  const map = plainObject(value, place, depth);
  // Integer-like keys come first in any JavaScript object whatever the order of insertion: still one fixed order for one set of keys.
  const sorted = Object.create(null) as Record<string, unknown>;
  for (const key of Object.keys(map).sort(compareUtf8)) {
    if (map[key] !== undefined) sorted[key] = sortKeys(map[key], child(place, key), depth + 1);
  }
  return sorted;
}

function plainObject(value: unknown, place: string, depth: number): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw refusal(place, 'plain data', typeof value);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw refusal(place, 'plain data', `an instance of ${(value as object).constructor.name || 'a class'}`);
  }
  if (Object.getOwnPropertySymbols(value).length > 0) throw refusal(place, 'text as keys', 'a symbol');
  checkDepth(depth, place);
  return value as Record<string, unknown>;
}

function checkDepth(depth: number, place: string): void {
  if (depth >= MAX_DEPTH) throw refusal(`${place.slice(0, 60)}…`, `at most ${MAX_DEPTH} levels`, 'more');
}

function child(place: string, key: string): string {
  return `${place}/${escapePointer(key)}`;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

function refusal(place: string, expected: string, found: string): PipelineError {
  return new PipelineError('E_DATA', `"${place === '' ? '/' : place}" cannot be encoded`, {
    facts: { expected, found, place: place === '' ? '/' : place },
    hint: 'Use plain JSON values: text, finite numbers, true, false, null, lists and maps.',
  });
}
