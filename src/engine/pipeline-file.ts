/**
 * The shape of a pipeline file: which fields stand where. Takes located values, gives a typed structure whose values are still unresolved
 * (`${…}` is looked at later). Every unknown, missing or misshapen field is reported; reading goes on. Knows no stage type.
 */
import type { ErrorCode } from '../core/errors.js';
import type { SourceSpan } from '../core/source-span.js';
import type { Diagnostics } from './diagnostics.js';
import { describeNode, FORBIDDEN_NAMES } from './source-node.js';
import type { MapEntry, MapNode, SourceNode } from './source-node.js';
import { nearest, suggestion } from './suggest.js';

export interface StageEntry {
  readonly name: string;
  /** where the name stands */
  readonly span: SourceSpan;
  readonly type: string;
  readonly typeSpan: SourceSpan;
  readonly when?: SourceNode;
  /** axis → values, and `exclude`, `include`; absent: the stage is one */
  readonly matrix?: ReadonlyMap<string, MapEntry>;
  readonly seed?: SourceNode;
  readonly inputs: ReadonlyMap<string, MapEntry>;
  readonly params: ReadonlyMap<string, MapEntry>;
  readonly resources: ReadonlyMap<string, MapEntry>;
  readonly retries?: SourceNode;
}

/** A path as the file has it, relative to the file. */
export interface ModuleEntry {
  readonly path: string;
  readonly span: SourceSpan;
}

export interface PipelineFile {
  readonly name: string;
  readonly description?: string;
  readonly seed?: SourceNode;
  readonly env: readonly string[];
  /** modules of the project with stage types of its own */
  readonly modules: readonly ModuleEntry[];
  readonly params: ReadonlyMap<string, MapEntry>;
  readonly stages: readonly StageEntry[];
}

export const PIPELINE_FIELDS = ['extends', 'remove', 'name', 'description', 'seed', 'env', 'modules', 'params', 'profiles', 'stages'] as const;
export const STAGE_FIELDS = ['type', 'when', 'matrix', 'inputs', 'params', 'resources', 'retries', 'seed'] as const;
/** Also the name of folders under results/, hence the narrow alphabet. */
export const NAME_PATTERN = '^[A-Za-z][A-Za-z0-9_-]{0,63}$';
/** Names that expressions can reach: a hyphen would be a minus there. */
export const PARAM_NAME_PATTERN = '^[A-Za-z_][A-Za-z0-9_]{0,63}$';
/** The label of sources that an input lists by name. */
export const NAME_LABEL = 'name';
/** What stands beside the axes in `matrix:`. */
export const MATRIX_LISTS: ReadonlySet<string> = new Set(['exclude', 'include']);
export const ENV_NAME_PATTERN = '^[A-Za-z_][A-Za-z0-9_]{0,127}$';

const EMPTY: ReadonlyMap<string, MapEntry> = new Map();

/** undefined when there is no usable structure at all; otherwise what could be read, with errors among the diagnostics. */
export function readPipelineFile(root: SourceNode, diagnostics: Diagnostics): PipelineFile | undefined {
  const read = new Reader(diagnostics);
  if (root.kind !== 'map') {
    read.wrongType('the pipeline file', 'a map with name: and stages:', root);
    return undefined;
  }
  read.knownFields(root, PIPELINE_FIELDS, 'the pipeline file');
  const name = read.required(root, 'name', PIPELINE_FIELDS, 'the pipeline file', root.span);
  const stages = read.required(root, 'stages', PIPELINE_FIELDS, 'the pipeline file', root.span);
  const description = root.entries.get('description')?.value;
  const seed = root.entries.get('seed')?.value;
  return {
    name: name === undefined ? '' : read.name(name, 'name of the pipeline'),
    ...(description === undefined ? {} : { description: read.text(description, 'description') }),
    ...(seed === undefined ? {} : { seed }),
    env: read.environment(root.entries.get('env')?.value),
    modules: read.modules(root.entries.get('modules')?.value),
    params: read.params(root.entries.get('params')?.value),
    stages: stages === undefined ? [] : read.stages(stages),
  };
}

/** For axes that stand nowhere but in the points of `include:`. What is wrong is reported. */
export function isAxisName(name: string, span: SourceSpan, diagnostics: Diagnostics): boolean {
  return new Reader(diagnostics).axisName(name, span);
}

class Reader {
  constructor(readonly diagnostics: Diagnostics) {}

  wrongType(what: string, expected: string, node: SourceNode, hint = `write ${expected}`): void {
    this.diagnostics.error('E_WRONG_TYPE', `${what} has the wrong type`, { facts: { expected, found: describeNode(node) }, hint, span: node.span });
  }

  knownFields(map: MapNode, fields: readonly string[], where: string): void {
    for (const { key, keySpan } of map.entries.values()) {
      if (fields.includes(key)) continue;
      this.diagnostics.error('E_UNKNOWN_FIELD', `"${key}" is not a field of ${where}`, { hint: suggestion(key, fields, ''), span: keySpan });
    }
  }

  required(map: MapNode, field: string, fields: readonly string[], where: string, span: SourceSpan): SourceNode | undefined {
    const entry = map.entries.get(field);
    // a misspelt field is one mistake, not two
    const misspelt = [...map.entries.keys()].some((key) => !fields.includes(key) && nearest(key, fields) === field);
    if (entry === undefined && !misspelt) this.diagnostics.error('E_MISSING_FIELD', `"${field}" is missing in ${where}`, { hint: `add ${field}:`, span });
    return entry?.value;
  }

  text(node: SourceNode, what: string): string {
    if (node.kind === 'scalar' && typeof node.value === 'string') return node.value;
    this.wrongType(what, 'text', node, node.kind === 'scalar' ? 'put it in quotes' : 'write one text');
    return '';
  }

  name(node: SourceNode, what: string): string {
    const text = this.text(node, what);
    if (node.kind === 'scalar' && typeof node.value === 'string') this.checkName(text, NAME_PATTERN, what, node.span);
    return text;
  }

  checkName(name: string, pattern: string, what: string, span: SourceSpan, code: ErrorCode = 'E_BAD_NAME'): boolean {
    if (new RegExp(pattern).test(name) && !FORBIDDEN_NAMES.has(name)) return true;
    const hyphen = pattern === PARAM_NAME_PATTERN ? 'letters, digits and _' : 'letters, digits, _ and -';
    this.diagnostics.error(code, `"${name}" cannot be the ${what}`, { facts: { expected: `a letter, then ${pattern === ENV_NAME_PATTERN ? 'letters, digits and _' : `up to 63 ${hyphen}`}` }, hint: 'choose another name', span });
    return false;
  }

  environment(node: SourceNode | undefined): string[] {
    if (node === undefined) return [];
    if (node.kind !== 'list') {
      this.wrongType('env', 'a list of names of environment variables', node, 'write env: [NAME]');
      return [];
    }
    const names: string[] = [];
    for (const item of node.items) {
      const name = this.text(item, 'name of an environment variable');
      if (name !== '' && this.checkName(name, ENV_NAME_PATTERN, 'name of an environment variable', item.span)) names.push(name);
    }
    return names;
  }

  modules(node: SourceNode | undefined): ModuleEntry[] {
    if (node === undefined) return [];
    if (node.kind !== 'list') {
      this.wrongType('modules', 'a list of paths', node, 'write modules: [./stages/mine.ts]');
      return [];
    }
    const modules = node.items.map((item) => ({ path: this.text(item, 'path of a module'), span: item.span }));
    return modules.filter(({ path }) => path !== '');
  }

  params(node: SourceNode | undefined): ReadonlyMap<string, MapEntry> {
    const entries = this.map(node, 'params');
    for (const { key, keySpan } of entries.values()) this.checkName(key, PARAM_NAME_PATTERN, 'name of a parameter of the pipeline', keySpan);
    return entries;
  }

  /** A field that is a map; a field that is left empty counts as an empty one. */
  map(node: SourceNode | undefined, what: string): ReadonlyMap<string, MapEntry> {
    if (node === undefined || (node.kind === 'scalar' && node.value === null)) return EMPTY;
    if (node.kind === 'map') return node.entries;
    this.wrongType(what, 'a map', node, 'write one "name: value" a line');
    return EMPTY;
  }

  /** undefined where there is none, or something else (which is reported); left empty it is one without axes. */
  matrix(node: SourceNode | undefined, where: string): ReadonlyMap<string, MapEntry> | undefined {
    if (node === undefined) return undefined;
    const fields = this.map(node, `"matrix" of ${where}`);
    for (const { key, keySpan } of fields.values()) if (!MATRIX_LISTS.has(key)) this.axisName(key, keySpan);
    return fields === EMPTY && !(node.kind === 'scalar' && node.value === null) ? undefined : fields;
  }

  axisName(name: string, span: SourceSpan): boolean {
    const taken = name === NAME_LABEL ? 'this one labels the sources that an input lists by name' : MATRIX_LISTS.has(name) ? 'this one is a list of points of the matrix' : undefined;
    if (taken === undefined) return this.checkName(name, PARAM_NAME_PATTERN, 'name of an axis', span);
    this.diagnostics.error('E_BAD_NAME', `"${name}" cannot be the name of an axis`, { facts: { expected: `another name: ${taken}` }, hint: 'choose another name', span });
    return false;
  }

  stages(node: SourceNode): StageEntry[] {
    const entries = this.map(node, 'stages');
    if (entries.size === 0 && (node.kind === 'map' || (node.kind === 'scalar' && node.value === null))) this.diagnostics.error('E_MISSING_FIELD', '"stages" holds no stage', { hint: 'add at least one stage', span: node.span });
    return [...entries.values()].map((entry) => this.stage(entry)).filter((stage) => stage !== undefined);
  }

  stage({ key: name, keySpan: span, value }: MapEntry): StageEntry | undefined {
    this.checkName(name, NAME_PATTERN, 'name of a stage', span);
    const where = `stage "${name}"`;
    if (value.kind !== 'map') {
      this.wrongType(where, 'a map with type:', value, 'write type: and the other fields below the name');
      return { name, span, type: '', typeSpan: span, inputs: EMPTY, params: EMPTY, resources: EMPTY };
    }
    this.knownFields(value, STAGE_FIELDS, where);
    const type = this.required(value, 'type', STAGE_FIELDS, where, span);
    const field = (key: 'inputs' | 'params' | 'resources'): ReadonlyMap<string, MapEntry> => this.map(value.entries.get(key)?.value, `"${key}" of ${where}`);
    const when = value.entries.get('when')?.value;
    const seed = value.entries.get('seed')?.value;
    const retries = value.entries.get('retries')?.value;
    const matrix = this.matrix(value.entries.get('matrix')?.value, where);
    return {
      name, span,
      type: type === undefined ? '' : this.text(type, `type of ${where}`),
      typeSpan: type?.span ?? span,
      ...(when === undefined ? {} : { when }),
      ...(matrix === undefined ? {} : { matrix }),
      ...(seed === undefined ? {} : { seed }),
      ...(retries === undefined ? {} : { retries }),
      inputs: field('inputs'), params: field('params'), resources: field('resources'),
    };
  }
}
