/** Planning: which instances a matrix has, what they are connected to, and the exact words of what can be wrong. */
import { describe, expect, test } from 'vitest';
import type { PlannedStage } from '../../src/engine/plan.js';
import { load, pipeline, stageOf, type Loaded } from '../rigs/plan-rig.js';

const names = (loaded: Loaded): string[] => loaded.plan?.stages.map(({ name }) => name) ?? [loaded.printed];
const stagesNamed = (loaded: Loaded, base: string): readonly PlannedStage[] => loaded.plan?.stages.filter(({ name }) => name.split('[')[0] === base) ?? [];
const edges = (stage: PlannedStage): Record<string, unknown> => Object.fromEntries(Object.entries(stage.inputs).map(([port, bindings]) => [port, bindings.map(({ stage: from, output, labels }) => (labels === undefined ? `${from}.${output}` : [`${from}.${output}`, labels]))]));
/** All errors, without the lines of the source. */
const errors = (loaded: Loaded): string[] => loaded.diagnostics.map(({ error }) => `${error.span?.line ?? '-'}:${error.span?.column ?? '-'} ${error.code} ${error.message}`);

const SIM = "  sim: { type: fake.simulate, matrix: { subject: [1, 2] }, params: { subject: '${matrix.subject}' } }\n";
/** A sweep of 2 × 2 readouts over one simulation a subject. */
const SWEEP = `${SIM}  vox: { type: fake.voxels, matrix: { subject: [1, 2], z: [session, none] }, inputs: { nsd: '\${stages.sim.nsd}' }, params: { zscore: '\${matrix.z}' } }
  feat: { type: fake.features, matrix: { subject: [1, 2] }, inputs: { nsd: '\${stages.sim.nsd}' }, params: { layers: [a] } }
  fit: { type: fake.ridge, matrix: { z: [session, none], subject: [1, 2] }, inputs: { voxels: '\${stages.vox}', features: '\${stages.feat.train}' } }
`;

describe('the instances of a matrix', () => {
  test('are the product of the axes in the order of the file, the last axis fastest', () => {
    const loaded = load(pipeline("  a: { type: fake.simulate, matrix: { subject: [2, 1], sessions: [4, 10, 20] }, params: { subject: '${matrix.subject}', sessions: '${matrix.sessions}' } }\n"));
    expect(names(loaded)).toEqual(['a[sessions=4,subject=2]', 'a[sessions=10,subject=2]', 'a[sessions=20,subject=2]', 'a[sessions=4,subject=1]', 'a[sessions=10,subject=1]', 'a[sessions=20,subject=1]']);
    expect(stageOf(loaded, 'a[sessions=10,subject=2]')).toMatchObject({ coordinates: { subject: 2, sessions: 10 }, params: { subject: 2, sessions: 10 } });
  });

  test('can share a list that is a param, which --set changes', () => {
    const text = pipeline("  a: { type: fake.simulate, matrix: { subject: '${params.subjects}' } }\n", 'params: { subjects: [1, 2] }\n');
    expect(names(load(text))).toEqual(['a[subject=1]', 'a[subject=2]']);
    expect(names(load(text, { set: ['params.subjects=[5]'] }))).toEqual(['a[subject=5]']);
    expect(names(load(text, { set: ['stages.a.matrix.subject=[7, 8]'] }))).toEqual(['a[subject=7]', 'a[subject=8]']);
    expect(errors(load(text, { set: ['stages.a.matrix.subjct=[7]'] }))).toEqual(['1:1 E_USAGE "subjct" is not an axis of stage "a"']);
    expect(names(load(text, { set: ['stages.a.matrix.include=[{ subject: 4 }]', 'stages.a.matrix.exclude=[{ subject: 1 }]'] }))).toEqual(['a[subject=2]', 'a[subject=4]']);
    const [{ error } = {}] = load(pipeline('  a: { type: fake.simulate }\n'), { set: ['stages.a.matrix.include=[{ subject: 4 }]'] }).diagnostics;
    expect([error?.code, error?.hint]).toEqual(['E_USAGE', 'stage "a" has no matrix']);
  });

  test('are numbers, texts, true and false, each with a name of its own', () => {
    const loaded = load(pipeline("  a: { type: fake.simulate, matrix: { x: [1, '1', 0.5, -2, 1e-9, true, 'true', faces, floc-faces, 'a b', 'a,b=\"c\"', ''] } }\n"));
    expect(names(loaded)).toEqual(['a[x=1]', 'a[x="1"]', 'a[x=0.5]', 'a[x=-2]', 'a[x=1e-9]', 'a[x=true]', 'a[x="true"]', 'a[x=faces]', 'a[x=floc-faces]', 'a[x="a b"]', 'a[x="a,b=\\"c\\""]', 'a[x=""]']);
  });

  test('lose what exclude names, an axis that is left out standing for all, and then gain what include names', () => {
    const matrix = 'matrix: { x: [1, 2, 3], y: [a, b], exclude: [{ x: 1 }, { x: 3, y: b }], include: [{ x: 9, y: c }, { y: b, x: 1 }, { x: 2, y: a }] }';
    expect(names(load(pipeline(`  s: { type: fake.simulate, ${matrix} }\n`)))).toEqual(['s[x=2,y=a]', 's[x=2,y=b]', 's[x=3,y=a]', 's[x=9,y=c]', 's[x=1,y=b]']);
  });

  test('are a list of points where include stands alone', () => {
    const loaded = load(pipeline("  s: { type: fake.simulate, matrix: { include: '${params.points}' } }\n", 'params: { points: [{ x: 1, y: a }, { x: 2, y: b }] }\n'));
    expect(names(loaded)).toEqual(['s[x=1,y=a]', 's[x=2,y=b]']);
  });

  test('give their coordinates to params, conditions, seeds and resources, inside texts and lists too', () => {
    const loaded = load(pipeline("  f: { type: fake.features, matrix: { n: [1, 2, 3] }, when: '${matrix.n < 3}', inputs: { nsd: '${stages.s}' }, params: { layers: ['conv${matrix.n}', x], percent: '${10 * matrix.n}' }, resources: { cpus: '${matrix.n}' } }\n  s: { type: fake.simulate, matrix: { n: [1, 2, 3] }, seed: '${matrix.n + 100}' }\n"));
    expect(stagesNamed(loaded, 'f').map(({ params, resources, skipped }) => [params['layers'], params['percent'], resources.cpus, skipped])).toEqual([
      [['conv1', 'x'], 10, 1, undefined],
      [['conv2', 'x'], 20, 2, undefined],
      [['conv3', 'x'], 30, 3, 'when: is false'],
    ]);
    expect(stagesNamed(loaded, 's').map(({ seed }) => seed)).toEqual([101, 102, 103]);
  });

  test('with equal parameters are equal but for name and coordinates', () => {
    const [a, b] = stagesNamed(load(pipeline('  s: { type: fake.simulate, matrix: { n: [1, 2] } }\n')), 's');
    expect({ ...a, name: '', coordinates: {} }).toEqual({ ...b, name: '', coordinates: {} });
  });
});

describe('references between matrices', () => {
  test('pick the instance with equal coordinates, whatever the order of the axes', () => {
    const loaded = load(pipeline(SWEEP));
    expect(loaded.printed).toBe('');
    expect(edges(stageOf(loaded, 'vox[subject=2,z=none]'))).toEqual({ nsd: ['sim[subject=2].nsd'] });
    expect(stagesNamed(loaded, 'fit').map((stage) => [stage.name, edges(stage)])).toEqual([
      ['fit[subject=1,z=session]', { voxels: ['vox[subject=1,z=session].voxels'], features: ['feat[subject=1].train'] }],
      ['fit[subject=2,z=session]', { voxels: ['vox[subject=2,z=session].voxels'], features: ['feat[subject=2].train'] }],
      ['fit[subject=1,z=none]', { voxels: ['vox[subject=1,z=none].voxels'], features: ['feat[subject=1].train'] }],
      ['fit[subject=2,z=none]', { voxels: ['vox[subject=2,z=none].voxels'], features: ['feat[subject=2].train'] }],
    ]);
  });

  test.each([
    ['${stages.vox[z=none].voxels}', 'matrix: { subject: [1, 2] }', ['vox[subject=1,z=none].voxels', 'vox[subject=2,z=none].voxels']],
    ['${stages.vox[ z = "none" , subject = 2 ]}', '', ['vox[subject=2,z=none].voxels']],
    ["${stages.vox[z='none', subject=params.shown]}", '', ['vox[subject=2,z=none].voxels']],
    ['${stages.vox[subject=matrix.brain,z=none]}', 'matrix: { brain: [2, 1] }', ['vox[subject=2,z=none].voxels', 'vox[subject=1,z=none].voxels']],
    ['${stages.vox[subject=1]}', 'matrix: { subject: [1, 2], z: [none] }', ['vox[subject=1,z=none].voxels', 'vox[subject=1,z=none].voxels']],
  ])('%s with %s', (reference, matrix, expected) => {
    const features = matrix.includes('subject') ? '${stages.feat.train}' : '${stages.feat[subject=1].train}';
    const loaded = load(pipeline(`${SWEEP}  r:\n    type: fake.ridge\n    ${matrix}\n    inputs:\n      voxels: ${reference}\n      features: ${features}\n`, 'params: { shown: 2 }\n'));
    expect(loaded.printed).toBe('');
    expect(stagesNamed(loaded, 'r').map((stage) => edges(stage)['voxels'])).toEqual(expected.map((name) => [name]));
  });

  test('at a port that takes many gather over the axes that the consumer does not have', () => {
    const loaded = load(pipeline(`${SWEEP}  all: { type: fake.compare, inputs: { readouts: '\${stages.fit}', truths: '\${stages.sim.truth}' } }
  each: { type: fake.compare, matrix: { subject: [1, 2] }, inputs: { readouts: '\${stages.fit.readout}' } }
  some: { type: fake.compare, matrix: { subject: [1] }, inputs: { readouts: '\${stages.fit[subject=2]}' } }
`));
    expect(loaded.printed).toBe('');
    expect(edges(stageOf(loaded, 'all'))).toEqual({
      readouts: [
        ['fit[subject=1,z=none].readout', { subject: 1, z: 'none' }],
        ['fit[subject=1,z=session].readout', { subject: 1, z: 'session' }],
        ['fit[subject=2,z=none].readout', { subject: 2, z: 'none' }],
        ['fit[subject=2,z=session].readout', { subject: 2, z: 'session' }],
      ],
      truths: [['sim[subject=1].truth', { subject: 1 }], ['sim[subject=2].truth', { subject: 2 }]],
    });
    expect(edges(stageOf(loaded, 'each[subject=2]'))).toEqual({ readouts: [['fit[subject=2,z=none].readout', { z: 'none' }], ['fit[subject=2,z=session].readout', { z: 'session' }]] });
    expect(edges(stageOf(loaded, 'some[subject=1]'))).toEqual({ readouts: [['fit[subject=2,z=none].readout', { subject: 2, z: 'none' }], ['fit[subject=2,z=session].readout', { subject: 2, z: 'session' }]] });
  });

  test('take lists, which axes tell apart, and maps, whose keys become labels', () => {
    const loaded = load(pipeline(`${SWEEP}  one: { type: fake.ridge, inputs: { voxels: '\${stages.vox[subject=1,z=none]}', features: '\${stages.feat[subject=1].train}' } }
  list: { type: fake.compare, inputs: { readouts: ['\${stages.one}', '\${stages.fit[z=none]}'] } }
  map: { type: fake.compare, inputs: { readouts: { sweep: '\${stages.fit[z=none]}', one: '\${stages.one}', again: '\${stages.one.readout}' } } }
`));
    expect(loaded.printed).toBe('');
    expect(edges(stageOf(loaded, 'list'))).toEqual({ readouts: [['one.readout', {}], ['fit[subject=1,z=none].readout', { subject: 1, z: 'none' }], ['fit[subject=2,z=none].readout', { subject: 2, z: 'none' }]] });
    expect(edges(stageOf(loaded, 'map'))).toEqual({
      readouts: [
        ['one.readout', { name: 'again' }],
        ['one.readout', { name: 'one' }],
        ['fit[subject=1,z=none].readout', { name: 'sweep', subject: 1, z: 'none' }],
        ['fit[subject=2,z=none].readout', { name: 'sweep', subject: 2, z: 'none' }],
      ],
    });
  });

  test('come in the order of their labels, numbers by size, whatever the order of the file', () => {
    const gather = (values: string): unknown => edges(stageOf(load(pipeline(`  s: { type: fake.simulate, matrix: { n: [${values}] } }\n  c: { type: fake.compare, inputs: { truths: '\${stages.s.truth}', readouts: '\${stages.r}' } }\n  r: { type: fake.ridge, inputs: { voxels: '\${stages.v}', features: '\${stages.f.test}' } }\n  v: { type: fake.voxels, inputs: { nsd: '\${stages.s[n=4]}' } }\n  f: { type: fake.features, inputs: { nsd: '\${stages.s[n=4]}' }, params: { layers: [a] } }\n`)), 'c'));
    expect(gather('10, 4, "x", 9, true, "10"')).toMatchObject({ truths: [true, 4, 9, 10, '10', 'x'].map((n) => [expect.any(String), { n }]) });
    expect(JSON.stringify(gather('"10", true, "x", 10, 4, 9'))).toBe(JSON.stringify(gather('10, 4, "x", 9, true, "10"')));
  });
});

describe('skipping', () => {
  const gather = (when: string): string => pipeline(`${SWEEP.replace('  fit: { type: fake.ridge,', `  fit: { type: fake.ridge, when: "${when}",`)}  c: { type: fake.compare, inputs: { readouts: '\${stages.fit}' } }
  after: { type: fake.compare, inputs: { readouts: { fit: '\${stages.fit}', other: '\${stages.other}' } } }
  other: { type: fake.ridge, inputs: { voxels: '\${stages.vox[subject=1,z=none]}', features: '\${stages.feat[subject=1].train}' } }
`);

  test('members of a gather that are skipped are left out', () => {
    const loaded = load(gather("${matrix.z == 'none' && matrix.subject == 2}"));
    expect(stagesNamed(loaded, 'fit').map(({ skipped }) => skipped !== undefined)).toEqual([true, true, true, false]);
    expect(edges(stageOf(loaded, 'c'))).toEqual({ readouts: [['fit[subject=2,z=none].readout', { subject: 2, z: 'none' }]] });
  });

  test('a stage is skipped when a port that it needs has nothing left, and goes on where something is', () => {
    const loaded = load(gather('${false}'));
    expect(stageOf(loaded, 'c')).toMatchObject({ skipped: 'needs "fit" (4), which are skipped', inputs: {} });
    expect(edges(stageOf(loaded, 'after'))).toEqual({ readouts: [['other.readout', { name: 'other' }]] });
    expect(stageOf(loaded, 'after').skipped).toBeUndefined();
  });

  test('an optional port that takes many is left empty, and the reasons of instances are their own', () => {
    const loaded = load(pipeline(`  s: { type: fake.simulate, matrix: { n: [1, 2] }, when: '\${matrix.n == 1}' }\n  v: { type: fake.voxels, matrix: { n: [1, 2] }, inputs: { nsd: '\${stages.s}' } }\n  x: { type: fake.simulate, when: false }\n  f: { type: fake.features, inputs: { nsd: '\${stages.s[n=1]}' }, params: { layers: [a] } }\n  r: { type: fake.ridge, inputs: { voxels: '\${stages.v[n=1]}', features: '\${stages.f.test}' } }\n  c: { type: fake.compare, inputs: { readouts: '\${stages.r}', truths: '\${stages.x.truth}' } }\n`));
    expect(stagesNamed(loaded, 'v').map(({ skipped }) => skipped)).toEqual([undefined, 'needs "s[n=2]", which is skipped']);
    expect(stageOf(loaded, 'c').skipped).toBeUndefined();
    expect(Object.keys(stageOf(loaded, 'c').inputs)).toEqual(['readouts']);
  });
});

describe('what is wrong with a matrix is said at its place', () => {
  const only = (matrix: string, before = ''): Loaded => load(pipeline(`  s:\n    type: fake.simulate\n    matrix: ${matrix}\n`, before));
  test.each([
    ['{ x: 3 }', '5:18 E_WRONG_TYPE axis "x" of stage "s" is not a list'],
    ['{ x: [1, [2]] }', '5:22 E_WRONG_TYPE axis "x" of stage "s" has a value that is no coordinate'],
    ['{ x: [null] }', '5:19 E_WRONG_TYPE axis "x" of stage "s" has a value that is no coordinate'],
    ['{ x: [] }', '5:18 E_MATRIX axis "x" of stage "s" has no values'],
    ['{ x: [1, 2, 1] }', '5:25 E_MATRIX axis "x" of stage "s" has the value 1 twice'],
    ['{ name: [1] }', '5:15 E_BAD_NAME "name" cannot be the name of an axis'],
    ['{ a-b: [1] }', '5:15 E_BAD_NAME "a-b" cannot be the name of an axis'],
    ['[1]', '5:13 E_WRONG_TYPE "matrix" of stage "s" has the wrong type'],
    ['{}', '3:3 E_MATRIX matrix of stage "s" has no instances'],
    ['', '3:3 E_MATRIX matrix of stage "s" has no instances'],
    ['{ x: [1e16] }', '5:19 E_OUT_OF_RANGE axis "x" of stage "s" has a number that cannot be held exactly'],
    ['{ include: [{ x: -1e300 }] }', '5:25 E_OUT_OF_RANGE "include" of stage "s", axis "x", has a number that cannot be held exactly'],
    ['{ include: [{ name: 1 }, { name: 2 }] }', '5:27 E_BAD_NAME "name" cannot be the name of an axis'],
    ['{ include: [{ x: 1, exclude: 1 }] }', '5:33 E_BAD_NAME "exclude" cannot be the name of an axis'],
    ['{ include: [{ "a b,c=1": 1 }] }', '5:27 E_BAD_NAME "a b,c=1" cannot be the name of an axis'],
    ['{ include: [{ x: 1 }, { xx: 1 }] }', '5:37 E_MATRIX stage "s" has no axis "xx"'],
    ['{ x: [1, [2]], exclude: [{ x: 3 }] }', '5:22 E_WRONG_TYPE axis "x" of stage "s" has a value that is no coordinate'],
    ["{ x: '${params.none}', exclude: [{ x: 3 }] }", '5:21 E_UNKNOWN_REFERENCE "params.none" is not among the params of the pipeline'],
    ['{ x: [1], exclude: [{ x: 1 }] }', '3:3 E_MATRIX matrix of stage "s" has no instances'],
    ['{ x: [1], exclude: [{ x: 2 }] }', '5:33 E_MATRIX axis "x" of stage "s" has no value 2 to exclude'],
    ['{ x: [1], exclude: [{ y: 2 }] }', '5:35 E_MATRIX stage "s" has no axis "y"'],
    ['{ x: [1], exclude: [3] }', '5:33 E_WRONG_TYPE "exclude" of the matrix of stage "s" holds something else than coordinates'],
    ['{ x: [1], include: { x: 1 } }', '5:32 E_WRONG_TYPE "include" of the matrix of stage "s" is not a list'],
    ['{ x: [1], y: [2], include: [{ x: 1 }] }', '5:41 E_MATRIX "include" of stage "s" leaves coordinates out'],
    ['{ x: [1], include: [{ x: 1, z: 2 }] }', '5:41 E_MATRIX stage "s" has no axis "z"'],
    ['{ seed: [1], include: [{ sed: 1 }] }', '5:38 E_MATRIX stage "s" has no axis "sed"'],
    ["{ x: ['${matrix.x}'] }", '5:22 E_UNKNOWN_REFERENCE "matrix.x" is not known here'],
    ["{ x: '${params.none}' }", '5:21 E_UNKNOWN_REFERENCE "params.none" is not among the params of the pipeline'],
  ])('%s', (matrix, expected) => {
    expect(errors(only(matrix))).toEqual([expected]);
  });

  test('a product that is too large is refused before it is made', () => {
    const digits = Array.from({ length: 10 }, (_, i) => i).join(', ');
    const loaded = only(`{ ${['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l'].map((axis) => `${axis}: [${digits}]`).join(', ')} }`);
    expect(loaded.diagnostics.map(({ error }) => [error.code, error.facts['expected'], String(error.facts['found']).slice(0, 29)])).toEqual([['E_MATRIX', 'at most 1000000 points, excluded ones too', '1000000000000: a 10 × b 10 × ']]);
  });

  test('what is excluded does not count among the instances', () => {
    const before = `params: { n: [${Array.from({ length: 400 }, (_, i) => i).join(', ')}] }\n`;
    const plane = (...exclude: number[]): Loaded => only(`{ a: '\${params.n}', b: '\${params.n}', exclude: [${exclude.map((a) => `{ a: ${a} }`).join(', ')}] }`, before);
    expect(plane(...Array.from({ length: 399 }, (_, i) => i)).plan?.stages).toHaveLength(400);
    expect(plane(0).diagnostics.map(({ error }) => [error.code, error.facts])).toEqual([['E_MATRIX', { expected: 'at most 100000 instances', found: '159600: a 400 × b 400' }]]);
  });

  test('all stages together may not have too many instances, nor too many edges', () => {
    const hundred = `'\${params.n}'`;
    const before = `params: { n: [${Array.from({ length: 250 }, (_, i) => i).join(', ')}] }\n`;
    expect(errors(load(pipeline(`  s: { type: fake.simulate, matrix: { a: ${hundred}, b: ${hundred} } }\n  t: { type: fake.simulate, matrix: { a: ${hundred}, b: ${hundred} } }\n`, before)))).toEqual(['5:3 E_MATRIX the pipeline has too many instances']);
    const all = `  s: { type: fake.simulate, matrix: { a: ${hundred}, b: [1, 2, 3, 4, 5, 6, 7, 8, 9] } }\n  c: { type: fake.compare, matrix: { c: ${hundred}, d: [1, 2] }, inputs: { truths: '\${stages.s.truth}', readouts: '\${stages.r}' } }\n  r: { type: fake.ridge, inputs: { voxels: '\${stages.v}', features: '\${stages.f.test}' } }\n  v: { type: fake.voxels, inputs: { nsd: '\${stages.s[a=1,b=1]}' } }\n  f: { type: fake.features, inputs: { nsd: '\${stages.s[a=1,b=1]}' }, params: { layers: [a] } }\n`;
    expect(errors(load(pipeline(all, before)))).toEqual(['5:3 E_MATRIX the pipeline has too many edges']);
  });

  test('edges are counted while they are made: 20,000 instances that gather 20,000 twice stop at the 26th', () => {
    const axis = (name: string, length: number): string => `${name}: [${Array.from({ length }, (_, i) => i).join(', ')}]`;
    const many = `  s: { type: fake.simulate, matrix: { ${axis('a', 200)}, ${axis('b', 100)} } }\n  c: { type: fake.compare, matrix: { ${axis('c', 200)}, ${axis('d', 100)} }, inputs: { truths: { x: '\${stages.s.truth}', y: '\${stages.s.truth}' }, readouts: '\${stages.r}' } }\n  r: { type: fake.ridge, inputs: { voxels: '\${stages.v}', features: '\${stages.f.test}' } }\n  v: { type: fake.voxels, inputs: { nsd: '\${stages.s[a=1,b=1]}' } }\n  f: { type: fake.features, inputs: { nsd: '\${stages.s[a=1,b=1]}' }, params: { layers: [a] } }\n`;
    const [{ error } = {}, ...more] = load(pipeline(many)).diagnostics;
    expect([error?.message, error?.facts]).toEqual(['the pipeline has too many edges', { expected: 'at most 1000000', found: 'more, with "c[c=0,d=24]"' }]);
    expect(more).toEqual([]);
  });

  test('two mistakes at one place are two, also where each shows in many instances', () => {
    const loaded = load(pipeline("  f: { type: fake.features, matrix: { n: [1, 2] }, inputs: { nsd: '${stages.s}' }, params: { layers: '${matrix.n == 1 ? params.layers : params.layers}' } }\n  s: { type: fake.source, matrix: { n: [1, 2] }, params: { root: 'no-${matrix.n}', table: 'no-${matrix.n}.csv' } }\n", 'params: { layers: [1, 2] }\n'));
    expect(loaded.diagnostics.map(({ error }) => [error.message.replaceAll(`${loaded.folder}/`, ''), error.facts['instances']])).toEqual([
      [expect.stringContaining('parameter "layers[0]" of stage "f[n=1]"'), '2 of 2'],
      [expect.stringContaining('parameter "layers[1]" of stage "f[n=1]"'), '2 of 2'],
      ['"no-1", which stage "s[n=1]" reads, does not exist', '1 of 2'],
      ['"no-2", which stage "s[n=2]" reads, does not exist', '1 of 2'],
      ['"no-1.csv", which stage "s[n=1]" reads, does not exist', '1 of 2'],
      ['"no-2.csv", which stage "s[n=2]" reads, does not exist', '1 of 2'],
    ]);
  });

  test('a mistake that shows in many instances is one message with their number', () => {
    const loaded = load(pipeline("  s:\n    type: fake.simulate\n    matrix: { n: [1, 5, 9, 12] }\n    params: { subject: '${matrix.n}', sessions: '${matrix.m}' }\n    when: ${matrix.n}\n"));
    expect(loaded.printed).toMatchInlineSnapshot(`
      "p.yaml:6:24  E_OUT_OF_RANGE  parameter "subject" of stage "s[n=9]" is out of range
        5 |     matrix: { n: [1, 5, 9, 12] }
        6 |     params: { subject: '\${matrix.n}', sessions: '\${matrix.m}' }
          |                        ^^^^^^^^^^^^^
        expected: an integer from 1 to 8
        found: 9
        from: \${matrix.n}
        instances: 2 of 4
        give an integer from 1 to 8

      p.yaml:6:52  E_UNKNOWN_REFERENCE  stage "s" has no axis "m"
        5 |     matrix: { n: [1, 5, 9, 12] }
        6 |     params: { subject: '\${matrix.n}', sessions: '\${matrix.m}' }
          |                                                    ^^^^^^^^
        instances: 4 of 4
        did you mean "n"?

      p.yaml:7:11  E_WRONG_TYPE  "when" of stage "s[n=1]" is not a condition
        6 |     params: { subject: '\${matrix.n}', sessions: '\${matrix.m}' }
        7 |     when: \${matrix.n}
          |           ^^^^^^^^^^^
        expected: true or false
        found: number 1
        instances: 4 of 4
        write a comparison, e.g. when: \${params.nsd == ''}"
    `);
  });
});

test('a mistake in parameters that no coordinate enters is one of the stage, not of an instance', () => {
  const [{ error } = {}, ...more] = load(pipeline('  s: { type: fake.simulate, matrix: { n: [1, 2] }, params: { sessions: 99 } }\n')).diagnostics;
  expect([error?.message, error?.facts]).toEqual(['parameter "sessions" of stage "s" is out of range', { expected: 'an integer from 1 to 40', found: 99 }]);
  expect(more).toEqual([]);
});

describe('what is wrong with a reference is said at its place', () => {
  test('an axis that the consumer does not have', () => {
    const loaded = load(pipeline(`${SWEEP}  r:\n    type: fake.ridge\n    matrix: { subject: [1, 2] }\n    inputs:\n      voxels: \${stages.vox.voxels}\n      features: \${stages.feat.train}\n`));
    expect(loaded.printed).toMatchInlineSnapshot(`
      "p.yaml:11:15  E_MATRIX  stage "vox" has axis "z" that "r" does not have
        10 |     inputs:
        11 |       voxels: \${stages.vox.voxels}
           |               ^^^^^^^^^^^^^^^^^^^^
        expected: one artifact for input "voxels"
        found: 4 instances over subject, z
        add z to matrix: of "r", select one, \${stages.vox[z=session].voxels}, or connect it to a port that takes many"
    `);
  });

  test('several axes that the consumer does not have: what is selected stays, and the example exists', () => {
    const hint = (reference: string): string | undefined => load(pipeline(`  s: { type: fake.simulate, matrix: { x: [1, 2], y: [a, 'b c'], z: [5, 6], exclude: [{ x: 2, y: a }] } }\n  v: { type: fake.voxels, inputs: { nsd: '${reference}' } }\n`)).diagnostics[0]?.error.hint;
    expect(hint('${stages.s[x=2].nsd}')).toBe('add y, z to matrix: of "v", select one, ${stages.s[x=2,y="b c",z=5].nsd}, or connect it to a port that takes many');
    expect(hint('${stages.s[z=params.z]}')).toBe('add x, y to matrix: of "v", select one, ${stages.s[z=params.z,x=1,y=a].nsd}, or connect it to a port that takes many');
  });

  test('brackets behind the output', () => {
    const [{ error } = {}] = load(pipeline("  s: { type: fake.simulate, matrix: { x: [1, 2] } }\n  v: { type: fake.voxels, inputs: { nsd: '${stages.s.nsd[x=1]}' } }\n")).diagnostics;
    expect([error?.code, error?.hint]).toEqual(['E_WRONG_TYPE', 'brackets stand before the output: write "${stages.s[x=1].nsd}"']);
  });

  test('a text that looks like a reference is selected as it stands', () => {
    const texts = ['${params.n}', '$${x}', '${', 'a$$b'];
    const loaded = load(pipeline(`  s: { type: fake.simulate, matrix: { x: [${texts.map((text) => `'${text.replaceAll('${', () => '$${')}'`).join(', ')}] } }\n${texts.map((text, i) => `  v${i}: { type: fake.voxels, inputs: { nsd: '\${stages.s[x="${text}"]}' } }\n`).join('')}`, 'params: { n: 1 }\n'));
    expect(loaded.printed).toBe('');
    expect(texts.map((_, i) => stageOf(loaded, `v${i}`).inputs['nsd']?.[0]?.stage)).toEqual(texts.map((text) => `s[x=${JSON.stringify(text)}]`));
  });

  test('a value that nothing has is looked up once, and of many different ones five are shown', () => {
    const axis = (name: string, from: number): string => `${name}: [${Array.from({ length: 5000 }, (_, i) => `v${from + i}`).join(', ')}]`;
    const wrong = (value: string): unknown => load(pipeline(`  s: { type: fake.simulate, matrix: { ${axis('x', 0)} } }\n  v: { type: fake.voxels, matrix: { ${axis('y', 5000)} }, inputs: { nsd: '\${stages.s[x=${value}]}' } }\n`)).diagnostics.map(({ error }) => [error.message, error.facts['instances'], error.facts['more'] ?? '', error.hint]);
    expect(wrong('v5000')).toEqual([['stage "s" has no instance with x=v5000', '5000 of 5000', '', 'did you mean "v500"?']]);
    expect(wrong('matrix.y')).toEqual([0, 1, 2, 3, 4].map((i) => [`stage "s" has no instance with x=v${5000 + i}`, '1 of 5000', i === 4 ? '4995 others at this place' : '', expect.stringContaining('did you mean')]));
  });

  test('coordinates that nothing has', () => {
    const loaded = load(pipeline(`${SWEEP}  a:\n    type: fake.voxels\n    matrix: { subject: [1, 2, 3, 4] }\n    inputs:\n      nsd: \${stages.sim}\n  b:\n    type: fake.voxels\n    inputs:\n      nsd: \${stages.sim[subject=12].nsd}\n`));
    expect(loaded.printed).toMatchInlineSnapshot(`
      "p.yaml:11:12  E_MATRIX  "a[subject=3]" needs "sim[subject=3]", which is not in the matrix of "sim"
        10 |     inputs:
        11 |       nsd: \${stages.sim}
           |            ^^^^^^^^^^^^^
        expected: subject=3
        found: 2 others
        instances: 2 of 4
        add these coordinates to matrix: of "sim", or exclude them here too

      p.yaml:15:25  E_MATRIX  stage "sim" has no instance with subject=12
        14 |     inputs:
        15 |       nsd: \${stages.sim[subject=12].nsd}
           |                         ^^^^^^^^^^
        expected: one of 1, 2
        found: 12
        did you mean "1"?"
    `);
  });

  test('sources that nothing tells apart', () => {
    const loaded = load(pipeline(`${SWEEP}  c:\n    type: fake.compare\n    inputs:\n      readouts: ['\${stages.fit}', '\${stages.fit[z=none]}']\n`));
    expect(loaded.printed).toMatchInlineSnapshot(`
      "p.yaml:10:36  E_MATRIX  sources of input "readouts" of stage "c" cannot be told apart
         9 |     inputs:
        10 |       readouts: ['\${stages.fit}', '\${stages.fit[z=none]}']
           |                                    ^^^^^^^^^^^^^^^^^^^^^
        expected: different labels
        found: "fit[subject=1,z=none]" and "fit[subject=1,z=none]" both have subject=1,z=none
        give them names: readouts: { first: …, second: … }"
    `);
  });

  test.each([
    ['voxels: ${stages.vox[zz=none,subject=1]}', '12:28 E_MATRIX stage "vox" has no axis "zz"'],
    ['voxels: ${stages.vox[z=none,z=none]}', '12:35 E_EXPRESSION axis "z" stands twice'],
    ['voxels: ${stages.vox[z]}', '12:29 E_EXPRESSION "=" is missing in "[z]}"'],
    ['voxels: ${stages.vox[z=]}', '12:30 E_EXPRESSION a value is missing in "[z=]}"'],
    ['voxels: ${stages.vox[]}', '12:28 E_EXPRESSION the name of an axis is missing in "[]}"'],
    ['voxels: ${stages.vox[z=none}', '12:34 E_EXPRESSION "," or "]" is missing in "[z=none}"'],
    ['voxels: ${stages.vox[z=none, subject=1]voxels}', '12:15 E_WRONG_TYPE input "voxels" of stage "r" is not a reference to a stage'],
    ['voxels: ${stages.vox[z=none, subject=params.points]}', '12:36 E_WRONG_TYPE axis "subject" cannot be selected by this value'],
    ['voxels: ${stages.vox[z=none, subject=matrix.n]}', '12:36 E_UNKNOWN_REFERENCE stage "r" has no axis "n"'],
    ['voxels: ["${stages.vox[z=none,subject=1]}"]', '12:15 E_WRONG_TYPE input "voxels" of stage "r" is not a reference to a stage'],
    ['voxels: ${stages.plain[subject=1]}', '12:30 E_MATRIX stage "plain" has no axis "subject"'],
  ])('%s', (input, expected) => {
    const plain = "  plain: { type: fake.voxels, inputs: { nsd: '${stages.sim[subject=1]}' } }\n";
    expect(errors(load(pipeline(`${SWEEP}${plain}  r:\n    type: fake.ridge\n    inputs:\n      ${input}\n      features: \${stages.feat[subject=1].train}\n`, 'params: { points: [1] }\n')))).toEqual([expected]);
  });

  test('lists and maps of a port that takes many: empty ones, and members that are no references', () => {
    const compare = (readouts: string): string[] => errors(load(pipeline(`${SWEEP}  c:\n    type: fake.compare\n    inputs: { readouts: ${readouts} }\n`)));
    expect(compare('[]')).toEqual(['9:15 E_MISSING_INPUT input "readouts" of stage "c" names no stage']);
    expect(compare('{}')).toEqual(['9:15 E_MISSING_INPUT input "readouts" of stage "c" names no stage']);
    expect(compare("['${stages.fit}', 3]")).toEqual(['9:43 E_WRONG_TYPE input "readouts" of stage "c" is not a reference to a stage']);
    expect(compare("{ a: '${stages.fit}', b: ['${stages.fit}'] }")).toEqual(['9:50 E_WRONG_TYPE input "readouts" of stage "c" is not a reference to a stage']);
    expect(compare("{ a: '${stages.sim}' }")).toEqual(['9:31 E_INPUT_TYPE input "readouts" of stage "c" cannot take what "sim" makes']);
    expect(compare("{ a: '${stages.c}' }")).toEqual(['9:31 E_CYCLE stages depend on one another: c -> c', '9:31 E_INPUT_TYPE input "readouts" of stage "c" cannot take what "c" makes']);
  });

  test('a matrix that cannot be read is one mistake, not one for each stage after it', () => {
    expect(errors(load(pipeline(SWEEP.replace('matrix: { subject: [1, 2] }', 'matrix: { subject: [1, 1] }'))))).toEqual([expect.stringContaining('has the value 1 twice')]);
  });
});

test('an outside file that several instances miss is one message, and each file one', () => {
  const loaded = load(pipeline("  s: { type: fake.source, matrix: { n: [1, 2, 3] }, params: { table: nowhere.csv } }\n  t: { type: fake.source, matrix: { n: [1, 2] }, params: { table: 'nowhere-${matrix.n}.csv' } }\n"));
  expect(loaded.diagnostics.map(({ error }) => [error.code, error.facts['instances']])).toEqual([['E_EXTERNAL_MISSING', '3 of 3'], ['E_EXTERNAL_MISSING', '1 of 2'], ['E_EXTERNAL_MISSING', '1 of 2']]);
});

test('ten thousand instances that are gathered again are planned, each edge at its place', () => {
  const hundred = (name: string): string => `${name}: [${Array.from({ length: 100 }, (_, i) => i).join(', ')}]`;
  const loaded = load(pipeline(`  s: { type: fake.simulate, matrix: { ${hundred('a')}, ${hundred('b')} } }\n  v: { type: fake.relay, matrix: { ${hundred('a')}, ${hundred('b')} }, inputs: { nsd: '\${stages.s}' } }\n  r: { type: fake.ridge, inputs: { voxels: '\${stages.w}', features: '\${stages.f.test}' } }\n  w: { type: fake.voxels, inputs: { nsd: '\${stages.v[a=7,b=8]}' } }\n  f: { type: fake.features, inputs: { nsd: '\${stages.v[a=7,b=8]}' }, params: { layers: [a] } }\n  c: { type: fake.compare, inputs: { readouts: '\${stages.r}', truths: '\${stages.s.truth}' } }\n`));
  expect(loaded.plan?.stages).toHaveLength(20_004);
  expect(edges(stageOf(loaded, 'v[a=99,b=42]'))).toEqual({ nsd: ['s[a=99,b=42].nsd'] });
  const truths = stageOf(loaded, 'c').inputs['truths'] ?? [];
  expect(truths).toHaveLength(10_000);
  expect(truths[4_217]).toMatchObject({ stage: 's[a=42,b=17]', labels: { a: 42, b: 17 } });
});
