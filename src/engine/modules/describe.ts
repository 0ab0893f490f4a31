/**
 * What a bundle defines, as manifests: runs in a worker process, so that a module that hangs, prints or ends the process harms nothing. Every
 * declaration is checked here, once for each change of the code; the planner then trusts the manifest as it does those of the build.
 */
import { PipelineError } from '../../core/errors.js';
import type { JsonObject } from '../../core/json.js';
import { PARAM_NAME_PATTERN } from '../pipeline-file.js';
import { ajvWith } from '../schema-validator.js';
import { isObject, schemaOf } from '../schema-words.js';
import { manifestOf, type StageCode, type StageDefinition, type StageManifest } from '../stage.js';
import { suggestion } from '../suggest.js';
import { definitionsIn } from './load-bundle.js';
import { threw } from './run-own-stage.js';

/** The dot keeps types of projects apart from words that this program may come to use. */
const TYPE_PATTERN = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*(?:\.[a-z][a-z0-9]*(?:-[a-z0-9]+)*)+$/;
const ARTIFACT_PATTERN = /^[A-Z][A-Za-z0-9]{0,63}$/;
const FIELDS: ReadonlySet<string> = new Set(['type', 'version', 'summary', 'description', 'params', 'inputs', 'outputs', 'needs', 'random', 'runs', 'resources', 'run']);
const INPUT_FIELDS = ['type', 'description', 'optional', 'many'] as const;
const OUTPUT_FIELDS = ['type', 'description', 'publish'] as const;

/** Errors: E_MODULE for a declaration that is wrong and for a module that throws, E_ENVIRONMENT. */
export async function describeBundle(code: StageCode): Promise<StageManifest[]> {
  let definitions: ReadonlyMap<string, StageDefinition>;
  try {
    definitions = await definitionsIn(code);
  } catch (error) {
    if (error instanceof PipelineError) throw error;
    throw threw('the module failed while it was loaded', error, {}, 'E_MODULE');
  }
  if (definitions.size === 0) throw wrong('the module exports no stage type', 'an export made with defineStage', 'none', 'write export default defineStage({ type: \'my.stage\', … })');
  const manifests = [...definitions].map(([name, definition]) => manifestFor(name, definition));
  const seen = new Set<string>();
  for (const { type } of manifests) {
    if (seen.has(type)) throw wrong(`"${type}" is defined twice in the module`, 'every type once', 'twice', 'rename one of them');
    seen.add(type);
  }
  return manifests;
}

function manifestFor(name: string, definition: StageDefinition): StageManifest {
  const { type, version, summary, description, inputs, outputs, needs, random, runs, resources } = definition;
  const what = typeof type === 'string' && type !== '' ? `stage type "${type}"` : `the stage type in export "${name}"`;
  const check = (right: boolean, field: string, expected: string, hint: string): void => {
    if (!right) throw wrong(`${field} of ${what} is not right`, expected, shown((definition as unknown as Record<string, unknown>)[field]), hint);
  };
  check(typeof type === 'string' && TYPE_PATTERN.test(type), 'type', 'lower-case words with at least one dot between them', 'write e.g. type: \'mylab.smooth\'');
  for (const field of Object.keys(definition)) {
    if (!FIELDS.has(field)) throw wrong(`"${field}" is not a field of ${what}`, 'a field of defineStage', field, suggestion(field, [...FIELDS], 'remove it'));
  }
  check(Number.isSafeInteger(version) && version >= 1, 'version', 'a whole number, 1 or more', 'write version: 1');
  check(typeof summary === 'string' && summary.trim() !== '', 'summary', 'one sentence', 'say in a sentence what the stage does');
  check(description === undefined || typeof description === 'string', 'description', 'text', 'write paragraphs of text, or leave it out');
  check(Array.isArray(needs) && needs.every((each) => typeof each === 'string'), 'needs', 'a list of services', 'write needs: []');
  check(typeof random === 'boolean', 'random', 'true or false', 'write random: true if it draws random numbers');
  check(runs === 'inline' || runs === 'worker', 'runs', 'inline or worker', 'write runs: \'worker\'');
  check(isObject(resources as never) && Number.isSafeInteger(resources.cpus) && resources.cpus >= 1 && resources.memoryMb > 0, 'resources', '{ cpus, memoryMb }', 'write resources: { cpus: 1, memoryMb: 512 }');
  checkPorts(what, 'input', inputs, INPUT_FIELDS);
  checkPorts(what, 'output', outputs, OUTPUT_FIELDS);
  if (Object.keys(outputs).length === 0) throw wrong(`${what} has no outputs`, 'at least one', 'none', 'declare what it makes: a stage without outputs cannot be stored');
  const manifest = manifestOf(definition);
  return { ...manifest, params: checkedSchema(what, manifest.params) };
}

function checkPorts(what: string, kind: 'input' | 'output', ports: unknown, fields: readonly string[]): void {
  if (!isObject(ports as never)) throw wrong(`${kind}s of ${what} are not right`, 'a map of ports', shown(ports), `write ${kind}s: {}`);
  for (const [name, port] of Object.entries(ports as Record<string, unknown>)) {
    const at = `${kind} "${name}" of ${what}`;
    if (!new RegExp(PARAM_NAME_PATTERN).test(name)) throw wrong(`${at} has a bad name`, 'a letter or _, then letters, digits and _', name, 'rename it');
    if (!isObject(port as never)) throw wrong(`${at} is not a port`, '{ type, description }', shown(port), 'write { type: \'Table\', description: \'…\' }');
    const declared = port as Record<string, unknown>;
    for (const field of Object.keys(declared)) if (!fields.includes(field)) throw wrong(`"${field}" is not a field of ${at}`, fields.join(', '), field, suggestion(field, fields, 'remove it'));
    if (typeof declared['type'] !== 'string' || !ARTIFACT_PATTERN.test(declared['type'])) throw wrong(`${at} has no artifact type`, 'a capital letter, then letters and digits', shown(declared['type']), 'write e.g. type: \'Table\'');
    if (typeof declared['description'] !== 'string') throw wrong(`${at} has no description`, 'text', shown(declared['description']), 'say what stands there');
    const { publish } = declared;
    if (publish !== undefined && !(Array.isArray(publish) && publish.every((each) => typeof each === 'string'))) throw wrong(`publish of ${at} is not right`, 'a list of file names', shown(publish), 'write publish: [\'*.png\']');
  }
}

/** As the planner uses it: no parameter but those it names. */
function checkedSchema(what: string, schema: JsonObject): JsonObject {
  if (schema['type'] !== 'object' || !isObject(schema['properties'] ?? {})) throw wrong(`params of ${what} are not right`, 'Type.Object({ … })', shown(schema).slice(0, 120), 'write params: Type.Object({})');
  for (const name of Object.keys(schemaOf(schema['properties']))) {
    if (!new RegExp(PARAM_NAME_PATTERN).test(name)) throw wrong(`parameter "${name}" of ${what} has a bad name`, 'a letter or _, then letters, digits and _', name, 'rename it');
  }
  const closed = schema['additionalProperties'] === undefined ? { ...schema, additionalProperties: false } : schema;
  try {
    const ajv = ajvWith({ strict: true, strictTypes: false, validateSchema: true, meta: true, messages: true });
    ajv.compile(closed);
  } catch (error) {
    throw wrong(`params of ${what} are no JSON Schema`, 'a schema as Type of "pipeline-encoding/stage" makes it', error instanceof Error ? error.message : String(error), 'correct the schema');
  }
  return closed;
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  return typeof value === 'function' ? 'a function' : (JSON.stringify(value) ?? String(value)).slice(0, 200);
}

function wrong(message: string, expected: string, found: string, hint: string): PipelineError {
  return new PipelineError('E_MODULE', message, { facts: { expected, found }, hint });
}

