/**
 * Start-up is a feature. Each command runs as a process of its own, with a hook that records every module it loads; what must not be loaded
 * is checked, and the milliseconds are printed (not asserted: machines differ). Needs `npm run build`.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const MAIN = resolve('dist/cli/main.js');
const folder = mkdtempSync(join(tmpdir(), 'pipeline-startup-'));
const trace = join(folder, 'trace.txt');
const hook = join(folder, 'hook.mjs');

/** One small stage that needs no data: enough to have something to restore. */
const PIPELINE = `name: startup
stages:
  pictures:
    type: stimuli.draw
    params: { count: 8, size: 32 }
`;

interface Traced {
  readonly stdout: string;
  /** paths below dist, and names of packages */
  readonly loaded: readonly string[];
}

function traced(...args: string[]): Traced {
  writeFileSync(trace, '');
  const stdout = execFileSync(process.execPath, ['--import', pathToFileURL(hook).href, MAIN, ...args], { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, TRACE: trace } });
  const loaded = new Set(readFileSync(trace, 'utf8').split('\n').flatMap((path) => {
    const inPackage = /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(path)?.[1];
    // compiled validators share one helper of 20 lines with the schema compiler; the compiler itself is what must not be loaded
    if (inPackage === 'ajv' && path.includes('/ajv/dist/runtime/')) return ['ajv/runtime'];
    if (inPackage !== undefined) return [inPackage];
    const ours = path.split('/dist/')[1];
    return ours === undefined ? [] : [ours];
  }));
  return { stdout, loaded: [...loaded].sort() };
}

const packages = (loaded: readonly string[]): string[] => loaded.filter((name) => !name.endsWith('.js') && !name.endsWith('.cjs'));
const stageCode = (loaded: readonly string[]): string[] => loaded.filter((name) => name.startsWith('stages/') && name !== 'stages/index.js' && !name.endsWith('externals.js') && !name.endsWith('.cjs'));
const HEAVY = ['@sinclair/typebox', 'onnxruntime-node', 'sharp', 'h5wasm', 'listr2', 'ajv', 'd3-scale', 'd3-shape', 'd3-array'];

beforeAll(() => {
  expect(existsSync(MAIN), 'dist/cli/main.js is missing: run npm run build').toBe(true);
  writeFileSync(join(folder, 'package.json'), '{}');
  writeFileSync(join(folder, 'p.yaml'), PIPELINE);
  const hooks = `import { appendFileSync } from 'node:fs'; export async function load(url, context, next) { if (url.startsWith('file:')) appendFileSync(process.env.TRACE, new URL(url).pathname + '\\n'); return next(url, context); }`;
  writeFileSync(
    hook,
    `import { register, createRequire } from 'node:module'; import { appendFileSync } from 'node:fs';
register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}));
const { cache } = createRequire(import.meta.url);
process.on('exit', () => appendFileSync(process.env.TRACE, Object.keys(cache).join('\\n') + '\\n'));
`,
  );
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('what a command loads', () => {
  test('--help loads the command table and nothing else: no engine, no package', () => {
    const { loaded, stdout } = traced('--help');
    expect(stdout).toContain('EXIT CODES');
    expect(loaded.filter((name) => !name.startsWith('cli/table/'))).toEqual(['cli/command-table.js', 'cli/exit-codes.js', 'cli/help-text.js', 'cli/main.js', 'cli/terminal.js']);
  });

  test('--version loads less', () => {
    expect(traced('--version').loaded).toEqual(['cli/main.js', 'cli/package-root.js', 'cli/terminal.js']);
  });

  test('completing a word loads the command table and what names the candidates: no engine, no package', () => {
    for (const words of [['ru'], ['explain', 'p.yaml', ''], ['show', ''], ['schema', ''], ['run', 'p.yaml', '--set', '']]) {
      const { loaded } = traced('__complete', ...words);
      expect(packages(loaded)).toEqual([]);
      expect(loaded.filter((name) => !name.startsWith('cli/')).sort()).toEqual(['core/digest.js', 'core/errors.js', 'engine/project.js', 'engine/run-name.js', 'engine/run-words.js']);
      expect(loaded.filter((name) => name.startsWith('cli/commands/'))).toEqual([]);
    }
  });

  test('a pipeline as text loads no layout library; only a picture does', () => {
    for (const format of ['mermaid', 'dot', 'json']) expect(packages(traced('graph', 'p.yaml', '--format', format).loaded)).not.toContain('@dagrejs/dagre');
    expect(packages(traced('graph', 'p.yaml', '--format', 'svg').loaded)).toContain('@dagrejs/dagre');
  });

  test('plan and validate load no stage code, no schema compiler, no native package', () => {
    for (const command of ['plan', 'validate']) {
      const { loaded } = traced(command, 'p.yaml');
      expect(stageCode(loaded)).toEqual([]);
      expect(packages(loaded).filter((name) => HEAVY.includes(name))).toEqual([]);
      expect(loaded.filter((name) => /^(?:formats|graph|solvers|runtime|math|report)\/(?!targets\.js)/.test(name))).toEqual([]);
    }
  });

  test('types of a module of the project: what did not change is neither bundled nor run again', () => {
    mkdirSync(join(folder, 'own'));
    writeFileSync(join(folder, 'own', 'package.json'), '{"type":"module"}');
    writeFileSync(join(folder, 'own', 'm.ts'), "import { defineStage, Type } from 'pipeline-encoding/stage';\nexport default defineStage({ type: 'lab.x', version: 1, summary: 'x', params: Type.Object({}), inputs: {}, outputs: { x: { type: 'X', description: 'x' } }, async run({ outputs }) { outputs.x.write('x', 'x'); } });\n");
    writeFileSync(join(folder, 'own', 'p.yaml'), 'name: own\nmodules: [./m.ts]\nstages:\n  x: { type: lab.x }\n  y: { type: command, inputs: { x: "${stages.x}" }, params: { argv: [cp, "{inputs.x}/x", "{outputs.y}/y"], outputs: { y: Y } } }\n');
    const first = traced('run', 'own/p.yaml');
    expect(first.stdout).toContain('2 ran');
    expect(first.loaded).toContain('esbuild');
    for (const command of ['plan', 'run']) {
      const { loaded } = traced(command, 'own/p.yaml');
      expect(packages(loaded).filter((name) => name === 'esbuild' || HEAVY.includes(name))).toEqual([]);
      expect(loaded.filter((name) => /modules\/(?:bundle|ask|describe|load-bundle)/.test(name))).toEqual([]);
      expect(stageCode(loaded).filter((name) => !['stages/command/parameters.js', 'stages/command/placeholders.js'].includes(name))).toEqual([]);
    }
  });

  test('a run in which nothing changed loads no stage code, no native package, and no listr2 without a terminal', () => {
    traced('run', 'p.yaml');
    const { loaded, stdout } = traced('run', 'p.yaml');
    expect(stdout).toContain('0 ran, 1 restored, 0 skipped, 0 failed, 0 blocked in');
    expect(stageCode(loaded)).toEqual([]);
    expect(packages(loaded).filter((name) => HEAVY.includes(name))).toEqual([]);
    expect(loaded.filter((name) => /^(?:formats|graph|solvers|runtime)\/(?!targets\.js)/.test(name))).toEqual([]);
  });
});
