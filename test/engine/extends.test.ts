/** `extends:` and `remove:`: what counts, where errors are, where paths lead, and what is refused (row F41 of the fault table). */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { digestOf } from '../../src/core/digest.js';
import { canonicalDigest } from '../../src/engine/canonical.js';
import { formatDiagnostic } from '../../src/engine/format-diagnostic.js';
import { loadPlan, type LoadOptions } from '../../src/engine/load-plan.js';
import { fakeRegistry } from '../rigs/fake-registry.js';

const folders: string[] = [];
afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true, force: true })));

function project(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'extends-'));
  folders.push(folder);
  for (const [name, text] of Object.entries({ 'package.json': '{}', ...files })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

function load(folder: string, file = 'p.yaml', options: Partial<LoadOptions> = {}) {
  const { plan, diagnostics, sources } = loadPlan(join(folder, file), { registry: fakeRegistry(), set: [], env: {}, ...options });
  return {
    plan, sources,
    places: diagnostics.map(({ error: { code, span } }) => `${span === undefined ? '-' : `${span.file.startsWith('--') ? span.file : relative(folder, span.file)}:${span.line}:${span.column}`} ${code}`),
    printed: diagnostics.map(({ error }) => formatDiagnostic(error).replaceAll(`${folder}/`, '').replaceAll(folder, '<project>')).join('\n'),
    params: (name: string) => plan?.stages.find((stage) => stage.name === name)?.params,
    stage: (name: string) => plan?.stages.find((stage) => stage.name === name),
  };
}

const BASE = `name: base
seed: 3
params: { sessions: 2, note: base }
stages:
  sim:
    type: fake.simulate
    params: { subject: 2, sessions: "\${params.sessions}" }
    resources: { cpus: 2, memory: 1 GB }
  voxels: { type: fake.voxels, inputs: { nsd: "\${stages.sim}" } }
`;

describe('what counts', () => {
  test('params, stages and their params and resources are merged by name, all else is replaced, the file itself last', () => {
    const loaded = load(project({
      'base.yaml': BASE,
      'more.yaml': 'params: { note: more }\nstages: { sim: { seed: 8, resources: { cpus: 3 } } }\n',
      'p.yaml': 'extends: [base.yaml, more.yaml]\nname: own\nparams: { sessions: 5 }\nstages:\n  sim: { params: { subject: 4 } }\n  extra: { type: fake.simulate }\n',
    }));
    expect(loaded.printed).toBe('');
    expect(loaded.plan).toMatchObject({ name: 'own', params: { sessions: 5, note: 'more' } });
    expect(loaded.stage('sim')).toMatchObject({ params: { subject: 4, sessions: 5 }, seed: 8, resources: { cpus: 3, memoryMb: 1024 } });
    expect(loaded.stage('extra')?.seed).toBe(3);
    expect(loaded.plan?.stages.map(({ name }) => name)).toEqual(['sim', 'voxels', 'extra']);
  });

  test('a chain is read from its far end, a file that two extend is read once', () => {
    const folder = project({ 'lib/base.yaml': BASE, 'lib/a.yaml': 'extends: base.yaml\nparams: { sessions: 7 }\n', 'lib/b.yaml': 'extends: ./base.yaml\nname: b\n', 'p.yaml': 'extends: [lib/a.yaml, lib/b.yaml]\n' });
    const loaded = load(folder);
    // b brings its own view of base: the later wins
    expect(loaded.plan).toMatchObject({ name: 'b', params: { sessions: 2 } });
    expect(loaded.sources.map(({ path }) => relative(folder, path))).toEqual(['p.yaml', 'lib/a.yaml', 'lib/base.yaml', 'lib/b.yaml']);
  });

  test('an empty field or stage changes nothing', () => {
    expect(load(project({ 'base.yaml': BASE, 'p.yaml': 'extends: base.yaml\nparams:\nstages:\n  sim:\n  voxels: { inputs: }\n' })).params('sim')).toEqual({ subject: 2, sessions: 2 });
  });

  test('remove takes stages, fields and params away before the file is laid on top', () => {
    const loaded = load(project({ 'base.yaml': BASE, 'p.yaml': 'extends: base.yaml\nremove: [stages.voxels, stages.sim.params, stages.sim.resources.cpus, seed]\nstages: { sim: { params: { subject: 5 } } }\n' }));
    expect(loaded.plan?.stages).toMatchObject([{ name: 'sim', params: { subject: 5, sessions: 2 }, seed: 0, resources: { cpus: 1, memoryMb: 1024 } }]);
    expect(loaded.params('sim')).toEqual({ subject: 5, sessions: 2 }); // its default
  });

  test('--set and profiles work on the whole', () => {
    const folder = project({ 'base.yaml': `${BASE}profiles: { quick: { params: { sessions: 1 } } }\n`, 'p.yaml': 'extends: base.yaml\nprofiles: { quick: { stages: { sim: { seed: 5 } } } }\n' });
    expect(load(folder, 'p.yaml', { profiles: ['quick'], set: ['stages.sim.params.subject=8'] }).stage('sim')).toMatchObject({ params: { subject: 8, sessions: 1 }, seed: 5 });
  });

  test('the digest covers every text, and is that of the text where there is one', () => {
    const files = { 'base.yaml': BASE, 'p.yaml': 'extends: base.yaml\n' };
    const loaded = load(project(files));
    expect(loaded.sources.map(({ digest }) => digest)).toEqual([digestOf(files['p.yaml']), digestOf(files['base.yaml'])]);
    expect(loaded.plan?.source).toBe(canonicalDigest('pipeline-source/1', loaded.sources.map(({ digest }) => digest)));
    expect(load(project({ ...files, 'base.yaml': `${BASE}# a word\n` })).plan?.source).not.toBe(loaded.plan?.source);
    expect(load(project({ 'p.yaml': BASE })).plan?.source).toBe(digestOf(BASE));
  });

  test('texts that were read are told also where there is no plan', () => {
    const folder = project({ 'base.yaml': 'name: [\n', 'p.yaml': 'extends: base.yaml\n' });
    const loaded = load(folder);
    expect([loaded.plan, loaded.sources.map(({ path }) => relative(folder, path))]).toEqual([undefined, ['p.yaml', 'base.yaml']]);
  });
});

describe('paths to outside files', () => {
  const files = {
    'lib/data.csv': 'x', 'data.csv': 'x',
    'lib/base.yaml': 'name: base\nparams: { table: data.csv }\nstages:\n  written: { type: fake.source, params: { table: data.csv } }\n  referred: { type: fake.source, params: { table: "${params.table}" } }\n  built: { type: fake.source, params: { table: "${params.table}" } }\n',
  };

  test('are relative to the file that they are written in; a plain reference to where the param got its value', () => {
    const folder = project({ ...files, 'p.yaml': 'extends: lib/base.yaml\nstages: { built: { params: { table: "./${params.table}" } } }\n' });
    const loaded = load(folder);
    expect([loaded.params('written'), loaded.params('referred'), loaded.params('built')].map((params) => relative(folder, String(params?.['table'])))).toEqual(['lib/data.csv', 'lib/data.csv', 'data.csv']);
    const own = load(project({ ...files, 'p.yaml': 'extends: lib/base.yaml\nparams: { table: data.csv }\n' }));
    expect(relative(folders.at(-1) as string, String(own.params('referred')?.['table']))).toBe('data.csv');
    expect(relative(folders.at(-1) as string, String(own.params('written')?.['table']))).toBe('lib/data.csv');
  });

  test('from the command line they are relative to the pipeline file', () => {
    const folder = project({ ...files, 'p.yaml': 'extends: lib/base.yaml\n' });
    const loaded = load(folder, 'p.yaml', { set: ['params.table=data.csv', 'stages.written.params.table=data.csv'] });
    expect([loaded.params('written'), loaded.params('referred')].map((params) => relative(folder, String(params?.['table'])))).toEqual(['data.csv', 'data.csv']);
  });
});

describe('errors', () => {
  test('name the file, line and column in which the value was written', () => {
    const loaded = load(project({ 'base.yaml': BASE.replace('subject: 2', 'subject: 9'), 'p.yaml': 'extends: base.yaml\nstages:\n  voxels: { params: { zscore: sesion } }\n' }));
    expect(loaded.places).toEqual(['base.yaml:7:24 E_OUT_OF_RANGE', 'p.yaml:3:31 E_OUT_OF_RANGE']);
  });

  test('a cycle is a path with its places', () => {
    const loaded = load(project({ 'p.yaml': 'extends: lib/a.yaml\n', 'lib/a.yaml': 'name: a\nextends: [b.yaml]\n', 'lib/b.yaml': 'extends: ../p.yaml\n' }));
    expect(loaded.printed).toBe([
      'lib/b.yaml:1:10  E_CYCLE  files extend one another: p.yaml -> lib/a.yaml -> lib/b.yaml -> p.yaml',
      '  "p.yaml" extends "lib/a.yaml": line 1, column 10',
      '  "lib/a.yaml" extends "lib/b.yaml": line 2, column 11',
      '  "lib/b.yaml" extends "p.yaml": line 1, column 10',
      '  remove one of these',
    ].join('\n'));
    expect(load(project({ 'p.yaml': 'extends: p.yaml\n' })).places).toEqual(['p.yaml:1:10 E_CYCLE']);
  });

  test.each([
    ['an absolute path', '/etc/passwd', 'E_EXTENDS'],
    ['an address', 'https://example.org/base.yaml', 'E_EXTENDS'],
    ['a file: address', 'file:///etc/passwd', 'E_EXTENDS'],
    ['a drive', 'C:\\base.yaml', 'E_EXTENDS'],
    ['a home', '~/base.yaml', 'E_EXTENDS'],
    ['a reference', '"${params.base}"', 'E_EXTENDS'],
    ['what lies outside', '../outside.yaml', 'E_EXTENDS'],
    ['a way out and back', 'lib/../../outside.yaml', 'E_EXTENDS'],
    ['a link that leads out', 'out.yaml', 'E_EXTENDS'],
    ['a link to itself', 'loop.yaml', 'E_FILE_NOT_FOUND'],
    ['a link to nothing', 'dangling.yaml', 'E_FILE_NOT_FOUND'],
    ['a folder', 'lib', 'E_FILE_NOT_FOUND'],
    ['a pipe', 'pipe.yaml', 'E_FILE_NOT_FOUND'],
    ['nothing', 'missing.yaml', 'E_FILE_NOT_FOUND'],
    ['a device behind a link', 'zero.yaml', 'E_EXTENDS'],
    ['a list', 'list.yaml', 'E_WRONG_TYPE'],
    ['a number', '5', 'E_WRONG_TYPE'],
    ['an empty list', '[]', 'E_EXTENDS'],
  ])('%s is refused at its place: extends: %s', (_, path, code) => {
    const outer = project({ 'outside.yaml': 'name: x\n' });
    const folder = join(outer, 'inner');
    mkdirSync(join(folder, 'lib'), { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{}');
    writeFileSync(join(folder, 'list.yaml'), '- 1\n');
    writeFileSync(join(folder, 'p.yaml'), `name: x\nextends: ${path}\nstages: {}\n`);
    symlinkSync('../outside.yaml', join(folder, 'out.yaml'));
    symlinkSync('loop.yaml', join(folder, 'loop.yaml'));
    symlinkSync('gone.yaml', join(folder, 'dangling.yaml'));
    symlinkSync('/dev/zero', join(folder, 'zero.yaml'));
    execFileSync('mkfifo', [join(folder, 'pipe.yaml')]);
    expect(load(folder).places).toEqual([`p.yaml:2:10 ${code}`]);
  });

  test('a link inside the project is followed, and a cycle through it found', () => {
    const folder = project({ 'base.yaml': BASE, 'p.yaml': 'extends: link.yaml\n', 'q.yaml': 'extends: again.yaml\n' });
    symlinkSync('base.yaml', join(folder, 'link.yaml'));
    symlinkSync('q.yaml', join(folder, 'again.yaml'));
    expect(load(folder).plan?.name).toBe('base');
    expect(load(folder, 'q.yaml').places).toEqual(['q.yaml:1:10 E_CYCLE']);
  });

  test('depth, number and size have their limits', () => {
    const chain = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [i === 0 ? 'p.yaml' : `l${i}.yaml`, i === 19 ? BASE : `extends: l${i + 1}.yaml\n`]));
    expect(load(project(chain)).places).toEqual(['l16.yaml:1:10 E_EXTENDS']);
    const many = Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`l${i}.yaml`, 'seed: 1\n']));
    expect(new Set(load(project({ ...many, 'p.yaml': `name: x\nextends:\n${Object.keys(many).map((name) => `  - ${name}\n`).join('')}stages: { a: { type: fake.simulate } }\n` })).places)).toEqual(new Set(Array.from({ length: 7 }, (_, i) => `p.yaml:${66 + i}:5 E_EXTENDS`)));
    const large = Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`l${i}.yaml`, `seed: 1\n#${'x'.repeat(1024 * 1024 - 20)}`]));
    expect(load(project({ ...large, 'p.yaml': `extends: [${Object.keys(large).join(', ')}]\n` })).places[0]).toMatch(/^p\.yaml:1:\d+ E_EXTENDS$/);
  });

  test('layers that each extend the next one three times are no bomb', () => {
    const files = Object.fromEntries(Array.from({ length: 15 }, (_, i) => [i === 0 ? 'p.yaml' : `l${i}.yaml`, i === 14 ? BASE : `extends: [l${i + 1}.yaml, l${i + 1}.yaml, ./l${i + 1}.yaml]\n`]));
    expect(load(project(files)).plan?.name).toBe('base');
  });

  test('remove: what is not inherited, what is no path, and a file that extends nothing', () => {
    const folder = project({
      'base.yaml': BASE,
      'p.yaml': 'extends: base.yaml\nremove: [stages.voxel, stages.sim.params.sesions, 5, params.note.x]\n',
      'q.yaml': 'name: q\nremove: [seed]\nstages: { a: { type: fake.simulate } }\n', 'r.yaml': 'extends: base.yaml\nremove: stages.sim\n',
    });
    expect(load(folder).places).toEqual(['p.yaml:2:10 E_UNKNOWN_REFERENCE', 'p.yaml:2:24 E_UNKNOWN_REFERENCE', 'p.yaml:2:51 E_WRONG_TYPE', 'p.yaml:2:54 E_UNKNOWN_REFERENCE']);
    expect(load(folder).printed).toContain('did you mean "voxels"?');
    expect(load(folder, 'q.yaml').places).toEqual(['q.yaml:2:1 E_EXTENDS']);
    expect(load(folder, 'r.yaml').places).toEqual(['r.yaml:2:9 E_WRONG_TYPE']);
  });

  test('a layer that has something else where a map belongs is not lost without a word', () => {
    expect(load(project({ 'base.yaml': 'name: x\nstages: [a]\nparams: 5\n', 'p.yaml': 'extends: base.yaml\nparams: { a: 1 }\nstages: { a: { type: fake.simulate } }\n' })).places).toEqual(['base.yaml:2:9 E_WRONG_TYPE', 'base.yaml:3:9 E_WRONG_TYPE']);
  });

  test('a name of JavaScript objects is refused in every layer', () => {
    expect(load(project({ 'base.yaml': 'name: x\nparams: { __proto__: { a: 1 } }\n', 'p.yaml': 'extends: base.yaml\nstages: { a: { type: fake.simulate } }\n' })).places).toEqual(['base.yaml:2:11 E_BAD_NAME']);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});
