/**
 * From what a JSON Schema validator says to what a person needs: which parameter, what was expected, what was found, the nearest valid name,
 * and the place in the file. One mistake gives one message: the branches of a union are not listed when one of them was clearly meant.
 */
import type { JsonObject, JsonValue } from '../core/json.js';
import type { SourceSpan } from '../core/source-span.js';
import type { Diagnostics } from './diagnostics.js';
import { escapePointer, unescapePointer } from './json-pointer.js';
import type { SchemaError } from './schema-validator.js';
import { branchesOf, enumerated, inWords, isObject, schemaOf } from './schema-words.js';
import { kindOf, shownValue } from './source-node.js';
import { nearest, suggestion } from './suggest.js';

export interface ParameterContext {
  readonly stage: string;
  readonly stageSpan: SourceSpan;
  readonly type: string;
  readonly schema: JsonObject;
  readonly value: JsonObject;
  /** parameters that could not be resolved: their absence is no error of its own */
  readonly unresolved: ReadonlySet<string>;
  /** place of the value (or of the key) that a JSON pointer names, or of the nearest thing around it */
  valueSpan(pointer: string): SourceSpan;
  keySpan(pointer: string): SourceSpan;
  /** the text `${…}` that gave the value, if one did */
  source(pointer: string): string | undefined;
}

export function reportParameterErrors(errors: readonly SchemaError[], context: ParameterContext, diagnostics: Diagnostics): void {
  const seen = new Set<string>();
  const misspelt = new Set<string>();
  // unknown names first: a missing one may be the same mistake
  const ordered = [...chosen(errors, context)].sort((a, b) => Number(b.keyword === 'additionalProperties') - Number(a.keyword === 'additionalProperties'));
  for (const error of ordered) {
    const property = error.params['additionalProperty'] ?? error.params['missingProperty'];
    const subject = `${error.instancePath}/${typeof property === 'string' ? escapePointer(property) : ''}`;
    if (seen.has(subject)) continue;
    seen.add(subject);
    if (error.keyword === 'additionalProperties') reportUnknown(error, subject, context, diagnostics, misspelt);
    else if (error.keyword === 'required') reportMissing(error, subject, context, diagnostics, misspelt);
    else reportValue(error, context, diagnostics);
  }
}

/** Replaces the errors of a union by those of the branch that was meant, or by one error of the union itself. */
function chosen(errors: readonly SchemaError[], context: ParameterContext): readonly SchemaError[] {
  const unions = errors.filter((error) => error.keyword === 'anyOf' || error.keyword === 'oneOf');
  const isWithin = (error: SchemaError, union: SchemaError): boolean => error !== union && error.schemaPath.startsWith(`${union.schemaPath}/`) && error.instancePath.startsWith(union.instancePath);
  const outermost = unions.filter((union) => !unions.some((other) => isWithin(union, other)));
  const result = errors.filter((error) => !unions.includes(error) && !outermost.some((union) => isWithin(error, union)));
  for (const union of outermost) {
    const count = branchesOf(parentSchema(union, context.schema))?.length ?? 0;
    const branches = Array.from({ length: count }, (_, index) => errors.filter((error) => error.schemaPath.startsWith(`${union.schemaPath}/${index}/`) && error.instancePath.startsWith(union.instancePath)));
    const meant = branches.filter((branch) => !branch.some((error) => rulesOut(error, union)));
    result.push(...(meant.length === 1 ? chosen(meant[0] as SchemaError[], context) : [union]));
  }
  return result;
}

/** The value is of another type than this branch wants, or a field that tells branches apart says another one. */
function rulesOut(error: SchemaError, union: SchemaError): boolean {
  if (error.instancePath === union.instancePath) return ['type', 'const', 'enum', 'anyOf', 'oneOf'].includes(error.keyword);
  return error.keyword === 'const' && !error.instancePath.slice(union.instancePath.length + 1).includes('/');
}

function reportUnknown(error: SchemaError, pointer: string, context: ParameterContext, diagnostics: Diagnostics, misspelt: Set<string>): void {
  const name = error.params['additionalProperty'] as string;
  const known = Object.keys(schemaOf(parentSchema(error, context.schema)['properties']));
  const guess = nearest(name, known);
  if (guess !== undefined) misspelt.add(`${error.instancePath}/${escapePointer(guess)}`);
  const what = error.instancePath === '' ? `a parameter of stage type "${context.type}"` : `a part of parameter "${named(error.instancePath)}"`;
  diagnostics.error('E_UNKNOWN_PARAMETER', `"${name}" is not ${what}`, {
    facts: { stage: context.stage },
    hint: suggestion(name, known, 'remove it: there are no parameters here'),
    span: context.keySpan(pointer),
  });
}

function reportMissing(error: SchemaError, pointer: string, context: ParameterContext, diagnostics: Diagnostics, misspelt: ReadonlySet<string>): void {
  const name = error.params['missingProperty'] as string;
  if (misspelt.has(pointer) || (error.instancePath === '' && context.unresolved.has(name))) return;
  const schema = schemaOf(schemaOf(parentSchema(error, context.schema)['properties'])[name]);
  const { description } = schema;
  diagnostics.error('E_MISSING_FIELD', `parameter "${named(pointer)}" of stage "${context.stage}" is not given`, {
    facts: { expected: `${inWords(schema)}${typeof description === 'string' ? `: ${description}` : ''}` },
    hint: error.instancePath === '' ? `add ${name}: under params:` : `add ${name}: there`,
    span: error.instancePath === '' ? context.stageSpan : context.keySpan(error.instancePath),
  });
}

function reportValue(error: SchemaError, context: ParameterContext, diagnostics: Diagnostics): void {
  const schema = parentSchema(error, context.schema);
  const value = valueAt(context.value, error.instancePath);
  const values = enumerated(schema);
  const expected = inWords(schema);
  const sameKind = values === undefined ? error.keyword !== 'type' && branchesOf(schema) === undefined : values.some((each) => kindOf(each) === kindOf(value));
  const source = context.source(error.instancePath);
  diagnostics.error(sameKind ? 'E_OUT_OF_RANGE' : 'E_WRONG_TYPE', `parameter "${named(error.instancePath)}" of stage "${context.stage}" ${problem(values, sameKind)}`, {
    facts: { expected, found: typeof value === 'number' ? value : `${kindOf(value)} ${shownValue(value)}`, ...(source === undefined ? {} : { from: source }) },
    hint: values === undefined ? `give ${expected}` : suggestion(String(value), values.map(String), ''),
    span: context.valueSpan(error.instancePath),
  });
}

function problem(values: readonly JsonValue[] | undefined, sameKind: boolean): string {
  if (!sameKind) return 'has the wrong type';
  return values === undefined ? 'is out of range' : 'is not one of the known values';
}

/** The schema that holds the keyword which failed. */
function parentSchema(error: SchemaError, root: JsonObject): JsonObject {
  const segments = error.schemaPath.replace(/^#\/?/, '').split('/').slice(0, -1);
  let at: JsonValue | undefined = root;
  for (const segment of segments) {
    const key = unescapePointer(decodeURIComponent(segment));
    at = Array.isArray(at) ? (at as readonly JsonValue[])[Number(key)] : isObject(at) ? at[key] : undefined;
  }
  return schemaOf(at);
}

function valueAt(root: JsonValue, pointer: string): JsonValue | undefined {
  let at: JsonValue | undefined = root;
  for (const segment of pointer.split('/').slice(1)) {
    const key = unescapePointer(segment);
    at = Array.isArray(at) ? (at as readonly JsonValue[])[Number(key)] : isObject(at) ? at[key] : undefined;
  }
  return at;
}

/** `/optimizer/rates/0` → `optimizer.rates[0]` */
function named(pointer: string): string {
  return pointer.split('/').slice(1).map(unescapePointer).reduce((path, part) => (/^[0-9]+$/.test(part) ? `${path}[${part}]` : path === '' ? part : `${path}.${part}`), '');
}
