/**
 * The checkpoint folder of one stage run. Two runs may work on the same key at the same time, so each has a folder to itself; the folder of a
 * run that was killed or failed is taken over by the next run of that key, whole, by one rename.
 *
 *   <base>.<id>/owner.json   who works in it; absent: nobody   ·   <base>.<id>/state/   what the stage sees
 *
 * Taking over: whoever creates `taken` in it is the only one who may. An owner on another machine cannot be proved dead: its folder is left to gc.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, openSync, closeSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errnoOf, isMissing } from './store/fs-port.js';
import { currentOwner, livenessOf, parseOwner } from './store/owner.js';

const OWNER = 'owner.json';
const TAKEN = 'taken';
const STATE = 'state';
const ID_BYTES = 4;

export class Checkpoint {
  /** remove it once the stage's result is published */
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** `base`: the path that the store gives to the key. */
  static claim(base: string): Checkpoint {
    const shard = dirname(base);
    mkdirSync(shard, { recursive: true });
    const mine = freshPath(base);
    for (const folder of foldersOf(base)) if (takeOver(folder, mine)) return new Checkpoint(mine);
    const fresh = join(shard, `.new-${basename(mine)}`);
    mkdirSync(join(fresh, STATE), { recursive: true });
    writeOwner(fresh);
    renameSync(fresh, mine);
    return new Checkpoint(mine);
  }

  /** Removes what runs of this key left that are over: no later run may go on from it. */
  static discard(base: string): void {
    for (const folder of foldersOf(base)) {
      const mine = freshPath(base);
      if (takeOver(folder, mine)) rmSync(mine, { recursive: true, force: true });
    }
  }

  get state(): string {
    return join(this.folder, STATE);
  }

  /** Leaves it to the next run of this key. */
  release(): void {
    rmSync(join(this.folder, OWNER), { force: true });
  }
}

function freshPath(base: string): string {
  return `${base}.${randomBytes(ID_BYTES).toString('hex')}`;
}

function foldersOf(base: string): string[] {
  const shard = dirname(base);
  if (!existsSync(shard)) return [];
  return readdirSync(shard).filter((name) => name.startsWith(`${basename(base)}.`)).sort().map((name) => join(shard, name));
}

function takeOver(from: string, to: string): boolean {
  if (!isFree(from)) return false;
  try {
    closeSync(openSync(join(from, TAKEN), 'wx'));
    if (!isFree(from)) {
      rmSync(join(from, TAKEN)); // somebody took it between our look and our mark
      return false;
    }
    renameSync(from, to);
  } catch (error) {
    if (isMissing(error) || errnoOf(error) === 'EEXIST') return false; // another run was first
    throw error;
  }
  writeOwner(to);
  rmSync(join(to, TAKEN));
  return true;
}

function isFree(folder: string): boolean {
  try {
    const owner = parseOwner(JSON.parse(readFileSync(join(folder, OWNER), 'utf8')));
    return owner !== undefined && livenessOf(owner) === 'dead';
  } catch (error) {
    return isMissing(error);
  }
}

function writeOwner(folder: string): void {
  writeFileSync(join(folder, `${OWNER}.tmp`), JSON.stringify(currentOwner()));
  renameSync(join(folder, `${OWNER}.tmp`), join(folder, OWNER));
}
