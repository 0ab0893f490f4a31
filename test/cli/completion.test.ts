import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/command-table.js';
import { outlineOfText } from '../../src/cli/completion/outline-of-text.js';
import { COMPLETION_SCRIPTS } from '../../src/cli/completion/scripts.js';
import { ERROR_CODES } from '../../src/core/errors.js';
import { FakeProject } from './fake-project.js';

async function complete(project: FakeProject, ...words: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await project.run(['__complete', ...words]);
  expect([code, stderr]).toEqual([0, '']);
  return stdout.split('\n').filter((line) => line !== '').map((line) => line.split('\t')[0] as string);
}

describe('pipeline __complete', () => {
  test('commands, word by word, with what they do', async () => {
    using project = new FakeProject();
    expect(await complete(project, '')).toEqual([...new Set(COMMANDS.map(({ name }) => name.split(' ')[0]))]);
    expect(await complete(project, 'cache', 'v')).toEqual(['verify']);
    expect((await project.run(['__complete', 'va'])).stdout).toBe('validate\tCheck pipeline files without running anything; all errors at once.\n');
    expect(await complete(project)).toContain('run');
  });

  test('flags of the command and of all commands, and the choices of their values', async () => {
    using project = new FakeProject();
    expect(await complete(project, 'run', 'demo.yaml', '--ca')).toEqual(['--cache-mode', '--cache-dir']);
    expect(await complete(project, 'run', '--cache-mode', 'r')).toEqual(['read', 'read-write']);
    expect(await complete(project, 'run', '--cache-mode=r')).toEqual(['--cache-mode=read', '--cache-mode=read-write']);
    expect(await complete(project, '--color', 'n')).toEqual(['never']);
    expect(await complete(project, 'run', 'demo.yaml', '--jobs', '')).toEqual([]);
    // a flag with an optional value stands alone or with =
    expect((await project.run(['__complete', 'run', '--for'])).stdout.split('\n').map((line) => line.replace(/\t.*\t/, '\t…\t'))).toEqual([expect.stringMatching(/^--force\t/), '--force=\t…\t+', '']);
    expect(await complete(project, 'run', '--', '--j')).toEqual([]);
  });

  test('pipeline files and folders, and nothing hidden', async () => {
    using project = new FakeProject();
    mkdirSync(join(project.folder, 'my files'));
    project.write('my files/x.yml', '');
    project.write('notes.txt', '');
    project.write('.hidden.yaml', '');
    expect(await complete(project, 'run', '')).toEqual(['demo.yaml', 'my files/']);
    expect(await complete(project, 'run', 'my files/')).toEqual(['my files/x.yml']);
    expect(await complete(project, 'run', '.h')).toEqual(['.hidden.yaml']);
    expect(await complete(project, 'run', 'demo.yaml', '--cache-dir', 'm')).toEqual(['my files/']);
    expect(await complete(project, 'validate', 'demo.yaml', 'demo')).toEqual(['demo.yaml']);
    expect(await complete(project, 'graph', 'demo.yaml', '')).toEqual([]);
  });

  test('stages and params of the file on the line, also in a list with commas', async () => {
    using project = new FakeProject();
    expect(await complete(project, 'explain', 'demo.yaml', '')).toEqual(['number', 'twice', 'never']);
    expect(await complete(project, 'run', 'demo.yaml', '')).toEqual(['number', 'twice', 'never']);
    expect(await complete(project, 'run', 'demo.yaml', '--until', 'ne')).toEqual(['never']);
    expect(await complete(project, 'run', 'demo.yaml', '--force=tw')).toEqual(['--force=twice']);
    expect(await complete(project, 'run', 'demo.yaml', '--force=twice,n')).toEqual(['--force=twice,number', '--force=twice,never']);
    expect(await complete(project, 'plan', 'demo.yaml', '--set', 'params.')).toEqual(['params.number=']);
  });

  test('names and ids of runs newest first and stages of the latest run, types, error codes, topics', async () => {
    using project = new FakeProject();
    expect(await complete(project, 'show', '')).toEqual([]);
    await project.run(['run', 'demo.yaml']);
    const { stdout } = await project.run(['__complete', 'show', '']);
    expect(stdout.replace(/^[a-z]+-[a-z]+-[0-9a-f]{2}\t/m, '<name>\t')).toBe('latest\t\n<name>\t<run>\n<run>\t\nnumber\t\ntwice\t\nnever\t\n');
    expect(await complete(project, '--cache-dir', 'elsewhere', 'show', '')).toEqual([]);
    expect(await complete(project, 'schema', 'readout.')).toEqual(['readout.ridge']);
    expect(await complete(project, 'help', 'E_')).toEqual(Object.keys(ERROR_CODES));
    expect(await complete(project, 'help', 'cache', 'g')).toEqual(['gc']);
    expect(await complete(project, 'completion', '')).toEqual(['bash', 'zsh', 'fish']);
  });

  test('never fails and never says anything else, whatever is typed', async () => {
    using project = new FakeProject();
    project.write('broken.yaml', '\u0000[[[');
    for (const words of [['run', 'missing/'], ['explain', 'missing.yaml', ''], ['explain', 'broken.yaml', ''], ['nonsense', ''], ['--', ''], ['-'], ['--nonsense=', ''], ['help', 'nonsense', ''], ['cache', 'nonsense', '']]) await complete(project, ...words);
  });
});

test('stage names are found by indentation: block style, quotes, comments, CRLF; other texts give nothing', () => {
  expect(outlineOfText('params:\n  a: 1\n  deep: { b: 1 }\n  nested:\n    c: 2\n# stages:\n#   no: x\nstages:\r\n  one: { type: x }\r\n  "two":\r\n    type: y\r\n    inputs:\r\n      q: z\n')).toEqual({ params: ['a', 'deep', 'nested'], stages: ['one', 'two'], profiles: [] });
  expect(outlineOfText('stages: { a: {} }')).toEqual({ params: [], stages: [], profiles: [] });
  expect(outlineOfText('constructor:\n  x: 1\n__proto__:\n  y: 1\n')).toEqual({ params: [], stages: [], profiles: [] });
});

describe('the script for bash, in bash', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pipeline-completion-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  beforeAll(() => {
    writeFileSync(join(folder, 'pipeline'), `#!/bin/sh\nexec ${process.execPath} ${resolve('dist/cli/main.js')} "$@"\n`);
    chmodSync(join(folder, 'pipeline'), 0o755);
    writeFileSync(join(folder, 'package.json'), '{}');
    writeFileSync(join(folder, 'p.yaml'), 'name: p\nparams:\n  steps: 1\nstages:\n  pictures: { type: stimuli.draw }\n  more-pictures: { type: stimuli.draw }\n');
    mkdirSync(join(folder, 'a b'));
    writeFileSync(join(folder, 'script.bash'), COMPLETION_SCRIPTS.bash);
  });

  /** @param pieces the words as bash splits them, at blanks and at = and : */
  function reply(...pieces: string[]): string[] {
    const fragment = /^[=:]+$/.test(pieces.at(-1) ?? '') ? '' : (pieces.at(-1) ?? '');
    const code = 'source script.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pipeline pipeline "$FRAGMENT" ""; printf "%s\\n" "${COMPREPLY[@]}"';
    const stdout = execFileSync('bash', ['--norc', '--noprofile', '-c', code, 'bash', 'pipeline', ...pieces], { cwd: folder, encoding: 'utf8', env: { PATH: `${folder}:${process.env['PATH'] ?? ''}`, FRAGMENT: fragment } });
    return stdout.split('\n').filter((line) => line !== '');
  }

  test('asks the program, and gives back what bash replaces', () => {
    expect(reply('cache', 'ver')).toEqual(['verify']);
    expect(reply('run', 'p.ya')).toEqual(['p.yaml']);
    expect(reply('run', 'p.yaml', '--force', '=')).toEqual(['pictures', 'more-pictures']);
    expect(reply('run', 'p.yaml', '--force', '=', 'pictures,m')).toEqual(['pictures,more-pictures']);
    expect(reply('run', 'p.yaml', '--set', 'params.s')).toEqual(['params.steps=']);
    expect(reply('run', 'a')).toEqual(['a\\ b/']);
    expect(reply('--color', '=', 'al')).toEqual(['always']);
  });

  test('is registered for the program, and its text is sound in its shell', () => {
    expect(execFileSync('bash', ['--norc', '-c', 'source script.bash; complete -p pipeline'], { cwd: folder, encoding: 'utf8' })).toBe('complete -F _pipeline pipeline\n');
    execFileSync('bash', ['-n', 'script.bash'], { cwd: folder });
  });
});

test('completion SHELL prints the script; another shell is wrong usage', async () => {
  using project = new FakeProject();
  for (const shell of ['bash', 'zsh', 'fish'] as const) expect((await project.run(['completion', shell])).stdout).toBe(COMPLETION_SCRIPTS[shell]);
  const { code, stderr } = await project.run(['completion', 'bsh']);
  expect(code).toBe(2);
  expect(stderr).toContain('did you mean "bash"?');
});
