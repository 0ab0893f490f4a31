/**
 * The keys that runs ran or restored, for gc. Of a run only this is known here: its folder's name sorts by time, every `key` in its record or its log of
 * events that looks like one is one, a log that ends with `run.finished` is that of a run that is over. What cannot be read protects nothing.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { isDigest } from '../../core/digest.js';
import type { StageKey } from '../record.js';
import { isPinned } from '../run-marks.js';
import { entriesOf, readWhole, type FsPort } from './fs-port.js';
import type { Layout } from './layout.js';
import { livenessOf, parseOwner } from './owner.js';
import { isPlainObject } from './plain.js';

const RECORD = 'run.json';
const EVENTS = 'events.ndjson';
/** The last event is shorter. */
const TAIL_BYTES = 1024;

export interface KeptRuns {
  /** the newest so many */
  readonly newest: number;
}

/** What the newest runs, pinned runs and runs that are under way have used. */
export async function keysOfKeptRuns(fs: FsPort, layout: Layout, { newest }: KeptRuns): Promise<Set<StageKey>> {
  const keys = new Set<StageKey>();
  for (const [i, id] of (await runFolders(fs, layout)).entries()) {
    const folder = join(layout.runs, id);
    if (i < newest || isPinned(layout.root, id) || (await isUnderWay(fs, folder))) await collect(fs, folder, keys);
  }
  return keys;
}

/** Run by run, newest first. */
export async function* keysByRun(fs: FsPort, layout: Layout): AsyncGenerator<{ readonly run: string; readonly keys: ReadonlySet<StageKey> }> {
  for (const run of await runFolders(fs, layout)) {
    const keys = new Set<StageKey>();
    await collect(fs, join(layout.runs, run), keys);
    yield { run, keys };
  }
}

async function runFolders(fs: FsPort, layout: Layout): Promise<string[]> {
  return (await entriesOf(fs, layout.runs)).filter((entry) => entry.isDirectory()).map(({ name }) => name).reverse();
}

/** A run that goes on has its keys in its events only. */
async function collect(fs: FsPort, folder: string, keys: Set<StageKey>): Promise<void> {
  const record = await readJson(fs, join(folder, RECORD));
  collectKeys(record, keys);
  if (isPlainObject(record) && record['outcome'] !== undefined && record['outcome'] !== 'running') return;
  const events = await readWhole(fs, join(folder, EVENTS)).then((bytes) => bytes.toString('utf8'), () => '');
  for (const [, key] of events.matchAll(/"key":"([0-9a-f]{64})"/g)) keys.add(key as StageKey);
}

async function isUnderWay(fs: FsPort, folder: string): Promise<boolean> {
  if (hasFinished(join(folder, EVENTS))) return false;
  const record = await readJson(fs, join(folder, RECORD));
  if (!isPlainObject(record) || record['outcome'] !== 'running') return false;
  const owner = parseOwner(record['owner']);
  return owner !== undefined && livenessOf(owner) !== 'dead';
}

function hasFinished(path: string): boolean {
  try {
    const file = openSync(path, 'r');
    try {
      const { size } = fstatSync(file);
      const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
      readSync(file, tail, 0, tail.length, size - tail.length);
      return tail.includes('"kind":"run.finished"');
    } finally {
      closeSync(file);
    }
  } catch {
    return false; // its record is looked at
  }
}

async function readJson(fs: FsPort, path: string): Promise<unknown> {
  try {
    return JSON.parse((await readWhole(fs, path)).toString('utf8'));
  } catch {
    return undefined; // a run that was killed at its start has no readable record yet
  }
}

function collectKeys(value: unknown, keys: Set<StageKey>): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, item] of Object.entries(value)) {
    if (name === 'key' && typeof item === 'string' && isDigest(item)) keys.add(item as string as StageKey);
    else collectKeys(item, keys);
  }
}
