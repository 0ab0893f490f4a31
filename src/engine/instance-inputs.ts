/**
 * Edges between instances. A reference means, of the instances of a stage, those that have the selected coordinates and agree with the consumer
 * on the axes that both have. At a port that takes one artifact that must leave one instance; at a port that takes many, all that are left come
 * in, each labelled with the coordinates that it does not share with the consumer (and `name`, where the sources stand in a map).
 *
 * Per source the producer's instances are put into buckets once, so that N instances that each take one cost N look-ups, not N².
 */
import { PipelineError } from '../core/errors.js';
import type { SourceSpan } from '../core/source-span.js';
import { compareCoordinates, coordinatesText, coordinateText, instanceName, sortedCoordinates } from './coordinates.js';
import type { Coordinate, Coordinates } from './coordinates.js';
import type { Diagnostics } from './diagnostics.js';
import type { Matrix } from './matrix.js';
import { NAME_LABEL } from './pipeline-file.js';
import type { StageEntry } from './pipeline-file.js';
import type { InputBinding } from './plan.js';
import type { StageScope } from './scope.js';
import type { SelectedAxis } from './selection.js';
import { kindOf, shownValue } from './source-node.js';
import type { ScalarNode } from './source-node.js';
import type { Connection, Source } from './stage-inputs.js';
import type { StageReference } from './stage-reference.js';
import { suggestion } from './suggest.js';

/** One connection, ready to be asked for the edges of each instance. */
export interface Joined {
  readonly port: string;
  readonly many: boolean;
  readonly sources: readonly JoinedSource[];
}

/** How many edges the pipeline may still have; below zero, no more are made. */
export interface EdgeBudget {
  left: number;
}

interface JoinedSource extends Source {
  readonly matrix: Matrix;
  /** the axes that tell which instances are meant: shared ones, then selected ones */
  readonly shared: readonly string[];
  readonly selection: readonly Selected[];
  /** values on those axes → the instances there */
  readonly buckets: Buckets;
  /** makes the edges to the instances of a bucket, in the canonical order of their labels: once, and only when somebody has room for them */
  readonly edgesTo: (bucket: readonly Coordinates[]) => readonly InputBinding[];
  /** axis → the values that its instances have, where somebody had to know */
  readonly values: Map<string, ReadonlySet<Coordinate>>;
  /** selected axis and value → what is wrong with it */
  readonly wrong: Map<string, PipelineError>;
}

interface Selected {
  readonly axis: string;
  readonly node: ScalarNode;
}

/** Checks the axes of every source. Sources that do not fit are reported and left out, those of a stage without a readable matrix silently. */
export function joinConnections(entry: StageEntry, axes: readonly string[], connections: readonly Connection[], matrices: ReadonlyMap<string, Matrix | undefined>, diagnostics: Diagnostics): Joined[] {
  const grouped: Grouped = new Map();
  return connections.map(({ port, many, sources }) => ({
    port, many,
    sources: sources.flatMap((source) => {
      const matrix = matrices.get(source.reference.stage);
      const joined = matrix === undefined ? undefined : joinSource(entry, axes, port, many, source, matrix, grouped, diagnostics);
      return joined === undefined ? [] : [joined];
    }),
  }));
}

type Buckets = ReadonlyMap<string, readonly Coordinates[]>;
/** A stage may name another one a thousand times: its instances are put into buckets once for each set of axes. */
type Grouped = Map<string, Buckets>;

function bucketsOf(stage: string, matrix: Matrix, axes: readonly string[], grouped: Grouped): Buckets {
  const id = JSON.stringify([stage, axes]);
  const known = grouped.get(id);
  if (known !== undefined) return known;
  const buckets = new Map<string, Coordinates[]>();
  for (const coordinates of matrix.instances) {
    const key = bucketKey(axes.map((axis) => coordinates[axis] as Coordinate));
    const bucket = buckets.get(key);
    if (bucket === undefined) buckets.set(key, [coordinates]);
    else bucket.push(coordinates);
  }
  grouped.set(id, buckets);
  return buckets;
}

function joinSource(entry: StageEntry, axes: readonly string[], port: string, many: boolean, source: Source, matrix: Matrix, grouped: Grouped, diagnostics: Diagnostics): JoinedSource | undefined {
  const { reference, output } = source;
  const { selection, stage } = reference;
  for (const { axis, at } of selection) {
    if (matrix.axes.includes(axis)) continue;
    diagnostics.error('E_MATRIX', `stage "${stage}" has no axis "${axis}"`, {
      hint: matrix.axes.length === 0 ? 'remove the brackets: it has no matrix' : suggestion(axis, matrix.axes, ''),
      span: reference.place(at, axis.length),
    });
    return undefined;
  }
  const selected = selection.map(({ axis }) => axis);
  const shared = matrix.axes.filter((axis) => axes.includes(axis) && !selected.includes(axis));
  const free = matrix.axes.filter((axis) => !shared.includes(axis) && !selected.includes(axis));
  if (!many && free.length > 0) return tooMany(entry, port, source, matrix, free, diagnostics);
  const buckets = bucketsOf(stage, matrix, [...shared, ...selected], grouped);
  const labelled = matrix.axes.filter((axis) => !shared.includes(axis));
  const own: Coordinates = reference.label === undefined ? {} : { [NAME_LABEL]: reference.label };
  const made = new Map<readonly Coordinates[], readonly InputBinding[]>();
  const edgesTo = (bucket: readonly Coordinates[]): readonly InputBinding[] => {
    const known = made.get(bucket);
    if (known !== undefined) return known;
    const edges = bucket.map((coordinates): InputBinding => {
      const labels = sortedCoordinates({ ...own, ...Object.fromEntries(labelled.map((axis) => [axis, coordinates[axis] as Coordinate])) });
      return { stage: instanceName(stage, coordinates), output, span: reference.span, ...(many ? { labels } : {}) };
    });
    if (many) edges.sort(byLabels);
    made.set(bucket, edges);
    return edges;
  };
  return { ...source, matrix, shared, selection: selection.map((each) => ({ axis: each.axis, node: nodeOf(each, reference) })), buckets, edgesTo, values: new Map(), wrong: new Map() };
}

/** A selected value as a value of the file: it may be a reference to a param or an axis. */
function nodeOf({ value, at, length }: SelectedAxis, reference: StageReference): ScalarNode {
  return { kind: 'scalar', value: value.kind === 'value' ? plain(value.value) : `\${${value.root}.${value.name}}`, span: reference.place(at, length) };
}

/** A text that looks like a reference is still a text. */
function plain(value: Coordinate): Coordinate {
  return typeof value === 'string' ? value.replaceAll('${', () => '$${') : value;
}

function tooMany(entry: StageEntry, port: string, { reference, output }: Source, matrix: Matrix, free: readonly string[], diagnostics: Diagnostics): undefined {
  const known = reference.selection.flatMap(({ axis, value }) => (value.kind === 'value' ? [[axis, value.value] as const] : []));
  const example = matrix.instances.find((coordinates) => known.every(([axis, value]) => coordinates[axis] === value)) ?? (matrix.instances[0] as Coordinates);
  const selection = [
    ...reference.selection.map(({ axis, value }) => `${axis}=${value.kind === 'value' ? coordinateText(value.value) : `${value.root}.${value.name}`}`),
    ...free.map((axis) => `${axis}=${coordinateText(example[axis] as Coordinate)}`),
  ].join(',');
  diagnostics.error('E_MATRIX', `stage "${reference.stage}" has ${free.length === 1 ? 'axis' : 'axes'} ${free.map((name) => `"${name}"`).join(', ')} that "${entry.name}" does not have`, {
    facts: { expected: `one artifact for input "${port}"`, found: `${matrix.instances.length} instances over ${matrix.axes.join(', ')}` },
    hint: `add ${free.join(', ')} to matrix: of "${entry.name}", select one, \${stages.${reference.stage}[${selection}].${output}}, or connect it to a port that takes many`,
    span: reference.span,
  });
  return undefined;
}

/**
 * The edges of one instance, port → edges in canonical order. What is missing or cannot be told apart is reported. Takes them from the budget
 * before they are put together, and ends when that is spent.
 */
export function edgesOf(entry: StageEntry, name: string, coordinates: Coordinates, joined: readonly Joined[], budget: EdgeBudget, scope: StageScope, diagnostics: Diagnostics): Record<string, readonly InputBinding[]> {
  const inputs: Record<string, readonly InputBinding[]> = {};
  for (const { port, many, sources } of joined) {
    const found: (readonly InputBinding[])[] = [];
    for (const source of sources) {
      const bucket = bucketFor(source, name, coordinates, scope, diagnostics);
      budget.left -= bucket.length;
      if (budget.left < 0) return inputs;
      found.push(source.edgesTo(bucket));
    }
    const edges = found.length === 1 ? (found[0] as readonly InputBinding[]) : found.flat().sort(byLabels);
    if (edges.length > 0) inputs[port] = edges;
    if (many && found.length > 1) checkApart(entry, port, edges, diagnostics);
  }
  return inputs;
}

function bucketFor(source: JoinedSource, name: string, coordinates: Coordinates, scope: StageScope, diagnostics: Diagnostics): readonly Coordinates[] {
  const { shared, selection, buckets } = source;
  const chosen: [axis: string, value: Coordinate][] = shared.map((axis) => [axis, coordinates[axis] as Coordinate]);
  for (const { axis, node } of selection) {
    const value = scope.resolve(node);
    if (value === undefined) return [];
    if (value === null || typeof value === 'object') {
      diagnostics.error('E_WRONG_TYPE', `axis "${axis}" cannot be selected by this value`, { facts: { expected: 'text, a number, true or false', found: `${kindOf(value)} ${shownValue(value)}` }, hint: 'select one coordinate', span: node.span });
      return [];
    }
    chosen.push([axis, value]);
  }
  const bucket = buckets.get(bucketKey(chosen.map(([, value]) => value)));
  if (bucket !== undefined) return bucket;
  report(source, name, chosen, diagnostics);
  return [];
}

const MOST_SHOWN = 12;
/** A guess looks at every value of the axis. */
const MOST_GUESSES = 12;

function report(source: JoinedSource, name: string, chosen: readonly (readonly [axis: string, value: Coordinate])[], diagnostics: Diagnostics): void {
  const { reference, matrix, shared } = source;
  const { stage } = reference;
  const wrong = chosen.slice(shared.length).find(([axis, value]) => !valuesOf(source, axis).has(value));
  if (wrong !== undefined) {
    diagnostics.add('error', wrongValue(source, ...wrong));
    return;
  }
  diagnostics.error('E_MATRIX', `"${name}" needs "${instanceName(stage, Object.fromEntries(chosen))}", which is not in the matrix of "${stage}"`, {
    facts: { expected: coordinatesText(Object.fromEntries(chosen)), found: `${matrix.instances.length} others` },
    hint: `add these coordinates to matrix: of "${stage}", or exclude them here too`,
    span: reference.span,
  });
}

function valuesOf({ matrix, values }: JoinedSource, axis: string): ReadonlySet<Coordinate> {
  const known = values.get(axis) ?? new Set(matrix.instances.map((coordinates) => coordinates[axis] as Coordinate));
  values.set(axis, known);
  return known;
}

/** Made once for all instances that select this value. */
function wrongValue(source: JoinedSource, axis: string, value: Coordinate): PipelineError {
  const { reference, selection, wrong } = source;
  const key = bucketKey([axis, value]);
  const known = wrong.get(key);
  if (known !== undefined) return known;
  const values = [...valuesOf(source, axis)];
  const found = coordinateText(value);
  const error = new PipelineError('E_MATRIX', `stage "${reference.stage}" has no instance with ${axis}=${found}`, {
    facts: { expected: `one of ${values.slice(0, MOST_SHOWN).map(coordinateText).join(', ')}${values.length > MOST_SHOWN ? ', …' : ''}`, found },
    hint: wrong.size < MOST_GUESSES ? suggestion(found, values.map(coordinateText), 'select another') : 'select another',
    span: (selection.find((each) => each.axis === axis) as Selected).node.span,
  });
  wrong.set(key, error);
  return error;
}

/** Only sources in a list can have equal labels: axes tell instances apart, and keys those of a map. */
function checkApart(entry: StageEntry, port: string, edges: readonly InputBinding[], diagnostics: Diagnostics): void {
  for (const [i, { labels = {}, span }] of edges.entries()) {
    const next = edges[i + 1];
    if (next === undefined || compareCoordinates(labels, next.labels ?? {}) !== 0) continue;
    diagnostics.error('E_MATRIX', `sources of input "${port}" of stage "${entry.name}" cannot be told apart`, {
      facts: { expected: 'different labels', found: `"${edges[i]?.stage as string}" and "${next.stage}" both have ${coordinatesText(labels) || 'none'}` },
      hint: `give them names: ${port}: { first: …, second: … }`,
      span: later(span, next.span),
    });
    return;
  }
}

function later(a: SourceSpan, b: SourceSpan): SourceSpan {
  return a.line > b.line || (a.line === b.line && a.column > b.column) ? a : b;
}

function byLabels(a: InputBinding, b: InputBinding): number {
  return compareCoordinates(a.labels ?? {}, b.labels ?? {});
}

function bucketKey(values: readonly Coordinate[]): string {
  return JSON.stringify(values);
}
