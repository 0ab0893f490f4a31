/**
 * The sources of `core/` and the store as plain JavaScript in a temporary folder, so that a test can start real processes that use them
 * without a build. Types are stripped, nothing is bundled.
 */
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const SOURCE = fileURLToPath(new URL('../../src', import.meta.url));
const PARTS = ['core', 'engine/canonical.ts', 'engine/json-pointer.ts', 'engine/key.ts', 'engine/artifact-seal.ts', 'engine/external-digests.ts', 'engine/gate.ts', 'engine/store'];

/** Writes the modules below `target` and returns the path of `engine/store/file-store.js` among them. */
export function transpileStore(target: string): string {
  for (const part of PARTS) {
    const path = join(SOURCE, part);
    const files = statSync(path).isDirectory() ? readdirSync(path).map((name) => join(part, name)) : [part];
    for (const file of files.filter((name) => name.endsWith('.ts'))) {
      const output = join(target, file.replace(/\.ts$/, '.js'));
      mkdirSync(dirname(output), { recursive: true });
      const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true };
      writeFileSync(output, ts.transpileModule(readFileSync(join(SOURCE, file), 'utf8'), { compilerOptions: options }).outputText);
    }
  }
  writeFileSync(join(target, 'package.json'), '{"type":"module"}');
  return join(target, 'engine/store/file-store.js');
}
