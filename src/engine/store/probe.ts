/**
 * Tries, in a folder of its own, what the store asks of a file system: to write and sync a file, to give it a second name, to rename it over
 * another, to sync the folder, and to stamp files with a clock near ours. Leaves nothing behind; a kill leaves a folder that gc removes.
 */
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { errnoOf, isMissing, readWhole, type FsPort } from './fs-port.js';
import { layoutOf } from './layout.js';

export interface Trial {
  readonly works: boolean;
  /** the system's code, or what was found instead */
  readonly found?: string;
}

export interface Probe {
  /** where it was tried: in the store, or beside it where there is none yet */
  readonly folder: string;
  readonly write: Trial;
  readonly syncFile: Trial;
  readonly link: Trial;
  readonly rename: Trial;
  readonly syncFolder: Trial;
  /** modification time that a new file got, minus our clock; undefined if no file could be written */
  readonly clockAheadMs?: number;
  readonly freeBytes: number;
}

const CONTENT = Buffer.from('doctor\n');
const NOT_TRIED: Trial = { works: false, found: 'not tried' };

/** System errors of single steps are answers; those of looking at the folder itself pass. */
export async function probeStore(directory: string, fs: FsPort): Promise<Probe> {
  const parent = (await exists(fs, directory)) ? layoutOf(directory).staging : await nearestExisting(fs, dirname(directory));
  const folder = join(parent, `.pipeline-doctor-${randomBytes(6).toString('hex')}`);
  const made = await trial(() => fs.mkdir(folder));
  const freeBytes = await fs.freeBytes(await nearestExisting(fs, parent));
  if (!made.works) return { folder: parent, write: made, syncFile: NOT_TRIED, link: NOT_TRIED, rename: NOT_TRIED, syncFolder: NOT_TRIED, freeBytes };
  try {
    const [first, second, third] = [join(folder, 'first'), join(folder, 'second'), join(folder, 'third')];
    const before = fs.now();
    const { write, sync } = await writeAndSync(fs, first);
    const after = fs.now();
    const stats = write.works ? await fs.stat(first) : undefined;
    const link = write.works ? await trial(() => fs.link(first, second), async () => ((await fs.stat(second)).nlink === 2n ? undefined : 'two files instead of two names')) : NOT_TRIED;
    const rename = write.works ? await trial(async () => {
      await writeAndSync(fs, third);
      await fs.rename(first, third);
    }, async () => ((await readWhole(fs, third)).equals(CONTENT) ? undefined : 'other content under the new name')) : NOT_TRIED;
    const syncFolder = await trial(async () => {
      const handle = await fs.open(folder, 'r');
      await handle.sync().finally(() => handle.close());
    });
    return { folder: parent, write, syncFile: sync, link, rename, syncFolder, ...(stats === undefined ? {} : { clockAheadMs: distance(Number(stats.mtimeMs), before, after) }), freeBytes };
  } finally {
    await fs.removeTree(folder);
  }
}

async function writeAndSync(fs: FsPort, path: string): Promise<{ write: Trial; sync: Trial }> {
  let sync: Trial = NOT_TRIED;
  const write = await trial(async () => {
    const file = await fs.open(path, 'wx', 0o600);
    try {
      await file.write(CONTENT);
      sync = await trial(() => file.sync());
    } finally {
      await file.close();
    }
  });
  return { write, sync };
}

async function trial(attempt: () => Promise<unknown>, check: () => Promise<string | undefined> = () => Promise.resolve(undefined)): Promise<Trial> {
  try {
    await attempt();
    const found = await check();
    return found === undefined ? { works: true } : { works: false, found };
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    return { works: false, found: code };
  }
}

/** 0 between the two looks at our clock, else how far outside. */
function distance(time: number, before: number, after: number): number {
  return Math.round(time < before ? time - before : time > after ? time - after : 0);
}

async function exists(fs: FsPort, path: string): Promise<boolean> {
  try {
    await fs.stat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

async function nearestExisting(fs: FsPort, path: string): Promise<string> {
  let at = path;
  while (!(await exists(fs, at)) && dirname(at) !== at) at = dirname(at);
  return at;
}
