import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { beforeAll, expect, test } from 'vitest';
import { loadPlan } from '../../src/engine/load-plan.js';
import { publishedSchema } from '../../src/engine/published-schema.js';
import type { ParameterCheck } from '../../src/engine/stage.js';
import { validatorCode } from '../../src/engine/validator-code.js';
import { FAKE_MANIFESTS, fakeRegistry } from '../rigs/fake-registry.js';

const fixture = (name: string): string => new URL(`../fixtures/pipelines/${name}`, import.meta.url).pathname;
const read = (name: string): Record<string, unknown> => parse(readFileSync(fixture(name), 'utf8')) as Record<string, unknown>;
const schema = publishedSchema(FAKE_MANIFESTS);
// strict: an unknown keyword would be a mistake of ours; editors ignore x-… keywords
const ajv = new Ajv({ allErrors: true, strict: true, strictTypes: false, strictRequired: false });
ajv.addVocabulary(['x-external']);
const validate = ajv.compile(schema);

test('the schema is valid draft-07 and the same bytes whatever the order of the types', () => {
  expect(ajv.validateSchema(schema)).toBe(true);
  expect(JSON.stringify(publishedSchema([...FAKE_MANIFESTS].reverse()))).toBe(JSON.stringify(schema));
});

test('it accepts the file with every feature', () => {
  validate(read('all-features.yaml'));
  expect(validate.errors).toBeNull();
});

test('it finds the mistakes that need no resolving, each at its path', () => {
  validate(read('many-mistakes.yaml'));
  const paths = new Set((validate.errors ?? []).map(({ instancePath }) => instancePath));
  for (const path of ['/name', '', '/stages/simulate/type', '/stages/source/when', '/stages/source/inputs', '/stages/voxels/inputs/nsd', '/stages/voxels/params/zscore', '/stages/features/params', '/stages/features/params/percent', '/stages/ridge/params/alphas/1', '/stages/ridge/params/solver', '/stages/ridge/resources/cpus', '/stages/dream', '/stages/dream/params/steps', '/stages/dream/params/optimizer']) {
    expect([...paths]).toContain(path);
  }
});

test.each([
  ['a reference for any parameter, also inside lists and maps', 'fake.ridge', { alphas: ['${params.a}', 1], limit: '${params.b}', solver: '${params.c}' }, true],
  ['text where a number belongs, without a reference', 'fake.ridge', { alphas: ['a'] }, false],
  ['a parameter of another type of stage', 'fake.ridge', { steps: 1 }, false],
  ['a reference inside a map', 'fake.dream', { optimizer: { rate: '${params.rate}' } }, true],
])('%s: %s', (_, type, params, valid) => {
  const inputs = type === 'fake.ridge' ? { voxels: '${stages.v}', features: '${stages.f.train}' } : { readout: '${stages.r}' };
  expect(validate({ name: 'x', stages: { a: { type, inputs, params } } })).toBe(valid);
});

test.each([
  ['lists and lists from params', { subject: [1, 'a', true], n: '${params.n}' }, true],
  ['points to leave out and to add', { n: [1, '${params.x}'], exclude: [{ n: 1 }], include: [{ n: 5 }] }, true],
  ['a value that is no list', { n: 3 }, false],
  ['a value that is a map', { n: [{ a: 1 }] }, false],
  ['an empty list', { n: [] }, false],
  ['points that are no maps', { n: [1], exclude: [1] }, false],
  ['an axis that cannot be a name', { 'a-b': [1] }, false],
])('a matrix with %s: %j', (_, matrix, valid) => {
  expect(validate({ name: 'x', stages: { a: { type: 'fake.simulate', matrix, params: { subject: '${matrix.subject}' } } } })).toBe(valid);
});

test.each([
  ['${stages.r}', true],
  ['${stages.r[n=4, m="a b"].readout}', true],
  [['${stages.r}', '${stages.q.readout}'], true],
  [{ own: '${stages.r}', other: '${stages.q[n=1]}' }, true],
  [[], false],
  [{}, false],
  [['r'], false],
  [{ own: ['${stages.r}'] }, false],
])('a port that takes many: %j is %s', (readouts, valid) => {
  expect(validate({ name: 'x', stages: { a: { type: 'fake.compare', inputs: { readouts } } } })).toBe(valid);
  expect(validate({ name: 'x', stages: { a: { type: 'fake.dream', inputs: { readout: readouts } } } })).toBe(valid && typeof readouts === 'string');
});

test('every type, port and parameter carries its description for hovering', () => {
  const definitions = schema['definitions'] as unknown as Record<string, { properties: Record<string, { description?: string; default?: unknown }>; description?: string }>;
  expect(definitions['fake.simulate.params']?.properties['subject']).toMatchObject({ description: 'number of the subject', default: 1 });
  expect(definitions['fake.source.inputs']?.properties['simulated']?.description).toBe('NsdTree (optional): NsdTree to use');
  expect(definitions['fake.dream.params']?.description).toBe('Dreams.');
  expect(definitions['fake.compare.inputs']?.properties['truths']?.description).toBe('Truth (optional, many): what is true');
});

let compiled: Record<string, ParameterCheck>;

beforeAll(() => {
  const module = { exports: {} as Record<string, ParameterCheck> };
  // the text is a CommonJS module that the build writes to a file
  new Function('require', 'module', 'exports', validatorCode(FAKE_MANIFESTS))(createRequire(import.meta.url), module, module.exports);
  compiled = module.exports;
});

test.each(['all-features.yaml', 'many-mistakes.yaml'])('validators compiled by the build give for %s exactly what ajv gives at run time', (name) => {
  const outcome = (validators?: () => Record<string, ParameterCheck>): unknown => {
    // fresh manifests: validators are remembered by schema
    const registry = fakeRegistry(structuredClone(FAKE_MANIFESTS) as typeof FAKE_MANIFESTS);
    const { plan, diagnostics } = loadPlan(fixture(name), { registry: { ...registry, ...(validators === undefined ? {} : { validators }) }, set: [], env: {} });
    return JSON.parse(JSON.stringify({ plan, errors: diagnostics.map(({ error }) => [error.code, error.message, error.facts, error.hint, error.span]) }));
  };
  let asked = 0;
  const built = outcome(() => {
    asked += 1;
    return compiled;
  });
  expect(asked).toBeGreaterThan(0);
  expect(built).toEqual(outcome());
});

test('a parameter schema that is no JSON Schema fails the build', () => {
  const [first] = FAKE_MANIFESTS;
  expect(first).toBeDefined();
  const broken = { ...(first as (typeof FAKE_MANIFESTS)[number]), params: { type: 'object', properties: { a: { type: 'integr' } } } };
  expect(() => validatorCode([broken])).toThrow(/schema is invalid/);
});

test.each([
  ['a number of retries', { retries: 2 }, true],
  ['retries with a delay and kinds', { retries: { times: '${params.n}', delay: '10 s', on: ['crash'] } }, true],
  ['retries without times', { retries: { delay: '10 s' } }, false],
  ['retries on an unknown kind', { retries: { times: 1, on: ['luck'] } }, false],
  ['too many retries', { retries: 101 }, false],
])('a stage with %s: %j', (_, fields, valid) => {
  expect(validate({ name: 'x', stages: { a: { type: 'fake.simulate', ...fields } } })).toBe(valid);
});

test.each([
  ['a file that extends needs neither name nor stages', { extends: 'base.yaml' }, true],
  ['nor do its stages need a type', { extends: ['a.yaml', 'b.yaml'], remove: ['stages.b'], stages: { a: { params: { subject: 2 } }, b: null } }, true],
  ['but no field of them is unknown', { extends: 'a.yaml', stages: { a: { typ: 'fake.simulate' } } }, false],
  ['a file that extends nothing needs both', { name: 'x' }, false],
  ['and its stages a type', { name: 'x', stages: { a: { params: {} } } }, false],
  ['a profile changes values', { name: 'x', profiles: { quick: { params: { n: 1 }, stages: { a: { seed: 1, retries: 1, resources: { cpus: 1 } } } } }, stages: { a: { type: 'fake.simulate' } } }, true],
  ['and no inputs', { name: 'x', profiles: { quick: { stages: { a: { inputs: {} } } } }, stages: { a: { type: 'fake.simulate' } } }, false],
])('%s: %j', (_, file, valid) => {
  expect(validate(file)).toBe(valid);
});
