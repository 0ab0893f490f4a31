/**
 * What people say about a run after it: tags and a pin. Each mark is an empty file of its own in `marks/` of the run's folder (`pinned`,
 * `tag-NAME`): making and removing one is a single step of the file system, so that any number of processes may do it at once without a lock,
 * nothing can be torn, and the run record stays as it was written. Marks are in no key.
 */
import { lstatSync, readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PipelineError } from '../core/errors.js';
import { compareUtf8 } from './canonical.js';
import { syncFolder } from './store/durable.js';
import { errnoOf, isMissing, nodeFs } from './store/fs-port.js';
import { withStoreErrors } from './store/io-errors.js';
import { layoutOf } from './store/layout.js';

export const MARKS_FOLDER = 'marks';
const PINNED = 'pinned';
const TAG = 'tag-';
/** Begins with a letter, as no id does. */
const TAG_NAME = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;
/** Words that mean a run without anybody having said so. */
const TAKEN = /^latest(?:~.*)?$/;

export interface RunMarks {
  /** sorted, each once */
  readonly tags: readonly string[];
  /** gc keeps what a pinned run used, whatever the limits */
  readonly pinned: boolean;
}

export const NO_MARKS: RunMarks = { tags: [], pinned: false };

/** undefined: there are marks, and they cannot be read. */
export function readMarks(storeDirectory: string, run: string): RunMarks | undefined {
  try {
    const names = readdirSync(folderOf(storeDirectory, run));
    const tags = names.filter((name) => name.startsWith(TAG)).map((name) => name.slice(TAG.length)).filter(isTag);
    return { tags: tags.sort(compareUtf8), pinned: names.includes(PINNED) };
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? NO_MARKS : undefined;
  }
}

/** When in doubt, yes: a pin that is lost cannot be found again. */
export function isPinned(storeDirectory: string, run: string): boolean {
  try {
    lstatSync(join(folderOf(storeDirectory, run), PINNED));
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ENOENT';
  }
}

/** Those that were not there before. Durable when it resolves. Errors: E_USAGE for a word that cannot be a tag, E_STORE_IO, E_NO_SPACE. */
export async function addTags(storeDirectory: string, run: string, tags: readonly string[]): Promise<string[]> {
  for (const tag of tags) checkTag(tag);
  return change(storeDirectory, run, tags, (folder, tag) => make(join(folder, `${TAG}${tag}`)));
}

/** Those that were there. */
export async function removeTags(storeDirectory: string, run: string, tags: readonly string[]): Promise<string[]> {
  return change(storeDirectory, run, tags.filter(isTag), (folder, tag) => remove(join(folder, `${TAG}${tag}`)));
}

/** False if it was so already. */
export async function setPinned(storeDirectory: string, run: string, pinned: boolean): Promise<boolean> {
  const done = await change(storeDirectory, run, [PINNED], (folder) => (pinned ? make : remove)(join(folder, PINNED)));
  return done.length > 0;
}

export function isTag(text: string): boolean {
  return TAG_NAME.test(text) && !TAKEN.test(text);
}

/** E_USAGE unless it can be a tag. */
export function checkTag(text: string): void {
  if (isTag(text)) return;
  throw new PipelineError('E_USAGE', `"${text}" cannot be a tag`, {
    facts: { expected: TAKEN.test(text) ? 'a word that does not mean a run already' : 'a letter, then up to 63 letters, digits, ".", "_" and "-"', found: text },
    hint: 'choose another word, e.g. paper-figure-2',
  });
}

/** What was changed of `marks`; the folder is synced once. */
async function change(storeDirectory: string, run: string, marks: readonly string[], one: (folder: string, mark: string) => Promise<boolean>): Promise<string[]> {
  const folder = folderOf(storeDirectory, run);
  return withStoreErrors(nodeFs, 'marking the run', storeDirectory, async () => {
    const changed: string[] = [];
    await mkdir(folder).catch((error: unknown) => {
      if (errnoOf(error) !== 'EEXIST') throw error;
    });
    for (const mark of new Set(marks)) if (await one(folder, mark)) changed.push(mark);
    await syncFolder(nodeFs, folder);
    await syncFolder(nodeFs, join(folder, '..'));
    return changed;
  });
}

async function make(path: string): Promise<boolean> {
  try {
    await (await nodeFs.open(path, 'wx', 0o644)).close();
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

async function remove(path: string): Promise<boolean> {
  try {
    await nodeFs.unlink(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function folderOf(storeDirectory: string, run: string): string {
  return join(layoutOf(storeDirectory).runs, run, MARKS_FOLDER);
}
