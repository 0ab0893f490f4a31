/**
 * `matrix:` of a stage → the coordinates of its instances: the product of the axes in the order of the file (the last axis runs fastest), less
 * what `exclude:` names, plus what `include:` adds. Everything wrong is reported at its place; the product is never built when it is too large.
 */
import type { JsonObject, JsonValue } from '../core/json.js';
import { coordinatesText, coordinateText, NO_COORDINATES } from './coordinates.js';
import type { Coordinate, Coordinates } from './coordinates.js';
import type { Diagnostics } from './diagnostics.js';
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
  readonly values: readonly Coordinate[];
}

class Reader {
  #failed = false;

  constructor(readonly stage: string, readonly scope: Pick<StageScope, 'resolve'>, readonly diagnostics: Diagnostics) {}

  matrix(fields: ReadonlyMap<string, MapEntry>, { span }: StageEntry): Matrix | undefined {
    const axes = [...fields.values()].filter(({ key }) => key !== 'exclude' && key !== 'include').map((field) => this.#axis(field));
    const names = axes.map(({ name }) => name);
    const included = this.#list(fields.get('include'), 'include');
    if (names.length === 0 && included.length > 0) names.push(...Object.keys(included[0]?.value ?? {}));
    const excluded = this.#list(fields.get('exclude'), 'exclude');
    for (const { node, value } of excluded) this.#checkExcluded(value, axes, node);
    for (const { node, value } of included) this.#checkIncluded(value, names, node);
    if (this.#failed) return undefined;

    const size = axes.reduce((product, { values }) => product * values.length, axes.length === 0 ? 0 : 1) + included.length;
    if (size > MAX_INSTANCES) {
      const shown = axes.map(({ name, values }) => `${name} ${values.length}`).join(' × ');
      return this.#refuse(`matrix of stage "${this.stage}" is too large`, { expected: `at most ${MAX_INSTANCES} instances`, found: `${size}: ${shown}` }, 'use fewer values, or split the sweep over several files', span);
    }
    const found = new Map<string, Coordinates>();
    for (const coordinates of product(axes)) if (!excluded.some(({ value }) => agrees(coordinates, value))) found.set(coordinatesText(coordinates), coordinates);
    for (const { value } of included) found.set(coordinatesText(value), value);
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
      for (const [index, item] of items.entries()) {
        const place = (node.kind === 'list' ? node.items[index] : undefined) ?? node;
        if (!this.#isCoordinate(item, what, place)) continue;
        const text = coordinateText(item);
        if (seen.has(text)) this.#refuse(`${what} has the value ${text} twice`, { expected: 'different values', found: shownValue(items) }, 'remove one of them', place.span);
        seen.add(text);
      }
      return { name, values: items as readonly Coordinate[] };
    }
    return { name, values: [] };
  }

  #isCoordinate(value: JsonValue | undefined, what: string, place: SourceNode): value is Coordinate {
    if (typeof value === 'number' || typeof value === 'boolean') return true;
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
  #list(field: MapEntry | undefined, name: string): { readonly node: SourceNode; readonly value: Coordinates }[] {
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

  /** A coordinate that nothing has would exclude nothing: a slip of the pen. */
  #checkExcluded(coordinates: Coordinates, axes: readonly Axis[], node: SourceNode): void {
    for (const [name, value] of Object.entries(coordinates)) {
      const axis = axes.find((each) => each.name === name);
      if (axis === undefined) this.#unknownAxis(name, axes.map((each) => each.name), node);
      else if (!axis.values.includes(value)) {
        const shown = axis.values.slice(0, MOST_SHOWN).map(coordinateText).join(', ');
        this.#refuse(`axis "${name}" of stage "${this.stage}" has no value ${coordinateText(value)} to exclude`, { expected: `one of ${shown}${axis.values.length > MOST_SHOWN ? ', …' : ''}`, found: coordinateText(value) }, 'correct the value', node.span);
      }
    }
  }

  #checkIncluded(coordinates: Coordinates, axes: readonly string[], node: SourceNode): void {
    for (const name of Object.keys(coordinates)) if (!axes.includes(name)) this.#unknownAxis(name, axes, node);
    const missing = axes.filter((axis) => !Object.hasOwn(coordinates, axis));
    if (missing.length > 0) this.#refuse(`"include" of stage "${this.stage}" leaves coordinates out`, { expected: axes.join(', '), found: Object.keys(coordinates).join(', ') }, `add ${missing.join(', ')}: an instance has a value on every axis`, node.span);
  }

  #unknownAxis(name: string, axes: readonly string[], node: SourceNode): void {
    const span = node.kind === 'map' ? (node.entries.get(name)?.keySpan ?? node.span) : node.span;
    this.#refuse(`stage "${this.stage}" has no axis "${name}"`, {}, suggestion(name, axes, `add ${name}: with its values to matrix:`), span);
  }

  #refuse(message: string, facts: Readonly<Record<string, string>>, hint: string, span: SourceNode['span'], code: 'E_MATRIX' | 'E_WRONG_TYPE' | 'E_OUT_OF_RANGE' = 'E_MATRIX'): undefined {
    this.#failed = true;
    this.diagnostics.error(code, message, { facts, hint, span });
    return undefined;
  }
}

function product(axes: readonly Axis[]): Coordinates[] {
  if (axes.length === 0) return [];
  return axes.reduce<Coordinates[]>((points, { name, values }) => points.flatMap((point) => values.map((value) => ({ ...point, [name]: value }))), [NO_COORDINATES]);
}

/** On the axes that `part` names. */
function agrees(coordinates: Coordinates, part: Coordinates): boolean {
  return Object.entries(part).every(([axis, value]) => coordinates[axis] === value);
}
