/**
 * The JSON Schema of pipeline files that editors use to complete, explain and check them (draft-07: what editors' YAML support knows). Made
 * from the stage manifests at build time; the engine itself checks files with the manifests, after references are resolved. So wherever a
 * value may be a reference this schema also allows `${…}`. The parameters of a stage are chosen by its `type`, not by one giant union.
 */
import type { JsonObject, JsonValue } from '../core/json.js';
import { ENV_NAME_PATTERN, NAME_PATTERN, PARAM_NAME_PATTERN } from './pipeline-file.js';
import { isObject, schemaOf } from './schema-words.js';
import type { InputPort, StageManifest } from './stage.js';
import { MOST_RETRIES, RETRY_KINDS } from './retries.js';
import { REFERENCE_PATTERN } from './stage-reference.js';
import { MEMORY_PATTERN, TIME_PATTERN } from './stage-resources.js';

const COORDINATE: JsonObject = { type: ['string', 'number', 'boolean'] };
const COORDINATES: JsonObject = { type: 'object', minProperties: 1, additionalProperties: COORDINATE };
const REFERENCE: JsonObject = { type: 'string', pattern: REFERENCE_PATTERN };
const PATH: JsonObject = { type: 'string', minLength: 1 };
const EXPRESSION: JsonObject = { type: 'string', pattern: '\\$\\{' };

function resourcesSchema(): JsonObject {
  return {
    type: 'object', additionalProperties: false, description: 'What the stage may use. Never part of its key.',
    properties: {
      cpus: orExpression({ type: 'integer', minimum: 1, description: 'Cores, and threads of its numerical libraries.' }),
      memory: orExpression({ type: 'string', pattern: MEMORY_PATTERN, description: 'e.g. 4 GB' }),
      time: orExpression({ type: 'string', pattern: TIME_PATTERN, description: 'The stage fails when it takes longer, e.g. 30 min.' }),
      gpu: orExpression({ type: 'integer', minimum: 0, description: 'Number of GPUs. No effect yet.' }),
    },
  };
}

function retriesSchema(): JsonObject {
  const times = orExpression({ type: 'integer', minimum: 0, maximum: MOST_RETRIES, description: 'Attempts after the first.' });
  return {
    description: 'How often the stage is tried again after a failure. Never part of its key.',
    anyOf: [times, {
      type: 'object', additionalProperties: false, required: ['times'],
      properties: {
        times,
        delay: orExpression({ type: 'string', pattern: TIME_PATTERN, default: '1 s', description: 'Before the second attempt; doubled before each further one, at most 1 h.' }),
        on: orExpression({ type: 'array', minItems: 1, items: { enum: [...RETRY_KINDS] }, description: 'After which kinds of failure; default crash, timeout and error.' }),
      },
    }],
  };
}

/** What a profile may change: values, not what a stage is or what it is connected to. */
function profileSchema(): JsonObject {
  const stage: JsonObject = {
    type: ['object', 'null'], additionalProperties: false,
    properties: {
      params: { type: 'object' }, matrix: { type: 'object' }, resources: resourcesSchema(), retries: retriesSchema(),
      when: { anyOf: [{ type: 'boolean' }, EXPRESSION] }, seed: orExpression({ type: 'integer' }),
    },
  };
  return {
    type: ['object', 'null'], additionalProperties: false,
    properties: {
      description: { type: 'string', description: 'What the profile is for.' },
      seed: orExpression({ type: 'integer' }),
      params: { type: 'object', propertyNames: { pattern: PARAM_NAME_PATTERN }, description: 'Values for params of the pipeline.' },
      stages: { type: 'object', propertyNames: { pattern: NAME_PATTERN }, additionalProperties: stage },
    },
  };
}

/** @param manifests in any order; the schema lists them sorted by type, so that the same types give the same bytes */
export function publishedSchema(manifests: Iterable<StageManifest>): JsonObject {
  const sorted = [...manifests].sort((a, b) => (a.type < b.type ? -1 : 1));
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'pipeline file',
    description: 'A directed acyclic graph of typed stages. See docs/pipeline-file.md.',
    type: 'object',
    additionalProperties: false,
    // what is extended may bring the name and the stages
    anyOf: [{ required: ['name', 'stages'] }, { required: ['extends'] }],
    properties: {
      extends: { description: 'Files to build on, relative to this one; of several the later wins, and this file itself last.', anyOf: [PATH, { type: 'array', minItems: 1, items: PATH }] },
      remove: { type: 'array', items: { type: 'string' }, description: 'Paths of what is inherited and not wanted, e.g. stages.dream or stages.dream.params.steps.' },
      name: { type: 'string', pattern: NAME_PATTERN, description: 'Name of the pipeline; also of its folder under results/.' },
      description: { type: 'string', description: 'What the pipeline is for, in a sentence or two.' },
      seed: orExpression({ type: 'integer', default: 0, description: 'Seed of every stage that draws random numbers and has none of its own.' }),
      env: { type: 'array', items: { type: 'string', pattern: ENV_NAME_PATTERN }, description: 'Environment variables that ${env.NAME} may read.' },
      modules: { type: 'array', items: { type: 'string', minLength: 1 }, description: 'TypeScript or JavaScript modules of the project that define stage types, relative to this file. See docs/own-code.md.' },
      params: { type: 'object', propertyNames: { pattern: PARAM_NAME_PATTERN }, description: 'Parameters of the pipeline with their defaults: ${params.NAME} in the stages, --set params.NAME=value on the command line.' },
      profiles: {
        type: 'object', propertyNames: { pattern: NAME_PATTERN }, description: 'Named changes, chosen with --profile.',
        additionalProperties: profileSchema(),
      },
      stages: {
        type: 'object', minProperties: 1, propertyNames: { pattern: NAME_PATTERN },
        description: 'Stages by name. Their order in the file does not matter.',
      },
    },
    if: { required: ['extends'] },
    then: { properties: { stages: { additionalProperties: { $ref: '#/definitions/layer' } } } },
    else: { properties: { stages: { additionalProperties: { $ref: '#/definitions/stage' } } } },
    definitions: {
      stage: stageSchema(sorted),
      layer: layerSchema(sorted),
      ...Object.fromEntries(sorted.flatMap((manifest) => [[`${manifest.type}.inputs`, inputsSchema(manifest)], [`${manifest.type}.params`, paramsSchema(manifest)]])),
    },
  };
}

/** A stage of a file that extends others: its type, and whatever it needs, may be inherited. */
function layerSchema(manifests: readonly StageManifest[]): JsonObject {
  const { required: _required, allOf: _allOf, ...rest } = stageSchema(manifests);
  return { ...rest, type: ['object', 'null'] };
}

function stageSchema(manifests: readonly StageManifest[]): JsonObject {
  return {
    type: 'object',
    additionalProperties: false,
    required: ['type'],
    properties: {
      type: {
        description: 'What kind of stage this is.',
        // a union of constants rather than an enum: editors then show the summary of each type
        anyOf: manifests.map((manifest) => ({ const: manifest.type, description: manifest.summary })),
      },
      matrix: {
        type: 'object',
        description: 'Axis → values: the stage stands for one instance a point of their product, ${matrix.AXIS} is the value of an instance. `exclude` removes points, `include` adds some.',
        propertyNames: { pattern: PARAM_NAME_PATTERN },
        properties: { exclude: orExpression({ type: 'array', items: COORDINATES, description: 'Points to leave out; an axis that is not named stands for all its values.' }), include: orExpression({ type: 'array', items: COORDINATES, description: 'Points to add, with a value on every axis.' }) },
        additionalProperties: orExpression({ type: 'array', minItems: 1, items: COORDINATE }),
      },
      when: { anyOf: [{ type: 'boolean' }, EXPRESSION], description: 'The stage is skipped where this is false, e.g. ${params.nsd == \'\'}.' },
      inputs: { type: 'object', description: 'Port: ${stages.NAME} or ${stages.NAME.OUTPUT}, one instance as ${stages.NAME[axis=value].OUTPUT}; at a port that takes many also a list, or a map of names to references.' },
      params: { type: 'object', description: 'Parameters of the stage.' },
      seed: orExpression({ type: 'integer', description: 'Seed of this stage instead of the pipeline\'s.' }),
      retries: retriesSchema(),
      resources: resourcesSchema(),
    },
    allOf: manifests.map((manifest) => {
      const needed = [
        ...(Object.values(manifest.inputs).some((port) => port.optional !== true) ? ['inputs'] : []),
        ...(requiredOf(manifest).length > 0 ? ['params'] : []),
      ];
      return {
        if: { properties: { type: { const: manifest.type } }, required: ['type'] },
        then: {
          properties: { inputs: { $ref: `#/definitions/${manifest.type}.inputs` }, params: { $ref: `#/definitions/${manifest.type}.params` } },
          ...(needed.length > 0 ? { required: needed } : {}),
        },
      };
    }),
  };
}

function requiredOf(manifest: StageManifest): readonly string[] {
  const required = manifest.params['required'];
  // a required parameter with a default is filled in
  return Array.isArray(required) ? (required as readonly string[]).filter((name) => schemaOf(schemaOf(manifest.params['properties'])[name])['default'] === undefined) : [];
}

function inputsSchema(manifest: StageManifest): JsonObject {
  const ports = Object.entries(manifest.inputs);
  if (manifest.ownPorts === true) return { type: 'object', propertyNames: { pattern: PARAM_NAME_PATTERN }, additionalProperties: portSchema({ type: 'any artifact', description: 'an input of the stage\'s own', many: true }) };
  return {
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(ports.map(([name, port]) => [name, portSchema(port)])),
    required: ports.filter(([, port]) => port.optional !== true).map(([name]) => name),
  };
}

function portSchema(port: InputPort): JsonObject {
  const marks = [...(port.optional === true ? ['optional'] : []), ...(port.many === true ? ['many'] : [])];
  const description = `${port.type}${marks.length === 0 ? '' : ` (${marks.join(', ')})`}: ${port.description}`;
  if (port.many !== true) return { ...REFERENCE, description };
  return { description, anyOf: [REFERENCE, { type: 'array', minItems: 1, items: REFERENCE }, { type: 'object', minProperties: 1, additionalProperties: REFERENCE }] };
}

function paramsSchema(manifest: StageManifest): JsonObject {
  const { required, ...rest } = relax(manifest.params);
  const needed = requiredOf(manifest);
  return { ...rest, description: manifest.summary, ...(required !== undefined && needed.length > 0 ? { required: needed } : {}) };
}

/** The same schema with `${…}` allowed in place of every value inside it. */
function relax(schema: JsonObject): JsonObject {
  const result: Record<string, JsonValue> = { ...schema };
  if (isObject(schema['properties'])) result['properties'] = Object.fromEntries(Object.entries(schema['properties']).map(([name, child]) => [name, orExpression(schemaOf(child))]));
  for (const keyword of ['items', 'additionalProperties'] as const) {
    const child = schema[keyword];
    if (isObject(child)) result[keyword] = orExpression(child);
    else if (Array.isArray(child)) result[keyword] = (child as readonly JsonValue[]).map((each) => orExpression(schemaOf(each)));
  }
  for (const keyword of ['anyOf', 'oneOf', 'allOf'] as const) {
    const children = schema[keyword];
    if (Array.isArray(children)) result[keyword] = (children as readonly JsonValue[]).map((each) => relax(schemaOf(each)));
  }
  return result;
}

function orExpression(schema: JsonObject): JsonObject {
  const { description, default: fallback, ...rest } = relax(schema);
  return {
    ...(description === undefined ? {} : { description }),
    ...(fallback === undefined ? {} : { default: fallback }),
    anyOf: [rest, EXPRESSION],
  };
}
