/**
 * What people say about a run after it: tags and a pin. A file of its own in the run's folder (`marks.json`), so that the run record stays as it
 * was written. A file that cannot be read counts as no marks, except that it never makes gc lose a pin: see `isPinned`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMissing } from './store/fs-port.js';
import { layoutOf } from './store/layout.js';
import { isPlainObject } from './store/plain.js';

export const MARKS_FILE = 'marks.json';

export interface RunMarks {
  /** sorted, each once */
  readonly tags: readonly string[];
  /** gc keeps what a pinned run used, whatever the limits */
  readonly pinned: boolean;
}

export const NO_MARKS: RunMarks = { tags: [], pinned: false };

/** undefined: there is a file and it says nothing that can be understood. */
export function readMarks(storeDirectory: string, run: string): RunMarks | undefined {
  let text: string;
  try {
    text = readFileSync(join(layoutOf(storeDirectory).runs, run, MARKS_FILE), 'utf8');
  } catch (error) {
    if (isMissing(error)) return NO_MARKS;
    throw error;
  }
  try {
    const data: unknown = JSON.parse(text);
    if (!isPlainObject(data)) return undefined;
    const { tags, pinned } = data;
    if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === 'string') || typeof pinned !== 'boolean') return undefined;
    return { tags, pinned };
  } catch {
    return undefined;
  }
}

/** When in doubt, yes: a pin that is lost cannot be found again. */
export function isPinned(storeDirectory: string, run: string): boolean {
  return readMarks(storeDirectory, run)?.pinned ?? true;
}
