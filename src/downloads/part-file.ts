/**
 * What has come of a file so far: `<name>.<host>.<pid>.part` beside the place of the whole file, and in `….part.json` the server's name of that content. Each process
 * writes one of its own, so several may fetch the same file at once. What a process that is gone has left is taken over by renaming it, which one
 * of several can. Bytes are written at their places, so even a process wrongly taken for dead does no harm: it writes the same bytes there.
 */
import { createHash, type Hash } from 'node:crypto';
import { readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';

const SUFFIX = '.part';
const NOTE = '.json';
/** Without a byte for so long, a part of another machine is taken over. */
const STALE_MS = 10 * 60_000;
const READ_AT_ONCE = 1 << 20;

export class PartFile {
  readonly path: string;
  readonly #file: FileHandle;
  #hash: Hash;
  #length: number;
  validator: string | undefined;

  private constructor(path: string, file: FileHandle, hash: Hash, length: number, validator: string | undefined) {
    this.path = path;
    this.#file = file;
    this.#hash = hash;
    this.#length = length;
    this.validator = validator;
  }

  /** The part of `target` that is there (of this process or of one that is gone), or an empty one. */
  static async open(target: string): Promise<PartFile> {
    const path = `${target}.${hostname().replace(/[^A-Za-z0-9-]/g, '-')}.${process.pid}${SUFFIX}`;
    takeOver(target, path);
    const file = await open(path, 'a+').then(async (made) => {
      await made.close();
      return open(path, 'r+');
    });
    const hash = createHash('sha256');
    const buffer = new Uint8Array(READ_AT_ONCE);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, length);
      if (bytesRead === 0) break;
      hash.update(buffer.subarray(0, bytesRead));
      length += bytesRead;
    }
    return new PartFile(path, file, hash, length, length === 0 ? undefined : readNote(path));
  }

  get length(): number {
    return this.#length;
  }

  async write(bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.length) done += (await this.#file.write(bytes, done, bytes.length - done, this.#length + done)).bytesWritten;
    this.#hash.update(bytes);
    this.#length += bytes.length;
  }

  /** Remembers what the server calls this content. */
  note(validator: string | undefined): void {
    this.validator = validator;
    if (validator === undefined) rmSync(this.path + NOTE, { force: true });
    else writeFileSync(this.path + NOTE, JSON.stringify({ validator }));
  }

  async restart(): Promise<void> {
    await this.#file.truncate(0);
    this.#hash = createHash('sha256');
    this.#length = 0;
    this.note(undefined);
  }

  /** sha256 of everything so far */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }

  /** Gives it its name, durably. */
  async publish(target: string): Promise<void> {
    await this.#file.sync();
    renameSync(this.path, target);
    rmSync(this.path + NOTE, { force: true });
    const folder = await open(dirname(target), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async remove(): Promise<void> {
    rmSync(this.path, { force: true });
    rmSync(this.path + NOTE, { force: true });
    await Promise.resolve();
  }
}

/** The longest part that nobody writes any more becomes ours, and the others go. */
function takeOver(target: string, own: string): void {
  const folder = dirname(target);
  const prefix = target.slice(folder.length + 1);
  const left = readdirSync(folder)
    .filter((name) => name.startsWith(`${prefix}.`) && name.endsWith(SUFFIX) && isLeft(join(folder, name)))
    .map((name) => ({ path: join(folder, name), size: sizeOf(join(folder, name)) }))
    .sort((a, b) => b.size - a.size);
  let ownSize = sizeOf(own);
  for (const { path, size } of left) {
    if (path === own) continue;
    try {
      if (size > ownSize) {
        renameSync(path, own);
        ownSize = size;
        try {
          renameSync(path + NOTE, own + NOTE);
        } catch {
          rmSync(own + NOTE, { force: true }); // it has none: it is asked for without
        }
      } else {
        rmSync(path, { force: true });
        rmSync(path + NOTE, { force: true });
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // another process was faster
    }
  }
}

function isLeft(path: string): boolean {
  const match = /\.([A-Za-z0-9-]*)\.(\d+)\.part$/.exec(path);
  if (match === null) return false;
  if (match[1] === hostname().replace(/[^A-Za-z0-9-]/g, '-')) return !isRunning(Number(match[2]));
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs > STALE_MS;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? -1;
}

function readNote(path: string): string | undefined {
  try {
    const { validator } = JSON.parse(readFileSync(path + NOTE, 'utf8')) as { validator?: unknown };
    return typeof validator === 'string' ? validator : undefined;
  } catch {
    return undefined; // none, or torn: asked for without
  }
}
