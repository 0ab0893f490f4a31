import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/core/digest.js';
import { loadPlan } from '../../src/engine/load-plan.js';
import { fakeRegistry } from '../rigs/fake-registry.js';
import { load, pipeline, stageOf } from '../rigs/plan-rig.js';

const ALL_FEATURES = new URL('../fixtures/pipelines/all-features.yaml', import.meta.url).pathname;

function example(set: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
  const registry = fakeRegistry();
  const { plan, diagnostics } = loadPlan(ALL_FEATURES, { registry, set, env });
  expect(diagnostics.map(({ severity, error }) => `${severity}: ${error.message}`)).toEqual(['warning: resource "gpu" of stage "dream" has no effect']);
  expect(registry.loads.count).toBe(0);
  if (plan === undefined) throw new Error('no plan');
  return { plan, stages: new Map(plan.stages.map((stage) => [stage.name, stage])) };
}

describe('a file with every feature', () => {
  test('gives its stages in topological order with ties in the order of the file', () => {
    expect(example().plan.stages.map(({ name }) => name)).toEqual(['simulate', 'source', 'voxels', 'features', 'ridge', 'dream']);
  });

  test('resolves params, fills defaults and keeps types', () => {
    const { plan, stages } = example();
    expect(plan.params).toEqual({ nsd: '', steps: 64, half: 32, layers: ['conv1', 'conv2'] });
    expect(plan.env).toEqual({ NSD_ROOT: null });
    expect(stages.get('features')?.params).toEqual({ layers: ['conv1', 'conv2'], percent: 32 });
    expect(stages.get('dream')?.params).toEqual({ steps: 64, optimizer: { beta: 0.5, rate: 0.05 } });
    expect(stages.get('ridge')?.params).toEqual({ alphas: [1, 10, 100], solver: 'auto', limit: null });
  });

  test('names edges by producer and output, and their places', () => {
    const { inputs } = example().stages.get('dream') ?? {};
    expect(inputs).toEqual({
      readout: [{ stage: 'ridge', output: 'readout', span: { file: ALL_FEATURES, line: 15, column: 16, length: 15 } }],
      truth: [{ stage: 'simulate', output: 'truth', span: { file: ALL_FEATURES, line: 16, column: 14, length: 24 } }],
    });
  });

  test('gives seeds to stages that draw random numbers only: their own, or the pipeline\'s', () => {
    const { stages } = example();
    expect([...stages.values()].map(({ name, seed }) => [name, seed])).toEqual([['simulate', 7], ['source', null], ['voxels', null], ['features', null], ['ridge', null], ['dream', 3]]);
  });

  test('overrides resources and keeps what is declared', () => {
    const { stages } = example();
    expect(stages.get('dream')?.resources).toEqual({ cpus: 2, memoryMb: 4096, timeoutMs: 1_800_000, gpu: 1 });
    expect(stages.get('ridge')?.resources).toEqual({ cpus: 1, memoryMb: 512 });
  });

  test('records places of parameters by JSON pointer', () => {
    const { paramSpans, span } = example().stages.get('dream') ?? {};
    expect(span).toMatchObject({ line: 12, column: 3, length: 5 });
    expect([...(paramSpans ?? [])].map(([pointer, { line, column }]) => [pointer, line, column])).toEqual([['/steps', 18, 14], ['/optimizer', 19, 18], ['/optimizer/beta', 19, 26]]);
  });

  test('gives the same plan whatever else is in the environment', () => {
    expect(JSON.stringify(example([], { OTHER: 'x' }).plan)).toBe(JSON.stringify(example().plan));
  });

  test('with a data set, the simulation is skipped, optional ports lose it, and the rest stays', () => {
    const folder = mkdtempSync(join(tmpdir(), 'nsd-'));
    try {
      for (const stages of [example([`params.nsd=${folder}`]).stages, example([], { NSD_ROOT: folder }).stages]) {
        expect([...stages.values()].map(({ name, skipped }) => [name, skipped])).toEqual([['simulate', 'when: is false'], ['source', undefined], ['voxels', undefined], ['features', undefined], ['ridge', undefined], ['dream', undefined]]);
        expect(stages.get('source')).toMatchObject({ inputs: {}, params: { root: folder } });
        expect(Object.keys(stages.get('dream')?.inputs ?? {})).toEqual(['readout']);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('an environment variable that is empty is not one that is unset', () => {
    const text = pipeline('  a: { type: fake.simulate }\n', 'env: [X]\nparams: { x: "${env.X ?? \'unset\'}" }\n');
    expect(load(text).plan?.params).toEqual({ x: 'unset' });
    expect(load(text, { env: { X: '' } }).plan).toMatchObject({ params: { x: '' }, env: { X: '' } });
    expect(load(text, { env: { X: '${params.y}' } }).plan?.params).toEqual({ x: '${params.y}' });
  });
});

describe('--set', () => {
  test('changes params of the pipeline, of stages, seeds, conditions and resources', () => {
    const { plan, stages } = example(['params.steps=128', 'stages.dream.params.optimizer.rate=0.1', 'stages.ridge.params.alphas=[2, 3]', 'seed=11', 'stages.dream.seed=12', 'stages.ridge.resources.cpus=4', 'stages.simulate.params.sessions=1']);
    expect(plan.params).toMatchObject({ steps: 128, half: 64 });
    expect(stages.get('dream')).toMatchObject({ params: { steps: 128, optimizer: { rate: 0.1, beta: 0.5 } }, seed: 12 });
    expect(stages.get('ridge')).toMatchObject({ params: { alphas: [2, 3] }, resources: { cpus: 4 } });
    expect(stages.get('simulate')).toMatchObject({ params: { subject: 1, sessions: 1 }, seed: 11 });
    expect(example(['stages.dream.when=false']).stages.get('dream')?.skipped).toBe('when: is false');
  });

  test('the later of two for one path wins', () => {
    expect(example(['params.steps=2', 'params.steps=4']).plan.params['steps']).toBe(4);
  });

  test('a param that is text takes the words as they stand, quotes aside', () => {
    const text = pipeline('  a: { type: fake.simulate }\n', "params: { label: none, other: { part: '1' }, any: null }\n");
    const set = (...args: string[]) => load(text, { set: args }).plan?.params;
    expect(set('params.label=5')).toMatchObject({ label: '5' });
    expect(set('params.label=true')).toMatchObject({ label: 'true' });
    expect(set('params.label=')).toMatchObject({ label: '' });
    expect(set('params.label="a: b"')).toMatchObject({ label: 'a: b' });
    expect(set('params.label=/data/nsd')).toMatchObject({ label: '/data/nsd' });
    expect(set('params.label=a=b')).toMatchObject({ label: 'a=b' });
    expect(set('params.other.part=2')).toMatchObject({ other: { part: '2' } });
    expect(set('params.any=5')).toMatchObject({ any: 5 });
  });

  test('a param keeps the type of its default, also of a computed one', () => {
    const text = pipeline('  a: { type: fake.simulate }\n', 'params: { n: 1, m: "${params.n * 2}" }\n');
    expect(load(text, { set: ['params.n=x'] }).codes).toEqual(['E_WRONG_TYPE']);
    expect(load(text, { set: ['params.m=[1]'] }).codes).toEqual(['E_WRONG_TYPE']);
    expect(load(text, { set: ['params.m=7'] }).plan?.params).toEqual({ n: 1, m: 7 });
  });

  test.each([
    ['params.stepz=1', 'E_USAGE', 'did you mean "steps"?'],
    ['steps=1', 'E_USAGE', 'did you mean "params.steps"?'],
    ['ridge.params.alphas=[1]', 'E_USAGE', 'did you mean "stages.ridge.params.alphas"?'],
    ['stages.rigde.seed=1', 'E_UNKNOWN_STAGE_NAME', 'did you mean "ridge"?'],
    ['stages.ridge.type=x', 'E_USAGE', 'use one of: stages.ridge.params.NAME, stages.ridge.resources.NAME, stages.ridge.matrix.AXIS, stages.ridge.seed, stages.ridge.when, stages.ridge.retries'],
    ['stages.ridge.param.alphas=1', 'E_USAGE', 'did you mean "params"?'],
    ['stages.ridge.params.alpha=1', 'E_UNKNOWN_PARAMETER', 'did you mean "alphas"?'],
    ['name=x', 'E_USAGE', 'use one of: params, stages, seed'],
    ['params.steps', 'E_USAGE', 'write e.g. --set params.steps=64'],
    ['params.__proto__=1', 'E_USAGE', 'write e.g. --set params.steps=64'],
    ['params.steps=[1', 'E_YAML_SYNTAX', 'close the quote or bracket'],
    ["stages.ridge[seed='a.b']].params.alphas=[1]", 'E_USAGE', 'instances cannot be set one by one: make the value depend on ${matrix.AXIS} in the file, or change an axis with --set stages.NAME.matrix.AXIS'],
    ['stages.dream.seed=x', 'E_WRONG_TYPE', 'write e.g. seed: 1'],
    ['stages.dream.params.steps=0', 'E_OUT_OF_RANGE', 'give an integer from 1 to 4096'],
  ])('%s is refused with %s', (argument, code, hint) => {
    const { plan, diagnostics } = loadPlan(ALL_FEATURES, { registry: fakeRegistry(), set: [argument], env: {} });
    expect(plan).toBeUndefined();
    const errors = diagnostics.filter(({ severity }) => severity === 'error');
    expect(errors.map(({ error }) => [error.code, error.hint])).toEqual([[code, hint]]);
    expect(errors[0]?.error.span?.file).toBe(`--set ${argument}`);
  });
});

describe('skipping', () => {
  const chain = pipeline([
    '  a: { type: fake.simulate, when: false }',
    "  b: { type: fake.voxels, inputs: { nsd: '${stages.a}' } }",
    "  c: { type: fake.features, inputs: { nsd: '${stages.a}' }, params: { layers: [x] } }",
    "  d: { type: fake.ridge, inputs: { voxels: '${stages.b}', features: '${stages.c.train}' } }",
    "  e: { type: fake.source, inputs: { simulated: '${stages.a}' } }",
    "  f: { type: fake.source, when: false, params: { root: nowhere } }",
    "  g: { type: fake.relay, inputs: { nsd: '${stages.f}' } }",
    '',
  ].join('\n'));

  test('passes along required inputs, names the nearest reason, and stops at optional ones', () => {
    const { plan, printed } = load(chain);
    expect(printed).toBe('');
    expect(plan?.stages.map(({ name, skipped }) => [name, skipped])).toEqual([
      ['a', 'when: is false'], ['b', 'needs "a", which is skipped'], ['c', 'needs "a", which is skipped'], ['d', 'needs "b", which is skipped'],
      ['e', undefined], ['f', 'when: is false'], ['g', 'needs "f", which is skipped'],
    ]);
  });

  test('a skipped stage needs none of its outside files, but its parameters are checked', () => {
    expect(load(chain).codes).toEqual([]);
    expect(load(chain.replace('root: nowhere', 'root: 5')).codes).toEqual(['E_WRONG_TYPE']);
  });
});

describe('outside files', () => {
  const text = pipeline('  a: { type: fake.source, params: { table: data.csv } }\n');

  test('are relative to the pipeline file and become absolute', () => {
    const loaded = load(text, { files: ['data.csv'] });
    expect(stageOf(loaded, 'a').params).toEqual({ root: '', table: join(loaded.folder, 'data.csv') });
  });

  test('that are missing, or folders where files are wanted and the reverse, are errors at their place', () => {
    expect(load(text).places).toEqual(['3:44 E_EXTERNAL_MISSING']);
    expect(load(text.replace('data.csv', '.')).places).toEqual(['3:44 E_EXTERNAL_MISSING']);
    expect(load(text.replace('table', 'root'), { files: ['data.csv'] }).places).toEqual(['3:43 E_EXTERNAL_MISSING']);
  });
});

test.each([
  ['memory', '512 MB', { memoryMb: 512 }],
  ['memory', '1.5GB', { memoryMb: 1536 }],
  ['memory', '2 TB', { memoryMb: 2 * 1024 * 1024 }],
  ['time', '90 s', { timeoutMs: 90_000 }],
  ['time', '1.5 h', { timeoutMs: 5_400_000 }],
  ['time', '24 d', { timeoutMs: 24 * 86_400_000 }],
  ['cpus', '${params.n}', { cpus: 2 }],
])('resource %s: %s is %j', (name, text, expected) => {
  expect(stageOf(load(pipeline(`  a: { type: fake.simulate, resources: { ${name}: "${text}" } }\n`, 'params: { n: 2 }\n')), 'a').resources).toMatchObject(expected);
});

test('a resource that has no effect is a warning', () => {
  const { plan, diagnostics } = load(pipeline('  a: { type: fake.simulate, resources: { gpu: 1 } }\n'));
  expect(plan).toBeDefined();
  expect(diagnostics).toMatchObject([{ severity: 'warning', error: { code: 'E_UNKNOWN_FIELD', message: 'resource "gpu" of stage "a" has no effect' } }]);
});

test.each([['time', '25 d'], ['time', '0 s'], ['time', '5 m'], ['memory', '0 MB'], ['memory', '-1 GB'], ['memory', '1 GiB'], ['cpus', '1.5'], ['gpu', '-1']])('resource %s: %s is refused', (name, text) => {
  expect(load(pipeline(`  a: { type: fake.simulate, resources: { ${name}: ${text} } }\n`)).codes).toEqual([expect.stringMatching(/^E_(WRONG_TYPE|OUT_OF_RANGE)$/)]);
});

test('the digest is that of the text', () => {
  const text = pipeline('  a: { type: fake.simulate }\n');
  expect(load(text).plan?.source).toBe(digestOf(text));
});

test('byte order mark and CRLF change neither plan nor places', () => {
  const text = pipeline('  a: { type: fake.simulate }\n  b:\n    type: fake.relay\n    inputs: { nsd: "${stages.a}" }\n');
  const plain = load(text);
  const windows = load(`\uFEFF${text.replaceAll('\n', '\r\n')}`);
  expect(windows.printed).toBe('');
  const shape = (loaded: typeof plain) => loaded.plan?.stages.map(({ name, inputs, span }) => [name, span.line, span.column, Object.values(inputs).map(([edge]) => [edge?.span.line, edge?.span.column])]);
  expect(shape(windows)).toEqual(shape(plain));
});

test('YAML 1.2 reads no, 012, 1_000 and dates as they look', () => {
  const text = pipeline('  a: { type: fake.simulate }\n', 'params: { a: no, b: 012, c: 1_000, d: 2024-01-01, e: 0x10, f: 1e3, g: -0.0, h: ~ }\n');
  expect(load(text).plan?.params).toEqual({ a: 'no', b: 12, c: '1_000', d: '2024-01-01', e: 16, f: 1000, g: 0, h: null });
});

test('anchors and aliases share values within the limit', () => {
  const text = pipeline('  a: { type: fake.simulate, params: *p }\n  b: { type: fake.simulate, params: *p }\n', 'params: { shared: &p { sessions: 3 } }\n');
  const loaded = load(text);
  expect([stageOf(loaded, 'a').params, stageOf(loaded, 'b').params]).toEqual([{ sessions: 3, subject: 1 }, { sessions: 3, subject: 1 }]);
});

test('defaults that are filled into one stage do not reach a param that others use', () => {
  const text = pipeline('  a: { type: fake.dream, inputs: { readout: "${stages.r}" }, params: { optimizer: "${params.o}" } }\n  r: { type: fake.ridge, inputs: { voxels: "${stages.v}", features: "${stages.f.test}" } }\n  v: { type: fake.voxels, inputs: { nsd: "${stages.s}" } }\n  f: { type: fake.features, inputs: { nsd: "${stages.s}" }, params: { layers: [x] } }\n  s: { type: fake.simulate }\n', 'params: { o: { beta: 1 } }\n');
  const loaded = load(text);
  expect(stageOf(loaded, 'a').params).toEqual({ steps: 64, optimizer: { beta: 1, rate: 0.05 } });
  expect(loaded.plan?.params).toEqual({ o: { beta: 1 } });
});

test('a warning does not stop the plan', () => {
  const loaded = load(pipeline('  a: { type: fake.source, seed: 1 }\n'));
  expect(loaded.diagnostics.map(({ severity, error }) => [severity, error.message])).toEqual([['warning', 'seed of stage "a" has no effect']]);
  expect(loaded.plan).toBeDefined();
});

test('a chain of 10,000 stages is planned, and a cycle through them found', () => {
  const relay = (name: number, from: number): string => `  s${name}: {type: fake.relay, inputs: {nsd: '\${stages.s${from}.nsd}'}}\n`;
  const rest = Array.from({ length: 9_999 }, (_, i) => relay(i + 1, i)).join('');
  const folder = mkdtempSync(join(tmpdir(), 'chain-'));
  try {
    const options = { registry: fakeRegistry(), set: [], env: {} };
    writeFileSync(join(folder, 'chain.yaml'), pipeline(`  s0: { type: fake.simulate }\n${rest}`));
    writeFileSync(join(folder, 'ring.yaml'), pipeline(relay(0, 9_999) + rest));
    expect(loadPlan(join(folder, 'chain.yaml'), options).plan?.stages).toHaveLength(10_000);
    const [cycle] = loadPlan(join(folder, 'ring.yaml'), options).diagnostics;
    expect(cycle?.error.message).toBe('stages depend on one another: s0 -> s1 -> s2 -> s3 -> s4 -> s5 -> s6 -> s7 -> … (9992 more) -> s0');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
