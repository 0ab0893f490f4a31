import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { main } from '../../src/cli/main.js';
import { COUNT, HELPER } from '../rigs/own-project.js';
import { TEMPLATES } from '../../src/cli/init/project-files.js';

const root = mkdtempSync(join(tmpdir(), 'pipeline-init-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function pipeline(cwd: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  let [stdout, stderr] = ['', ''];
  const code = await main(args, { stdout: { write: (text) => (stdout += text) }, stderr: { write: (text) => (stderr += text) }, env: {}, cwd });
  return { code, stdout, stderr };
}

describe('pipeline init', () => {
  test.each(Object.keys(TEMPLATES))('the template "%s" is valid here and in a project, with its schema beside it', async (template) => {
    expect((await pipeline(resolve('.'), 'validate', `templates/${template}.yaml`)).code).toBe(0);
    const { code, stdout } = await pipeline(root, 'init', `of-${template}`, '--template', template);
    expect(code).toBe(0);
    expect(stdout).toContain(`Next:\n  cd of-${template} && npm install\n  npx pipeline run pipeline.yaml\n`);
    const folder = join(root, `of-${template}`);
    expect(readdirSync(folder).sort()).toEqual(['.gitignore', 'README.md', 'package.json', 'pipeline.yaml', 'tsconfig.json']);
    expect(readFileSync(join(folder, 'pipeline.yaml'), 'utf8')).toMatch(/^# yaml-language-server: \$schema=\.\/node_modules\/pipeline-encoding\/schema\/pipeline\.schema\.json\n/);
    expect(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))).toMatchObject({ name: `of-${template}`, private: true, type: 'module' });
    expect((await pipeline(folder, 'validate', 'pipeline.yaml')).code).toBe(0);
  });

  test('nothing is overwritten, and nothing is written where something is in the way', async () => {
    const folder = join(root, 'taken');
    mkdirSync(folder);
    writeFileSync(join(folder, 'README.md'), 'mine');
    symlinkSync('nowhere', join(folder, '.gitignore'));
    const { code, stderr } = await pipeline(root, 'init', 'taken');
    expect(code).toBe(2);
    expect(stderr).toContain('found: .gitignore, README.md\n');
    expect(readdirSync(folder).sort()).toEqual(['.gitignore', 'README.md']);
    expect(readFileSync(join(folder, 'README.md'), 'utf8')).toBe('mine');
  });

  test('a folder that cannot be made is named; odd names give a name that npm takes', async () => {
    expect((await pipeline(root, 'init', 'taken/README.md/below')).code).toBe(6);
    const { stdout } = await pipeline(root, 'init', 'My Experiment ü!', '--template', 'minimal', '--json');
    const { next, files } = JSON.parse(stdout) as { next: string[]; files: string[] };
    expect(next).toEqual(["cd 'My Experiment ü!' && npm install", 'npx pipeline run pipeline.yaml']);
    expect(files).toContain('package.json');
    expect(JSON.parse(readFileSync(join(root, 'My Experiment ü!', 'package.json'), 'utf8'))).toMatchObject({ name: 'my-experiment' });
    expect((await pipeline(root, 'init', 'x', '--template', 'maximal')).code).toBe(2);
  });

  test('tsc with its tsconfig.json checks the modules of the project, which a run does not', async () => {
    const folder = join(root, 'typed');
    await pipeline(root, 'init', 'typed', '--template', 'minimal');
    mkdirSync(join(folder, 'node_modules', '@types'), { recursive: true });
    symlinkSync(resolve('.'), join(folder, 'node_modules', 'pipeline-encoding'));
    symlinkSync(resolve('node_modules/@types/node'), join(folder, 'node_modules', '@types', 'node'));
    mkdirSync(join(folder, 'stages'));
    writeFileSync(join(folder, 'stages', 'count.ts'), COUNT);
    writeFileSync(join(folder, 'stages', 'helper.ts'), HELPER);
    const tsc = (): string => {
      try {
        return execFileSync(process.execPath, [resolve('node_modules/typescript/bin/tsc')], { cwd: folder, encoding: 'utf8' });
      } catch (error) {
        return (error as { stdout: string }).stdout;
      }
    };
    expect(tsc()).toBe('');
    writeFileSync(join(folder, 'stages', 'count.ts'), COUNT.replace('twice(params.n)', 'twice(params.m)'));
    expect(tsc()).toMatch(/^stages\/count\.ts\(9,\d+\): error TS\d+: Property 'm' does not exist/);
  });

  test('its two next commands really run, in an empty folder, without a network: a subject is simulated and scored', async () => {
    const folder = join(root, 'fresh');
    mkdirSync(folder);
    const { code, stdout } = await pipeline(folder, 'init');
    expect([code, stdout.slice(stdout.indexOf('Next:'))]).toEqual([0, 'Next:\n  npm install\n  npx pipeline run pipeline.yaml\n']);
    const env = { ...process.env, npm_config_offline: 'true', npm_config_audit: 'false', npm_config_fund: 'false' };
    execFileSync('npm', ['install'], { cwd: folder, env, stdio: 'pipe' });
    expect(existsSync(join(folder, 'node_modules/pipeline-encoding/schema/pipeline.schema.json'))).toBe(true);
    const output = execFileSync('npx', ['pipeline', 'run', 'pipeline.yaml'], { cwd: folder, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    expect(output).toMatch(/^10 ran, 0 restored, 0 skipped, 0 failed, 0 blocked in/);
    expect(existsSync(join(folder, 'results/simulated/latest/report.html'))).toBe(true);
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(['cache', 'results']));
  });
});
