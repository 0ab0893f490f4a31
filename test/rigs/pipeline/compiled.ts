/**
 * The engine and the fake stages as JavaScript for child processes (Node 20 runs no TypeScript): transpiled file by file into a temporary
 * folder, independent of whether the project was built. Made once per test process.
 */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';

const FOLDERS = ['src/core', 'src/engine', 'src/downloads', 'test/rigs/pipeline'];
let made: string | undefined;

function compile(): string {
  const out = mkdtempSync(join(tmpdir(), 'pipeline-compiled-'));
  for (const folder of FOLDERS) {
    for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts') || file === 'compiled.ts') continue;
      const { outputText } = ts.transpileModule(readFileSync(join(folder, file), 'utf8'), {
        compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true },
      });
      const path = join(out, folder, file.replace(/\.ts$/, '.js'));
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, outputText);
    }
  }
  writeFileSync(join(out, 'package.json'), '{"type":"module"}');
  symlinkSync(resolve('node_modules'), join(out, 'node_modules'), 'dir');
  process.once('exit', () => rmSync(out, { recursive: true, force: true }));
  return out;
}

/** Absolute path of a compiled module of test/rigs/pipeline. */
export function compiledRig(name: 'worker-entry' | 'run-child' | 'fetch-child' | 'download-child'): string {
  made ??= compile();
  return join(made, 'test/rigs/pipeline', `${name}.js`);
}
