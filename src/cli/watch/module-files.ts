/**
 * The code that a pipeline file brings along: the modules that it lists and what they import from the project. Imports are found by their
 * text, not by running anything, so a file that does not compile at the moment is watched too; one too many does no harm.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Diagnostics } from '../../engine/diagnostics.js';
import { parseYaml } from '../../engine/yaml-spans.js';
import { Places } from '../../engine/yaml-guard.js';

const MOST_FILES = 500;
const LONGEST = 1_048_576;
const SPECIFIER = /(?:\bfrom|\bimport|\brequire)\s*\(?\s*(["'])(\.{1,2}\/[^"'\n]+)\1/g;
/** As TypeScript reads a relative import: the name may be that of the file after compiling, or lack its ending. */
const ENDINGS: readonly ((path: string) => string)[] = [
  (path) => path,
  (path) => path.replace(/\.([mc]?)js$/, '.$1ts'),
  ...['.ts', '.js', '.mts', '.mjs', '.json', '/index.ts', '/index.js'].map((ending) => (path: string) => `${path}${ending}`),
];

/** @param pipelineFiles absolute paths; one that cannot be read, or lists nothing, gives nothing */
export function moduleFiles(pipelineFiles: readonly string[]): string[] {
  const open = pipelineFiles.flatMap(listedModules);
  const found = new Set<string>();
  for (let path = open.pop(); path !== undefined && found.size < MOST_FILES; path = open.pop()) {
    if (found.has(path)) continue;
    found.add(path);
    for (const [, , specifier] of textOf(path).matchAll(SPECIFIER)) open.push(resolved(resolve(dirname(path), specifier as string)));
  }
  return [...found];
}

function listedModules(file: string): string[] {
  const root = parseYaml(new Places(textOf(file), file), new Diagnostics());
  const list = root?.kind === 'map' ? root.entries.get('modules')?.value : undefined;
  if (list?.kind !== 'list') return [];
  return list.items.flatMap((item) => (item.kind === 'scalar' && typeof item.value === 'string' ? [resolve(dirname(file), item.value)] : []));
}

/** The file that an import means; the name as it stands where there is none yet. */
function resolved(path: string): string {
  return ENDINGS.map((change) => change(path)).find((one) => existsSync(one) && statSync(one).isFile()) ?? path;
}

function textOf(path: string): string {
  try {
    const stats = statSync(path);
    // a pipe would be waited for
    return stats.isFile() && stats.size <= LONGEST ? readFileSync(path, 'utf8') : '';
  } catch {
    return '';
  }
}
