/**
 * The keys that the newest runs ran or restored, for gc's `keepRuns`. Of a run record only this is known here: it is a JSON file in a
 * folder whose name sorts by time, and every `key` in it that looks like one is one. A record that cannot be read protects nothing.
 */
import { join } from 'node:path';
import { isDigest } from '../../core/digest.js';
import type { StageKey } from '../record.js';
import { entriesOf, readWhole, type FsPort } from './fs-port.js';
import type { Layout } from './layout.js';

export async function keysOfNewestRuns(fs: FsPort, layout: Layout, runs: number): Promise<Set<StageKey>> {
  const keys = new Set<StageKey>();
  const folders = runs === 0 ? [] : (await entriesOf(fs, layout.runs)).filter((entry) => entry.isDirectory());
  for (const folder of folders.reverse().slice(0, runs)) {
    try {
      collectKeys(JSON.parse((await readWhole(fs, join(layout.runs, folder.name, 'run.json'))).toString('utf8')), keys);
    } catch {
      continue; // a run that was killed at its start has no readable record yet
    }
  }
  return keys;
}

function collectKeys(value: unknown, keys: Set<StageKey>): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, item] of Object.entries(value)) {
    if (name === 'key' && typeof item === 'string' && isDigest(item)) keys.add(item as string as StageKey);
    else collectKeys(item, keys);
  }
}
