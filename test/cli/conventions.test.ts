/** What people and scripts expect of any command line: colour, closed pipes, machine-readable versions and errors, annotations in CI. */
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { wantsColor } from '../../src/cli/terminal.js';
import { FakeProject } from './fake-project.js';

const BROKEN = 'name: broken\nstages:\n  one: { type: fake.numbr }\n  two: { type: fake.double, inputs: { number: "${stages.missing}" } }\n';

describe('colour', () => {
  const terminal = { write: () => undefined, isTTY: true };
  const file = { write: () => undefined };

  test.each([
    [{}, undefined, true, false],
    [{ NO_COLOR: '1' }, undefined, false, false],
    [{ NO_COLOR: '' }, undefined, true, false],
    [{ NO_COLOR: '1', FORCE_COLOR: '1' }, undefined, false, false],
    [{ NO_COLOR: '1' }, 'always', true, true],
    [{ FORCE_COLOR: '1' }, undefined, true, true],
    [{ FORCE_COLOR: '' }, undefined, true, true],
    [{ FORCE_COLOR: '0' }, undefined, false, false],
    [{ FORCE_COLOR: 'false', CLICOLOR_FORCE: '1' }, undefined, false, false],
    [{ CLICOLOR_FORCE: '1' }, undefined, true, true],
    [{ CLICOLOR_FORCE: '0' }, undefined, true, false],
    [{ CLICOLOR_FORCE: '1', TERM: 'dumb' }, undefined, true, true],
    [{ TERM: 'dumb' }, undefined, false, false],
    [{ FORCE_COLOR: '1' }, 'never', false, false],
    [{ TERM: 'dumb' }, 'auto', false, false],
  ] as const)('%j with --color %s: %s on a terminal, %s in a file', (env, choice, onTerminal, inFile) => {
    expect([wantsColor(terminal, env, choice), wantsColor(file, env, choice)]).toEqual([onTerminal, inFile]);
  });
});

describe('pipes', () => {
  test('a reader that leaves early ends nothing: no error, no stack trace', () => {
    const main = resolve('dist/cli/main.js');
    // 200,000 bytes and more: more than a pipe holds
    for (const args of ['schema', 'schema --json', 'graph pipelines/fit-curves.yaml --format svg --instances']) {
      const out = execFileSync('bash', ['-c', `${process.execPath} ${main} ${args} | head -c 1 >/dev/null; echo "\${PIPESTATUS[0]}"`], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
      expect(out).toBe('0\n');
    }
  });
});

describe('machine-readable', () => {
  test('--version --json names the program, Node and the packages that compute', async () => {
    using project = new FakeProject();
    const { code, stdout } = await project.run(['--version', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ schema: 'pipeline.version.v1', pipeline: expect.stringMatching(/^\d+\.\d+\.\d+$/), node: process.versions.node, packages: { 'onnxruntime-node': expect.any(String) } });
  });

  test('a page cannot be asked for as JSON', async () => {
    using project = new FakeProject();
    for (const args of [['schema', '--docs', '--json'], ['schema', 'fake.double', '--docs', '--json']]) {
      const { code, stdout, stderr } = await project.run(args);
      expect([code, stdout, (JSON.parse(stderr) as { code: string }).code]).toEqual([2, '', 'E_USAGE']);
    }
  });

  test('validate --json gives each file with everything that is wrong, places included', async () => {
    using project = new FakeProject();
    project.write('broken.yaml', BROKEN);
    const { code, stdout, stderr } = await project.run(['validate', 'demo.yaml', 'broken.yaml', '--json']);
    expect(code).toBe(3);
    const [good, bad] = stdout.trim().split('\n').map((line) => JSON.parse(line) as { valid: boolean; diagnostics: Record<string, unknown>[] });
    expect(good).toMatchObject({ schema: 'pipeline.validate.v1', file: 'demo.yaml', valid: true, diagnostics: [] });
    expect(bad).toMatchObject({ file: 'broken.yaml', valid: false });
    expect(bad?.diagnostics.map(({ code: what, file, line, column }) => [what, file, line, column])).toEqual([['E_UNKNOWN_STAGE_TYPE', 'broken.yaml', 3, 16], ['E_UNKNOWN_REFERENCE', 'broken.yaml', 4, 57]]);
    expect(stderr.trim().split('\n').map((line) => JSON.parse(line) as unknown)).toEqual(bad?.diagnostics);
  });

  test('schema --list names the stage types, schema without a type is the schema of files', async () => {
    using project = new FakeProject();
    expect((await project.run(['schema', '--list'])).stdout).toBe('type         what it does\nfake.double  a fake\nfake.number  a fake\nfake.source  a fake\nfake.sum     a fake\n');
    expect(JSON.parse((await project.run(['schema', '--list', '--json'])).stdout)).toMatchObject({ schema: 'pipeline.types.v1', types: [{ type: 'fake.double', version: 1 }, {}, {}, {}] });
    expect((await project.run(['schema'])).stdout).toMatch(/^\{\n {2}"\$schema": "http:\/\/json-schema\.org\/draft-07/);
    expect((await project.run(['schema', '--list', 'fake.sum'])).code).toBe(2);
  });
});

describe('in GitHub Actions', () => {
  const env = { GITHUB_ACTIONS: 'true' };

  test('errors of a pipeline file are annotations at their lines; elsewhere and in JSON they are not', async () => {
    using project = new FakeProject();
    project.write('broken.yaml', BROKEN);
    const { stderr } = await project.run(['validate', 'broken.yaml'], { env });
    expect(stderr.split('\n').filter((line) => line.startsWith('::'))).toEqual([
      expect.stringMatching(/^::error file=broken\.yaml,line=3,col=16,title=E_UNKNOWN_STAGE_TYPE::"fake\.numbr" is not a known stage type%0Adid you mean/),
      expect.stringMatching(/^::error file=broken\.yaml,line=4,col=57,title=E_UNKNOWN_REFERENCE::/),
    ]);
    expect((await project.run(['validate', 'broken.yaml'])).stderr).not.toContain('::error');
    expect((await project.run(['validate', 'broken.yaml', '--json'], { env })).stderr).not.toContain('::error');
  });

  test('paths are relative to the checkout, and no name can begin a command of its own', async () => {
    using project = new FakeProject();
    project.write('odd,na%me:.yaml', 'name: x\nstages:\n  "a\\n::warning::b": { type: fake.number }\n');
    const { stderr } = await project.run(['validate', 'odd,na%me:.yaml'], { env: { ...env, GITHUB_WORKSPACE: resolve(project.folder, '..') } });
    const commands = stderr.split('\n').filter((line) => /^\s*::/.test(line));
    expect(commands.length).toBeGreaterThan(0);
    for (const command of commands) expect(command).toMatch(/^::error file=pipeline-cli-\w+\/odd%2Cna%25me%3A\.yaml,line=3,col=3,title=E_\w+::[^\n]*$/);
  });
});
