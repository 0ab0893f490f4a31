/**
 * `matrix:` of a stage → the coordinates of its instances: the product of the axes in the order of the file (the last axis runs fastest), less
 * what `exclude:` names, plus what `include:` adds. Everything wrong is reported at its place; the product is never built when it is too large.
 */
import type { JsonObject, JsonValue } from '../core/json.js';
import type { SourceSpan } from '../core/source-span.js';
import { coordinatesText, coordinateText, NO_COORDINATES } from './coordinates.js';
import type { Coordinate, Coordinates } from './coordinates.js';
import type { Diagnostics } from './diagnostics.js';
import { isAxisName } from './pipeline-file.js';
import type { StageEntry } from './pipeline-file.js';
import type { StageScope } from './scope.js';
import { kindOf, shownValue } from './source-node.js';
import type { MapEntry, SourceNode } from './source-node.js';
import { suggestion } from './suggest.js';

export interface Matrix {
  /** in the order of the file; empty for a stage without a matrix */
  readonly axes: readonly string[];
  /** at least one; without a matrix the only one is the empty one */
  readonly instances: readonly Coordinates[];
}

/** Of one pipeline: as many stages as a plan is made for in seconds. */
export const MAX_INSTANCES = 100_000;
/** Of one product, excluded points too: each is looked at. */
const MAX_POINTS = 1_000_000;
/** Coordinates stand in names, also of folders. */
const LONGEST_TEXT = 128;
const NO_MATRIX: Matrix = { axes: [], instances: [NO_COORDINATES] };
const MOST_SHOWN = 12;

/** undefined: it cannot be read, which is reported. */
export function readMatrix(entry: StageEntry, scope: Pick<StageScope, 'resolve'>, diagnostics: Diagnostics): Matrix | undefined {
  if (entry.matrix === undefined) return NO_MATRIX;
  return new Reader(entry.name, scope, diagnostics).matrix(entry.matrix, entry);
}

interface Axis {
  readonly name: string;
  /** undefined: they cannot be read, which is reported */
  readonly values: ReadonlySet<Coordinate> | undefined;
}

/** A point of `exclude:` or `include:` and its place. */
interface Listed {
  readonly node: SourceNode;
  readonly value: Coordinates;
}

class Reader {
  #failed = false;

  constructor(readonly stage: string, readonly scope: Pick<StageScope, 'resolve'>, readonly diagnostics: Diagnostics) {}

  matrix(fields: ReadonlyMap<string, MapEntry>, { span }: StageEntry): Matrix | undefined {
    const axes = [...fields.values()].filter(({ key }) => key !== 'exclude' && key !== 'include').map((field) => this.#axis(field));
    const names = axes.map(({ name }) => name);
    const included = this.#list(fields.get('include'), 'include');
    const [first] = included;
    if (names.length === 0 && first !== undefined) names.push(...this.#namesOf(first));
    const excluded = this.#list(fields.get('exclude'), 'exclude');
    for (const { node, value } of excluded) this.#checkExcluded(value, axes, node);
    for (const { node, value } of included) this.#checkIncluded(value, names, node);
    if (this.#failed) return undefined;

    const size = axes.reduce((product, { values }) => product * (values?.size ?? 0), axes.length === 0 ? 0 : 1);
    const shown = axes.map(({ name, values }) => `${name} ${values?.size ?? 0}`).join(' × ');
    const tooLarge = (expected: string, count: number): undefined => this.#refuse(`matrix of stage "${this.stage}" is too large`, { expected, found: shown === '' ? count : `${count}: ${shown}` }, 'use fewer values, or split the sweep over several files', span);
    if (size > MAX_POINTS) return tooLarge(`at most ${MAX_POINTS} points, excluded ones too`, size);
    const found = new Map<string, Coordinates>();
    const isExcluded = matcher(excluded.map(({ value }) => value));
    let kept = 0;
    for (const coordinates of product(axes)) {
      if (isExcluded(coordinates)) continue;
      kept += 1;
      if (kept <= MAX_INSTANCES) found.set(coordinatesText(coordinates), coordinates);
    }
    for (const { value } of included) found.set(coordinatesText(value), value);
    if (Math.max(kept, found.size) > MAX_INSTANCES) return tooLarge(`at most ${MAX_INSTANCES} instances`, Math.max(kept, found.size));
    if (found.size > 0) return { axes: names, instances: [...found.values()] };
    return this.#refuse(`matrix of stage "${this.stage}" has no instances`, { expected: 'at least one', found: names.length === 0 ? 'no axis' : 'everything is excluded' }, names.length === 0 ? 'add an axis, e.g. seed: [1, 2, 3], or remove matrix:' : 'exclude less', span);
  }

  #axis({ key: name, value: node }: MapEntry): Axis {
    const value = this.scope.resolve(node);
    const what = `axis "${name}" of stage "${this.stage}"`;
    if (value === undefined) this.#failed = true;
    else if (!Array.isArray(value)) this.#refuse(`${what} is not a list`, { expected: 'a list of texts, numbers, true or false', found: `${kindOf(value)} ${shownValue(value)}` }, `write ${name}: [1, 2, 3], or a reference to a param that is a list`, node.span, 'E_WRONG_TYPE');
    else {
      const items = value as readonly JsonValue[];
      if (items.length === 0) this.#refuse(`${what} has no values`, { expected: 'at least one', found: 'an empty list' }, 'give it a value, or remove the axis', node.span);
      const seen = new Set<string>();
      let right = items.length > 0;
      for (const [index, item] of items.entries()) {
        const place = (node.kind === 'list' ? node.items[index] : undefined) ?? node;
        if (!this.#isCoordinate(item, what, place)) {
          right = false;
          continue;
        }
        const text = coordinateText(item);
        if (seen.has(text)) this.#refuse(`${what} has the value ${text} twice`, { expected: 'different values', found: shownValue(items) }, 'remove one of them', place.span);
        seen.add(text);
      }
      return { name, values: right ? new Set(items as readonly Coordinate[]) : undefined };
    }
    return { name, values: undefined };
  }

  #isCoordinate(value: JsonValue | undefined, what: string, place: SourceNode): value is Coordinate {
    if (typeof value === 'boolean') return true;
    if (typeof value === 'number') {
      if (Number.isSafeInteger(value) || !Number.isInteger(value)) return true;
      this.#refuse(`${what} has a number that cannot be held exactly`, { expected: 'integers within ±(2^53 - 1)', found: String(value) }, 'put it in quotes if it is a name', place.span, 'E_OUT_OF_RANGE');
      return false;
    }
    if (typeof value !== 'string') {
      this.#refuse(`${what} has a value that is no coordinate`, { expected: 'text, a number, true or false', found: `${kindOf(value)} ${shownValue(value)}` }, 'give each point a plain value, and look the rest up in params', place.span, 'E_WRONG_TYPE');
      return false;
    }
    // eslint-disable-next-line no-control-regex -- they would stand in names
    if (value.length <= LONGEST_TEXT && !/[\u0000-\u001f\u007f-\u009f]|\p{Surrogate}/u.test(value)) return true;
    this.#refuse(`${what} has a text that cannot stand in a name`, { expected: `at most ${LONGEST_TEXT} printable characters`, found: shownValue(value) }, 'use a short name, and look the text up in params', place.span, 'E_OUT_OF_RANGE');
    return false;
  }

  /** `exclude:` or `include:`: maps of coordinates with their places. */
  #list(field: MapEntry | undefined, name: string): Listed[] {
    if (field === undefined) return [];
    const value = this.scope.resolve(field.value);
    if (value === undefined) this.#failed = true;
    else if (!Array.isArray(value)) this.#refuse(`"${name}" of the matrix of stage "${this.stage}" is not a list`, { expected: 'a list of maps of coordinates', found: `${kindOf(value)} ${shownValue(value)}` }, `write ${name}: [{ seed: 1 }]`, field.value.span, 'E_WRONG_TYPE');
    else {
      return (value as readonly JsonValue[]).flatMap((item, index) => {
        const node = (field.value.kind === 'list' ? field.value.items[index] : undefined) ?? field.value;
        if (typeof item === 'object' && item !== null && !Array.isArray(item) && Object.keys(item).length > 0) {
          const right = Object.entries(item as JsonObject).every(([axis, each]) => this.#isCoordinate(each, `"${name}" of stage "${this.stage}", axis "${axis}",`, node));
          return right ? [{ node, value: item as unknown as Coordinates }] : [];
        }
        this.#refuse(`"${name}" of the matrix of stage "${this.stage}" holds something else than coordinates`, { expected: 'a map, axis: value', found: `${kindOf(item)} ${shownValue(item)}` }, `write ${name}: [{ seed: 1 }]`, node.span, 'E_WRONG_TYPE');
        return [];
      });
    }
    return [];
  }

  /** The axes where only included points have any: those of the first, which the others must have too. */
  #namesOf({ node, value }: Listed): string[] {
    const names = Object.keys(value);
    for (const name of names) if (!isAxisName(name, keySpan(node, name), this.diagnostics)) this.#failed = true;
    return names;
  }

  /** A coordinate that nothing has would exclude nothing: a slip of the pen. */
  #checkExcluded(coordinates: Coordinates, axes: readonly Axis[], node: SourceNode): void {
    for (const [name, value] of Object.entries(coordinates)) {
      const axis = axes.find((each) => each.name === name);
      if (axis === undefined) this.#unknownAxis(name, axes.map((each) => each.name), node);
      else if (axis.values?.has(value) === false) {
        const shown = [...axis.values].slice(0, MOST_SHOWN).map(coordinateText).join(', ');
        this.#refuse(`axis "${name}" of stage "${this.stage}" has no value ${coordinateText(value)} to exclude`, { expected: `one of ${shown}${axis.values.size > MOST_SHOWN ? ', …' : ''}`, found: coordinateText(value) }, 'correct the value', node.span);
      }
    }
  }

  #checkIncluded(coordinates: Coordinates, axes: readonly string[], node: SourceNode): void {
    const unknown = Object.keys(coordinates).filter((name) => !axes.includes(name));
    for (const name of unknown) this.#unknownAxis(name, axes, node);
    const missing = axes.filter((axis) => !Object.hasOwn(coordinates, axis));
    // a misspelt axis is one mistake, not two
    if (unknown.length === 0 && missing.length > 0) this.#refuse(`"include" of stage "${this.stage}" leaves coordinates out`, { expected: axes.join(', '), found: Object.keys(coordinates).join(', ') }, `add ${missing.join(', ')}: an instance has a value on every axis`, node.span);
  }

  #unknownAxis(name: string, axes: readonly string[], node: SourceNode): void {
    this.#refuse(`stage "${this.stage}" has no axis "${name}"`, {}, suggestion(name, axes, `add ${name}: with its values to matrix:`), keySpan(node, name));
  }

  #refuse(message: string, facts: Readonly<Record<string, string | number>>, hint: string, span: SourceSpan, code: 'E_MATRIX' | 'E_WRONG_TYPE' | 'E_OUT_OF_RANGE' = 'E_MATRIX'): undefined {
    this.#failed = true;
    this.diagnostics.error(code, message, { facts, hint, span });
    return undefined;
  }
}

function keySpan(node: SourceNode, name: string): SourceSpan {
  return node.kind === 'map' ? (node.entries.get(name)?.keySpan ?? node.span) : node.span;
}

/** Point by point: most of them may be excluded. */
function* product([axis, ...more]: readonly Axis[], point: Coordinates = NO_COORDINATES): Generator<Coordinates> {
  if (axis === undefined) return;
  for (const value of axis.values ?? []) {
    const next = { ...point, [axis.name]: value };
    if (more.length === 0) yield next;
    else yield* product(more, next);
  }
}

/** Does a point agree with one of the parts on the axes that the part names? Parts with the same axes are looked up together. */
function matcher(parts: readonly Coordinates[]): (coordinates: Coordinates) => boolean {
  const byAxes = new Map<string, { readonly axes: readonly string[]; readonly points: Set<string> }>();
  const keyOf = (coordinates: Coordinates, axes: readonly string[]): string => JSON.stringify(axes.map((axis) => coordinates[axis]));
  for (const part of parts) {
    const axes = Object.keys(part).sort();
    const group = byAxes.get(axes.join()) ?? { axes, points: new Set() };
    group.points.add(keyOf(part, axes));
    byAxes.set(axes.join(), group);
  }
  return (coordinates) => [...byAxes.values()].some(({ axes, points }) => points.has(keyOf(coordinates, axes)));
}
