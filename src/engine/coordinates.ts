/**
 * Coordinates: axis → value. They tell the instances of one stage of the file apart (`voxels[seed=101,sessions=4]`), and the artifacts at one
 * port. Here is how they are written, compared and turned into names of files. Axes are written in the order of the alphabet, so that a name
 * does not depend on the order in the file; equal texts mean equal coordinates. Knows no pipeline.
 */
import { digestOf } from '../core/digest.js';
import { compareUtf8 } from './canonical.js';
import type { Labels } from './stage.js';

export type Coordinate = string | number | boolean;
/** Same data as the labels of an artifact. */
export type Coordinates = Labels;

export const NO_COORDINATES: Coordinates = {};

/** Texts that stand without quotes in a name. */
const BARE = /^[A-Za-z_][A-Za-z0-9_-]*$/;
const KEYWORDS: ReadonlySet<string> = new Set(['true', 'false', 'null']);

/** `101`, `true`, `faces`, `"a b"`: different values give different texts. */
export function coordinateText(value: Coordinate): string {
  if (typeof value !== 'string') return String(value);
  return BARE.test(value) && !KEYWORDS.has(value) ? value : JSON.stringify(value);
}

/** `seed=101,sessions=4` */
export function coordinatesText(coordinates: Coordinates): string {
  return sortedEntries(coordinates).map(([axis, value]) => `${axis}=${coordinateText(value)}`).join(',');
}

/** `voxels[seed=101,sessions=4]`; the bare name where there are no coordinates. */
export function instanceName(base: string, coordinates: Coordinates): string {
  const text = coordinatesText(coordinates);
  return text === '' ? base : `${base}[${text}]`;
}

/** The stage of the file that an instance belongs to. */
export function baseName(name: string): string {
  const bracket = name.indexOf('[');
  return bracket < 0 ? name : name.slice(0, bracket);
}

/** The characters that stand for themselves in names of files; the rest is written as `%` and its UTF-8 bytes. */
const DIGEST_LETTERS = 16;
const NOT_PLAIN = /[^A-Za-z0-9_.=,+-]/gu;
const LONGEST_SEGMENT = 200;

/** Relative path for what belongs to a stage: `voxels`, `voxels/seed=101,sessions=4`. Different names give different paths on every file system that tells A from a. */
export function stagePath(name: string): string {
  const base = baseName(name);
  if (base === name) return base;
  const text = name.slice(base.length + 1, -1).replace(NOT_PLAIN, (character) => [...Buffer.from(character)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''));
  if (text.length <= LONGEST_SEGMENT) return `${base}/${text}`;
  return `${base}/${text.slice(0, LONGEST_SEGMENT - DIGEST_LETTERS - 1)}~${digestOf(name).slice(0, DIGEST_LETTERS)}`;
}

/** The canonical order of labels: by axis, then by value (false, true, numbers by size, texts by their UTF-8 bytes), coordinates with fewer axes first. */
export function compareCoordinates(a: Coordinates, b: Coordinates): number {
  const [left, right] = [sortedEntries(a), sortedEntries(b)];
  for (let i = 0; i < Math.min(left.length, right.length); i += 1) {
    const [[axisA, valueA], [axisB, valueB]] = [left[i] as Entry, right[i] as Entry];
    const order = compareUtf8(axisA, axisB) || compareValues(valueA, valueB);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** The same, axes in the order of the alphabet: whoever walks over them sees nothing of the order in the file. */
export function sortedCoordinates(coordinates: Coordinates): Coordinates {
  return Object.fromEntries(sortedEntries(coordinates));
}

/** `"voxels" (48), "readout[seed=1]"`: names for a message, those of one stage put together. */
export function namesInShort(names: readonly string[]): string {
  const groups = new Map<string, string[]>();
  for (const name of names) {
    const members = groups.get(baseName(name));
    if (members === undefined) groups.set(baseName(name), [name]);
    else members.push(name);
  }
  return [...groups].map(([base, members]) => (members.length === 1 ? `"${members[0] as string}"` : `"${base}" (${members.length})`)).join(', ');
}

type Entry = readonly [axis: string, value: Coordinate];

function sortedEntries(coordinates: Coordinates): Entry[] {
  return Object.entries(coordinates).sort(([a], [b]) => compareUtf8(a, b));
}

const RANK: Readonly<Record<string, number>> = { boolean: 0, number: 1, string: 2 };

function compareValues(a: Coordinate, b: Coordinate): number {
  if (typeof a === 'string' && typeof b === 'string') return compareUtf8(a, b);
  return (RANK[typeof a] as number) - (RANK[typeof b] as number) || Number(a) - Number(b);
}
