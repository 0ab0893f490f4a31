/**
 * A checkpoint in several files, as Hugging Face saves large models: `model.safetensors.index.json` (or `pytorch_model.bin.index.json`) says in which file beside it each
 * tensor is. Files are opened when something is read from them, and stay open.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { formatError } from '../bytes.js';
import { LazyCheckpoint, type LazyEntry } from './lazy-checkpoint.js';

const FILE_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;
const MOST_FILES = 1000;

/** The files beside an index, each once, in its order. Errors: E_FORMAT for a malformed index or a name that is no plain file name. */
export function shardsOf(path: string): string[] {
  return [...new Set(weightMap(path).values())];
}

/** Errors: E_FORMAT if a file lacks what the index says; all errors of the files themselves. */
export function openSharded(path: string, open: (path: string) => LazyCheckpoint): LazyCheckpoint {
  const map = weightMap(path);
  const files = new Map<string, LazyCheckpoint>();
  const close = (): void => {
    for (const file of files.values()) file.close();
  };
  try {
    const entries = new Map<string, LazyEntry>();
    for (const [name, file] of map) {
      const opened = files.get(file) ?? open(join(dirname(path), file));
      files.set(file, opened);
      const entry = opened.entries.get(name);
      if (entry === undefined) throw formatError(path, `places "${name}" in "${file}", which does not hold it`, { expected: name, found: [...opened.entries.keys()].slice(0, 5).join(', ') });
      entries.set(name, entry);
    }
    for (const [file, opened] of files) {
      for (const name of opened.entries.keys()) if (map.get(name) !== file) throw formatError(path, `does not name "${name}", which is in "${file}"`, { expected: 'every tensor of every file', found: name });
    }
    return new LazyCheckpoint(path, 'sharded', entries, close);
  } catch (error) {
    close();
    throw error;
  }
}

function weightMap(path: string): Map<string, string> {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw formatError(path, 'is no index of a checkpoint', { expected: 'JSON', found: cause instanceof Error ? cause.message : String(cause), cause });
  }
  const map = typeof json === 'object' && json !== null ? (json as { weight_map?: unknown }).weight_map : undefined;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) throw formatError(path, 'is no index of a checkpoint', { expected: 'a weight_map', found: 'none' });
  const entries = Object.entries(map as Record<string, unknown>);
  for (const [name, file] of entries) {
    if (typeof file !== 'string' || !FILE_NAME.test(file)) throw formatError(path, `places "${name}" in something that is no file beside it`, { expected: 'a file name', found: JSON.stringify(file).slice(0, 80) });
    if (file.endsWith('.json')) throw new PipelineError('E_FORMAT', `"${path}" places "${name}" in another index`, { facts: { expected: 'a file of weights', found: file }, hint: 'Check the file: fetch it again.' });
  }
  if (entries.length === 0 || new Set(entries.map(([, file]) => file)).size > MOST_FILES) throw formatError(path, 'is no index of a checkpoint', { expected: `1 to ${MOST_FILES} files`, found: `${entries.length} tensors` });
  return new Map(entries as [string, string][]);
}
