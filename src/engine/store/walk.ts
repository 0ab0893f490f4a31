/** Walks the sharded shelves of a store in the order of names, streaming: one shard's listing is in memory at a time. */
import type { Dirent } from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '../../core/digest.js';
import { TEMPORARY_PREFIX } from './durable.js';
import { entriesOf, errnoOf, type FsPort } from './fs-port.js';
import { idOfPlace, type Layout, type Shelf } from './layout.js';

export interface Place {
  readonly path: string;
  readonly name: string;
  readonly kind: 'entry' | 'temporary' | 'stray';
  /** for an entry: the digest or key that its place stands for */
  readonly id: Digest | undefined;
}

/** `onUnlisted`: called with a folder that cannot be listed, which is then left out; without it that is an error. */
export async function* placesOf(fs: FsPort, layout: Layout, shelf: Shelf, onUnlisted?: (folder: string, error: unknown) => void): AsyncGenerator<Place> {
  const folder = join(layout.root, shelf);
  for (const shard of await listed(fs, folder, onUnlisted)) {
    const shardPath = join(folder, shard.name);
    if (!shard.isDirectory()) {
      yield { path: shardPath, name: shard.name, kind: 'stray', id: undefined };
      continue;
    }
    for (const file of await listed(fs, shardPath, onUnlisted)) {
      const id = idOfPlace(shelf, shard.name, file.name);
      const kind = file.name.startsWith(TEMPORARY_PREFIX) ? 'temporary' : id === undefined || !file.isFile() ? 'stray' : 'entry';
      yield { path: join(shardPath, file.name), name: file.name, kind, id: kind === 'entry' ? id : undefined };
    }
  }
}

async function listed(fs: FsPort, folder: string, onUnlisted: ((folder: string, error: unknown) => void) | undefined): Promise<Dirent[]> {
  try {
    return await entriesOf(fs, folder);
  } catch (error) {
    if (onUnlisted === undefined || errnoOf(error) === undefined) throw error;
    onUnlisted(folder, error);
    return [];
  }
}

/** Files and bytes below a folder; symbolic links are counted, not followed. */
export async function sizeOfTree(fs: FsPort, folder: string): Promise<{ count: number; bytes: number; newest: number }> {
  let count = 0;
  let bytes = 0;
  let newest = 0;
  const open = [folder];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    for (const entry of await entriesOf(fs, at)) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) {
        open.push(path);
        continue;
      }
      const stats = await fs.lstat(path).catch(() => undefined);
      if (stats === undefined) continue; // removed while we looked
      count += 1;
      bytes += Number(stats.size);
      newest = Math.max(newest, Number(stats.mtimeMs));
    }
  }
  return { count, bytes, newest };
}
