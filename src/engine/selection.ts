/**
 * The grammar of `[axis=value, …]` behind the name of a stage: in references (`${stages.voxels[sessions=40].voxels}`) and, without references
 * to params and axes, in selectors of the command line (`--force='voxels[seed=101]'`). Values are numbers, true, false, words, quoted texts,
 * `params.NAME` and `matrix.AXIS`. How names of instances are written is a part of it, so every name can be pasted as a selector.
 *
 *   selection := '[' axis '=' value (',' axis '=' value)* ']'
 */
import type { PipelineError } from '../core/errors.js';
import type { Coordinate } from './coordinates.js';

export type SelectedValue =
  | { readonly kind: 'value'; readonly value: Coordinate }
  | { readonly kind: 'path'; readonly root: 'params' | 'matrix'; readonly name: string };

export interface SelectedAxis {
  readonly axis: string;
  readonly value: SelectedValue;
  /** where the axis begins in the text, and how long axis and value are */
  readonly at: number;
  readonly length: number;
}

/** Makes the error of what is wrong at a place of the text. */
export type SelectionError = (message: string, at: number, length: number, hint: string) => PipelineError;

const SPACE = /[ \t\r\n]*/y;
const AXIS = /[A-Za-z_][A-Za-z0-9_]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![A-Za-z0-9_.])/y;
const PATH = /(params|matrix)\.([A-Za-z_][A-Za-z0-9_]*)/y;
const WORD = /[A-Za-z_][A-Za-z0-9_-]*/y;
const QUOTED = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/y;

/** Reads the selection that begins with the `[` at `start`; `end` is the offset just behind its `]`. */
export function parseSelection(text: string, start: number, error: SelectionError): { readonly axes: readonly SelectedAxis[]; readonly end: number } {
  const axes: SelectedAxis[] = [];
  let next = start + 1;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    SPACE.lastIndex = next;
    next += SPACE.exec(text)?.[0].length ?? 0;
    pattern.lastIndex = next;
    const found = pattern.exec(text);
    if (found !== null) next += found[0].length;
    return found;
  };
  const wanted = (what: string): PipelineError => error(`${what} is missing in "${text.slice(start)}"`, Math.min(next, text.length - 1), 1, 'write e.g. [seed=101, sessions=40]');
  for (;;) {
    const axis = match(AXIS);
    if (axis === null) throw wanted('the name of an axis');
    const at = next - axis[0].length;
    if (match(/=/y) === null) throw wanted('"="');
    const value = readValue(match);
    if (value === undefined) throw wanted('a value');
    if (axes.some((other) => other.axis === axis[0])) throw error(`axis "${axis[0]}" stands twice`, at, axis[0].length, 'remove one of them');
    axes.push({ axis: axis[0], value, at, length: next - at });
    if (match(/,/y) !== null) continue;
    if (match(/\]/y) === null) throw wanted('"," or "]"');
    return { axes, end: next };
  }
}

function readValue(match: (pattern: RegExp) => RegExpExecArray | null): SelectedValue | undefined {
  const number = match(NUMBER)?.[0];
  if (number !== undefined) return { kind: 'value', value: Number(number) === 0 ? 0 : Number(number) };
  const path = match(PATH);
  if (path !== null) return { kind: 'path', root: path[1] as 'params' | 'matrix', name: path[2] as string };
  const word = match(WORD)?.[0];
  if (word !== undefined) return { kind: 'value', value: word === 'true' ? true : word === 'false' ? false : word };
  const quoted = match(QUOTED)?.[0];
  return quoted === undefined ? undefined : { kind: 'value', value: quoted.slice(1, -1).replace(/\\(.)/gs, '$1') };
}
