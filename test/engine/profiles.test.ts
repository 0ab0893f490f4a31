import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { loadPlan, type LoadOptions } from '../../src/engine/load-plan.js';
import { fakeRegistry } from '../rigs/fake-registry.js';

const folders: string[] = [];
afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true, force: true })));

const FILE = `name: x
seed: 1
params: { sessions: 40, note: base, deep: { a: 1, b: 2 } }
profiles:
  quick:
    description: minutes instead of hours
    seed: 5
    params: { sessions: 2 }
    stages:
      sim: { seed: 9, resources: { cpus: 4 }, retries: 2 }
  small:
    params: { note: small, sessions: 1, deep: { a: 3, b: 4 } }
    stages:
      sim: { params: { subject: 3 }, matrix: { n: [1] }, when: true }
      other: { when: false }
stages:
  sim: { type: fake.simulate, matrix: { n: [1, 2] }, params: { subject: 2, sessions: "\${params.sessions}" } }
  other: { type: fake.simulate, params: { sessions: 3 } }
`;

function load(text: string, options: Partial<LoadOptions> & { readonly given?: Readonly<Record<string, string>> } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'profiles-'));
  folders.push(folder);
  for (const [name, content] of Object.entries({ 'p.yaml': text, ...options.given })) writeFileSync(join(folder, name), content);
  const { plan, diagnostics, sources } = loadPlan(join(folder, 'p.yaml'), { registry: fakeRegistry(), set: [], env: {}, ...options, paramsFiles: (options.paramsFiles ?? []).map((name) => join(folder, name)) });
  return {
    plan, sources,
    errors: diagnostics.map(({ error: { code, span, hint } }) => `${span?.file.replace(`${folder}/`, '')}:${span?.line}:${span?.column} ${code} ${hint}`),
    stages: plan?.stages.map(({ name, seed, params, resources: { cpus }, retries, skipped }) => ({ name, seed, params, cpus, retries: retries?.times, skipped })),
  };
}

describe('profiles', () => {
  test('change params, seeds, resources, retries, conditions and matrices, in the order of the command line', () => {
    expect(load(FILE).stages).toMatchObject([{ name: 'sim[n=1]', seed: 1, params: { sessions: 40 }, cpus: 1 }, { name: 'sim[n=2]' }, { name: 'other', seed: 1 }]);
    expect(load(FILE, { profiles: ['quick'] }).stages).toMatchObject([{ seed: 9, params: { sessions: 2, subject: 2 }, cpus: 4, retries: 2 }, {}, { seed: 5 }]);
    expect(load(FILE, { profiles: ['quick', 'small'] }).stages).toMatchObject([{ name: 'sim[n=1]', seed: 9, params: { sessions: 1, subject: 3 } }, { name: 'other', skipped: 'when: is false' }]);
    expect(load(FILE, { profiles: ['small', 'quick'] }).plan?.params).toEqual({ sessions: 2, note: 'small', deep: { a: 3, b: 4 } });
  });

  test('come before --set, which also reaches into what they set', () => {
    expect(load(FILE, { profiles: ['small'], set: ['params.sessions=7', 'params.deep.a=5'] }).plan?.params).toEqual({ sessions: 7, note: 'small', deep: { a: 5, b: 4 } });
  });

  test('a value keeps the type of the default, and its place', () => {
    expect(load(FILE.replace('note: small', 'note: 5'), { profiles: ['small'] }).errors).toEqual(['p.yaml:12:21 E_WRONG_TYPE give a value of that type']);
    expect(load(FILE.replace('subject: 3', 'subject: 9'), { profiles: ['small'] }).errors).toEqual(['p.yaml:14:33 E_OUT_OF_RANGE give an integer from 1 to 8']);
  });

  test('one that is not there is refused with the nearest name', () => {
    expect(load(FILE, { profiles: ['quik'] }).errors).toEqual(['--profile quik:1:1 E_USAGE did you mean "quick"?']);
    expect(load('name: x\nstages: { a: { type: fake.simulate } }\n', { profiles: ['quick'] }).errors).toEqual(['--profile quick:1:1 E_USAGE the file has no profiles: add profiles:']);
  });

  test('an empty profile changes nothing', () => {
    expect(load(FILE.replace('  quick:\n', '  none:\n  quick:\n'), { profiles: ['none'] }).stages).toEqual(load(FILE).stages);
  });
});

describe('--params-file', () => {
  test('YAML and JSON give params values, after profiles and before --set', () => {
    const given = { 'a.yaml': 'sessions: 8\nnote: from a file\n', 'b.json': '{"sessions": 9, "deep": {"a": [1]}}' };
    const { plan, sources } = load(FILE, { profiles: ['small'], paramsFiles: ['a.yaml', 'b.json'], set: ['params.deep.a=2'], given });
    expect(plan?.params).toEqual({ sessions: 9, note: 'from a file', deep: { a: 2 } });
    expect(sources).toHaveLength(3);
    expect(plan?.source).not.toBe(load(FILE).plan?.source);
  });

  test('what is wrong in it is told at its place in it', () => {
    const errors = (text: string) => load(FILE, { paramsFiles: ['v.yaml'], given: { 'v.yaml': text } }).errors;
    expect(errors('sesions: 8\n')).toEqual(['v.yaml:1:1 E_UNKNOWN_REFERENCE did you mean "sessions"?']);
    expect(errors('note: a\nsessions: many\n')).toEqual(['v.yaml:2:11 E_WRONG_TYPE give a value of that type']);
    expect(errors('- 1\n')).toEqual(['v.yaml:1:1 E_WRONG_TYPE write one "name: value" a line, or a JSON object']);
    expect(errors('note: [\n')[0]).toMatch(/^v\.yaml:\d:\d E_YAML_SYNTAX/);
    expect(load(FILE, { paramsFiles: ['gone.yaml'] }).errors[0]).toMatch(/E_FILE_NOT_FOUND/);
  });
});
