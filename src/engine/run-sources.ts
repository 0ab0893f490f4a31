/**
 * The texts that a run's plan was made from, kept in the run's folder (`sources.json`), so that the pipeline can be read, compared and run again
 * whatever becomes of the files. A text that was edited between planning and now is left out: what is kept is what the digest says.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf, isDigest, type Digest } from '../core/digest.js';
import type { Plan } from './plan.js';
import { runFolderOf } from './run-history.js';
import { sourcesOf, sourceText } from './source-text.js';
import { isPlainObject } from './store/plain.js';

export const SOURCES_FILE = 'sources.json';

export interface SourceText {
  /** absolute, where it lay then */
  readonly path: string;
  readonly digest: Digest;
  readonly text: string;
}

/** The pipeline file first, then what it is built on. */
export function keepSources(folder: string, plan: Omit<Plan, 'stages'>): void {
  const texts = sourcesOf(plan).flatMap(({ path, digest }) => {
    const text = sourceText(path);
    return text === undefined || digestOf(text) !== digest ? [] : [{ path, digest, text }];
  });
  writeFileSync(join(folder, SOURCES_FILE), `${JSON.stringify({ format: 1, files: texts }, null, 1)}\n`);
}

/** Empty for a run that kept none, or whose copy is damaged. */
export function readSources(storeDirectory: string, run: string): SourceText[] {
  try {
    const data: unknown = JSON.parse(readFileSync(join(runFolderOf(storeDirectory, run), SOURCES_FILE), 'utf8'));
    return isPlainObject(data) && Array.isArray(data['files']) ? data['files'].filter(isSource) : [];
  } catch {
    return [];
  }
}

function isSource(data: unknown): data is SourceText {
  if (!isPlainObject(data)) return false;
  const { path, digest, text } = data;
  return typeof path === 'string' && typeof text === 'string' && typeof digest === 'string' && isDigest(digest) && digestOf(text) === digest;
}
