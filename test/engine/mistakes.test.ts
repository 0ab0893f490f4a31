/**
 * Mistakes that people make in pipeline files, each with the exact place at which it has to be reported. In the texts `¦` stands right before the
 * character that the caret has to point at (and is taken out before the file is read); the codes are in the order of the places.
 */
import { expect, test } from 'vitest';
import { load } from '../rigs/plan-rig.js';

const SIM = '  sim: { type: fake.simulate }\n';
const VOXELS = `${SIM}  v: { type: fake.voxels, inputs: { nsd: "\${stages.sim}" } }\n`;
const FEATURES = `${SIM}  f: { type: fake.features, inputs: { nsd: "\${stages.sim}" }, params: { layers: [x] } }\n`;
const RIDGE = `${VOXELS}  f: { type: fake.features, inputs: { nsd: "\${stages.sim}" }, params: { layers: [x] } }\n`;
const stages = (text: string, before = ''): string => `name: x\n${before}stages:\n${text}`;

type Case = readonly [title: string, text: string, codes: string];

const YAML: readonly Case[] = [
  ['an unclosed bracket', 'name: x\nstages: [1, 2\n¦', 'E_YAML_SYNTAX'],
  ['a tab as indentation', 'name: x\nstages:\n¦\ta: 1\n', 'E_YAML_SYNTAX'],
  ['a colon in plain text', 'name: x\ndescription: ¦a: b\nstages: {}\n', 'E_YAML_SYNTAX'],
  ['an indentation that fits nothing', 'name: x\nstages:\n    a: { type: fake.simulate }\n¦  b: { type: fake.simulate }\n', 'E_YAML_SYNTAX'],
  ['a key twice', 'name: x\n¦name: y\nstages:\n  a: { type: fake.simulate }\n', 'E_DUPLICATE_KEY'],
  ['a stage twice', stages('  a: { type: fake.simulate }\n  ¦a: { type: fake.simulate }\n'), 'E_DUPLICATE_KEY'],
  ['a merge key', stages('  a: { type: fake.simulate, params: { ¦<<: {} } }\n'), 'E_YAML_FORBIDDEN'],
  ['a tag', 'name: x\nseed: ¦!!js/function 1\nstages: {}\n', 'E_YAML_FORBIDDEN'],
  ['a number as a key', stages('  a: { type: fake.simulate, params: { ¦1: 2 } }\n'), 'E_YAML_FORBIDDEN'],
  ['a second document', 'name: x\nstages:\n  a: { type: fake.simulate }\n¦---\nname: y\n', 'E_YAML_FORBIDDEN'],
  ['an unknown alias', 'name: x\nseed: ¦*s\nstages:\n  a: { type: fake.simulate }\n', 'E_YAML_SYNTAX'],
  ['a number that cannot be held', 'name: x\nseed: ¦12345678901234567890\nstages:\n  a: { type: fake.simulate }\n', 'E_OUT_OF_RANGE'],
  ['a name of JavaScript objects', 'name: x\nparams: { ¦constructor: 1 }\nstages:\n  a: { type: fake.simulate }\n', 'E_BAD_NAME'],
  ['a reference without quotes in a flow map', stages(`${SIM}  v: { type: fake.voxels, inputs: { nsd: ¦\${stages.sim} } }\n`), 'E_YAML_SYNTAX'],
];

const FIELDS: readonly Case[] = [
  ['a list as a file', '¦- 1\n', 'E_WRONG_TYPE'],
  ['no name', '¦seed: 1\nstages:\n  a: { type: fake.simulate }\n', 'E_MISSING_FIELD'],
  ['no stages', '¦name: x\n', 'E_MISSING_FIELD'],
  ['no stage', 'name: x\n¦stages:\n', 'E_MISSING_FIELD'],
  ['a misspelt field', '¦naem: x\nstages:\n  a: { type: fake.simulate }\n', 'E_UNKNOWN_FIELD'],
  ['a name with a space', 'name: ¦my pipeline\nstages:\n  a: { type: fake.simulate }\n', 'E_BAD_NAME'],
  ['a number as a name', 'name: ¦5\nstages:\n  a: { type: fake.simulate }\n', 'E_WRONG_TYPE'],
  ['a fraction as a seed', 'name: x\nseed: ¦1.5\nstages:\n  a: { type: fake.simulate }\n', 'E_WRONG_TYPE'],
  ['one variable instead of a list', 'name: x\nenv: ¦HOME\nstages:\n  a: { type: fake.simulate }\n', 'E_WRONG_TYPE'],
  ['a list as params', 'name: x\nparams: ¦[1]\nstages:\n  a: { type: fake.simulate }\n', 'E_WRONG_TYPE'],
  ['a param with a hyphen', 'name: x\nparams: { ¦a-b: 1 }\nstages:\n  a: { type: fake.simulate }\n', 'E_BAD_NAME'],
  ['a stage that is a text', stages('  a: ¦fake.simulate\n'), 'E_WRONG_TYPE'],
  ['a stage without a type', stages('  ¦a: { seed: 1 }\n'), 'E_MISSING_FIELD'],
  ['a misspelt field of a stage', stages('  a: { type: fake.simulate, ¦parms: {} }\n'), 'E_UNKNOWN_FIELD'],
  ['a type that nobody knows', stages('  a: { type: ¦fake.simulat }\n'), 'E_UNKNOWN_STAGE_TYPE'],
  ['a stage with a leading digit', stages('  ¦1st: { type: fake.simulate }\n'), 'E_BAD_NAME'],
  ['a condition that is a text', stages('  a: { type: fake.simulate, when: ¦"yes" }\n'), 'E_WRONG_TYPE'],
];

const VALUES: readonly Case[] = [
  ['a parameter out of range', stages('  a: { type: fake.simulate, params: { subject: ¦9 } }\n'), 'E_OUT_OF_RANGE'],
  ['a parameter of the wrong type', stages('  a: { type: fake.simulate, params: { subject: ¦one } }\n'), 'E_WRONG_TYPE'],
  ['a misspelt parameter', stages('  a: { type: fake.simulate, params: { ¦subjekt: 1 } }\n'), 'E_UNKNOWN_PARAMETER'],
  ['a parameter that is missing', stages(`${SIM}  ¦f: { type: fake.features, inputs: { nsd: "\${stages.sim}" } }\n`), 'E_MISSING_FIELD'],
  ['a choice that is none', stages(`${SIM}  v: { type: fake.voxels, inputs: { nsd: "\${stages.sim}" }, params: { zscore: ¦sesion } }\n`), 'E_OUT_OF_RANGE'],
  ['one item of a list', stages(`${RIDGE}  r: { type: fake.ridge, inputs: { voxels: "\${stages.v}", features: "\${stages.f.test}" }, params: { alphas: [1, ¦0] } }\n`), 'E_OUT_OF_RANGE'],
  ['a value deep inside', stages(`${RIDGE}  r:\n    type: fake.ridge\n    inputs: { voxels: "\${stages.v}", features: "\${stages.f.test}" }\n    params:\n      stop: { kind: gap, gap: ¦-1 }\n`), 'E_OUT_OF_RANGE'],
  ['a parameter through a reference', stages('  a: { type: fake.simulate, params: { subject: ¦"${params.n}" } }\n', 'params: { n: 12 }\n'), 'E_OUT_OF_RANGE'],
  ['memory without a unit', stages('  a: { type: fake.simulate, resources: { memory: ¦4 } }\n'), 'E_WRONG_TYPE'],
  ['a time with an unknown unit', stages('  a: { type: fake.simulate, resources: { time: ¦5 m } }\n'), 'E_OUT_OF_RANGE'],
  ['half a core', stages('  a: { type: fake.simulate, resources: { cpus: ¦0.5 } }\n'), 'E_OUT_OF_RANGE'],
  ['an unknown resource', stages('  a: { type: fake.simulate, resources: { ¦ram: 4 GB } }\n'), 'E_UNKNOWN_FIELD'],
  ['an outside file that is missing', stages('  a: { type: fake.source, params: { table: ¦gone.csv } }\n'), 'E_EXTERNAL_MISSING'],
];

const REFERENCES: readonly Case[] = [
  ['an input that is not connected', stages(`${SIM}  ¦v: { type: fake.voxels }\n`), 'E_MISSING_INPUT'],
  ['an input that is misspelt', stages(`${SIM}  v: { type: fake.voxels, inputs: { ¦nds: "\${stages.sim}" } }\n`), 'E_UNKNOWN_INPUT'],
  ['a bare name', stages(`${SIM}  v: { type: fake.voxels, inputs: { nsd: ¦sim } }\n`), 'E_WRONG_TYPE'],
  ['a stage that is not there', stages(`${SIM}  v: { type: fake.voxels, inputs: { nsd: "\${stages.¦simm}" } }\n`), 'E_UNKNOWN_REFERENCE'],
  ['an output that is not there', stages(`${SIM}  v: { type: fake.voxels, inputs: { nsd: "¦\${stages.sim.nds}" } }\n`), 'E_UNKNOWN_REFERENCE'],
  ['an output that is not said', stages(`${RIDGE}  r: { type: fake.ridge, inputs: { voxels: "\${stages.v}", features: "¦\${stages.f}" } }\n`), 'E_UNKNOWN_REFERENCE'],
  ['an artifact of another type', stages(`${VOXELS}  f: { type: fake.features, inputs: { nsd: "¦\${stages.v}" }, params: { layers: [x] } }\n`), 'E_INPUT_TYPE'],
  ['a list at a port for one', stages(`${SIM}  v: { type: fake.voxels, inputs: { nsd: ¦["\${stages.sim}"] } }\n`), 'E_WRONG_TYPE'],
  ['stages that need one another', stages('  a: { type: fake.relay, inputs: { nsd: "${stages.b}" } }\n  b: { type: fake.relay, inputs: { nsd: "¦${stages.a}" } }\n'), 'E_CYCLE'],
  ['params that need one another', stages(SIM, 'params:\n  ¦a: ${params.b}\n  b: ${params.a}\n'), 'E_CYCLE'],
  ['an unknown param', stages('  a: { type: fake.simulate, params: { subject: "${¦params.n}" } }\n'), 'E_UNKNOWN_REFERENCE'],
  ['an environment variable that is not listed', stages(SIM, 'params: { a: "${¦env.HOME}" }\n'), 'E_UNKNOWN_REFERENCE'],
  ['an axis of no matrix', stages('  a: { type: fake.simulate, params: { subject: "${¦matrix.n}" } }\n'), 'E_UNKNOWN_REFERENCE'],
  ['an expression that ends too early', stages(SIM, 'params: { a: "${1 +¦}" }\n'), 'E_EXPRESSION'],
  ['a text plus a number', stages(SIM, "params: { a: \"${1 + ¦'a'}\" }\n"), 'E_EXPRESSION'],
  ['a function that is not there', stages(SIM, 'params: { a: "${¦sqrt(2)}" }\n'), 'E_EXPRESSION'],
  ['a division by zero', stages(SIM, 'params: { a: "${1 ¦/ 0}" }\n'), 'E_EXPRESSION'],
];

const MATRICES: readonly Case[] = [
  ['an axis that is no list', stages('  a: { type: fake.simulate, matrix: { n: ¦3 } }\n'), 'E_WRONG_TYPE'],
  ['a value twice', stages('  a: { type: fake.simulate, matrix: { n: [1, 2, ¦1] } }\n'), 'E_MATRIX'],
  ['an axis without values', stages('  a: { type: fake.simulate, matrix: { n: ¦[] } }\n'), 'E_MATRIX'],
  ['an axis called name', stages('  a: { type: fake.simulate, matrix: { ¦name: [1] } }\n'), 'E_BAD_NAME'],
  ['a point to exclude that is not there', stages('  a: { type: fake.simulate, matrix: { n: [1, 2], exclude: [¦{ n: 3 }] } }\n'), 'E_MATRIX'],
  ['a point to include with an axis too few', stages('  a: { type: fake.simulate, matrix: { n: [1], m: [1], include: [¦{ n: 3 }] } }\n'), 'E_MATRIX'],
  ['an axis that the consumer lacks', stages('  a: { type: fake.simulate, matrix: { n: [1, 2] } }\n  v: { type: fake.voxels, inputs: { nsd: "¦${stages.a}" } }\n'), 'E_MATRIX'],
  ['a selected coordinate that is not there', stages('  a: { type: fake.simulate, matrix: { n: [1, 2] } }\n  v: { type: fake.voxels, inputs: { nsd: "${stages.a[¦n=3]}" } }\n'), 'E_MATRIX'],
];

const LAYERS: readonly Case[] = [
  ['extends: a file that is missing', 'name: x\nextends: ¦gone.yaml\nstages: {}\n', 'E_FILE_NOT_FOUND'],
  ['extends: one of several that is missing', 'name: x\nextends: [¦gone.yaml, ¦away.yaml]\nstages: {}\n', 'E_FILE_NOT_FOUND E_FILE_NOT_FOUND'],
  ['extends: the file itself', 'name: x\nextends: ¦p.yaml\nstages: {}\n', 'E_CYCLE'],
  ['extends: an absolute path', 'name: x\nextends: ¦/etc/base.yaml\nstages: {}\n', 'E_EXTENDS'],
  ['extends: an address', 'name: x\nextends: ¦https://example.org/base.yaml\nstages: {}\n', 'E_EXTENDS'],
  ['extends: out of the project', 'name: x\nextends: ¦../../../../../../../../etc/hosts\nstages: {}\n', 'E_EXTENDS'],
  ['extends: a reference', 'name: x\nextends: ¦"${params.base}"\nstages: {}\n', 'E_EXTENDS'],
  ['extends: a map', 'name: x\nextends: ¦{ file: base.yaml }\nstages: {}\n', 'E_WRONG_TYPE'],
  ['remove: nothing to remove from', `name: x\n¦remove: [seed]\nstages:\n${SIM}`, 'E_EXTENDS'],
];

const PROFILES: readonly Case[] = [
  ['profiles: a list', stages(SIM, 'profiles: ¦[quick]\n'), 'E_WRONG_TYPE'],
  ['profiles: a name with a space', stages(SIM, 'profiles: { ¦"very quick": {} }\n'), 'E_BAD_NAME'],
  ['profiles: a text', stages(SIM, 'profiles: { quick: ¦fast }\n'), 'E_WRONG_TYPE'],
  ['profiles: a misspelt field', stages(SIM, 'profiles: { quick: { ¦sed: 1 } }\n'), 'E_UNKNOWN_FIELD'],
  ['profiles: a param that is not there', stages(SIM, 'params: { n: 1 }\nprofiles: { quick: { params: { ¦m: 2 } } }\n'), 'E_UNKNOWN_REFERENCE'],
  ['profiles: params that are a list', stages(SIM, 'profiles: { quick: { params: ¦[1] } }\n'), 'E_WRONG_TYPE'],
  ['profiles: a stage that is not there', stages(SIM, 'profiles: { quick: { stages: { ¦simm: { seed: 1 } } } }\n'), 'E_UNKNOWN_REFERENCE'],
  ['profiles: another type for a stage', stages(SIM, 'profiles: { quick: { stages: { sim: { ¦type: fake.relay } } } }\n'), 'E_UNKNOWN_FIELD'],
  ['profiles: other inputs for a stage', stages(VOXELS, 'profiles: { quick: { stages: { v: { ¦inputs: {} } } } }\n'), 'E_UNKNOWN_FIELD'],
  ['profiles: a stage that is a number', stages(SIM, 'profiles: { quick: { stages: { sim: ¦5 } } }\n'), 'E_WRONG_TYPE'],
];

const RETRIES: readonly Case[] = [
  ['retries: a text', stages('  a: { type: fake.simulate, retries: ¦often }\n'), 'E_WRONG_TYPE'],
  ['retries: too many', stages('  a: { type: fake.simulate, retries: ¦1000 }\n'), 'E_OUT_OF_RANGE'],
  ['retries: a fraction', stages('  a: { type: fake.simulate, retries: ¦1.5 }\n'), 'E_OUT_OF_RANGE'],
  ['retries: below none', stages('  a: { type: fake.simulate, retries: ¦-1 }\n'), 'E_OUT_OF_RANGE'],
  ['retries: a list', stages('  a: { type: fake.simulate, retries: ¦[1, 2] }\n'), 'E_WRONG_TYPE'],
  ['retries: without times', stages('  a: { type: fake.simulate, retries: ¦{ delay: 1 s } }\n'), 'E_MISSING_FIELD'],
  ['retries: a misspelt field', stages('  a: { type: fake.simulate, retries: { ¦tims: 2 } }\n'), 'E_UNKNOWN_FIELD'],
  ['retries: a delay without a unit', stages('  a: { type: fake.simulate, retries: { times: 2, delay: ¦10 } }\n'), 'E_WRONG_TYPE'],
  ['retries: a delay of a day', stages('  a: { type: fake.simulate, retries: { times: 2, delay: ¦1 d } }\n'), 'E_OUT_OF_RANGE'],
  ['retries: on one kind, not in a list', stages('  a: { type: fake.simulate, retries: { times: 2, on: ¦crash } }\n'), 'E_WRONG_TYPE'],
  ['retries: on no kind', stages('  a: { type: fake.simulate, retries: { times: 2, on: ¦[] } }\n'), 'E_WRONG_TYPE'],
  ['retries: on a kind that is not there', stages('  a: { type: fake.simulate, retries: { times: 2, on: [crash, ¦tiemout] } }\n'), 'E_OUT_OF_RANGE'],
  ['retries: an unknown param', stages('  a: { type: fake.simulate, retries: "${¦params.n}" }\n'), 'E_UNKNOWN_REFERENCE'],
  ['several mistakes, each at its place', `¦naem: x\nseed: ¦no\nstages:\n  a: { type: ¦fake.x }\n  b: { type: fake.simulate, ¦retry: 1 }\n${FEATURES}`, 'E_UNKNOWN_FIELD E_WRONG_TYPE E_UNKNOWN_STAGE_TYPE E_UNKNOWN_FIELD'],
];

const CASES = [...YAML, ...FIELDS, ...VALUES, ...REFERENCES, ...MATRICES, ...LAYERS, ...PROFILES, ...RETRIES];

test('there are more than sixty', () => {
  expect(CASES.length).toBeGreaterThanOrEqual(60);
  expect(new Set(CASES.map(([title]) => title)).size).toBe(CASES.length);
});

test.each(CASES)('%s', (_, marked, codes) => {
  const wanted = codes.split(' ');
  const places: string[] = [];
  marked.split('\n').forEach((line, number) => {
    for (let [at, before] = [line.indexOf('¦'), 0]; at >= 0; [at, before] = [line.indexOf('¦', at + 1), before + 1]) places.push(`${number + 1}:${at - before + 1} ${wanted[places.length] ?? '?'}`);
  });
  const loaded = load(marked.replaceAll('¦', ''));
  expect(loaded.places.filter((_place, i) => loaded.diagnostics[i]?.severity === 'error')).toEqual(places);
  expect(loaded.plan).toBeUndefined();
  // every message ends with one thing to do
  for (const { error } of loaded.diagnostics) expect(error.hint).toMatch(/\S/);
});
