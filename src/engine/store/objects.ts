/**
 * Immutable objects under the digest of their bytes. Adding needs no lock: whoever is first links the name, everybody else finds the same
 * bytes there. Nothing is believed because of its name, its permission bits or its age: what is handed on was hashed by this process, and
 * what is found under a name that is to be added is hashed before it counts as added.
 * Must not know records.
 */
import { dirname } from 'node:path';
import { digestOf, type Digest } from '../../core/digest.js';
import { PipelineError } from '../../core/errors.js';
import { ensureFolder, LINK_UNSUPPORTED, protectFile, removeQuietly, syncFile, syncFolder, writeTemporary } from './durable.js';
import { errnoOf, isMissing, type FsPort } from './fs-port.js';
import { hashFile } from './hash-file.js';
import { objectPath } from './layout.js';
import { setAside, type DamageListener } from './quarantine.js';
import { stampOf, type Stamp } from './stamp.js';
import type { ObjectState } from './store.js';

const OBJECT_MODE = 0o444;
/** A damaged object in the way is set aside and the name tried again; more often than this somebody is destroying them as fast as we write. */
const LINK_ATTEMPTS = 3;
/** Somebody else's file, or a failing disk: as good as none. */
const UNREADABLE: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EIO']);
const NOT_OURS: ReadonlySet<string> = new Set(['EPERM', 'EACCES']);

export interface Stored {
  readonly digest: Digest;
  readonly size: number;
}

export interface Source {
  readonly stored: Stored;
  /** its inode can become the object */
  readonly movable: boolean;
}

export class Objects {
  readonly #fs: FsPort;
  readonly #root: string;
  /** undefined: these objects are only read */
  readonly #quarantine: string | undefined;
  readonly #temporaryName: () => string;
  readonly #report: DamageListener;
  readonly #verified = new Map<Digest, Stamp>();
  readonly #verifying = new Map<Digest, Promise<ObjectState>>();

  constructor(fs: FsPort, root: string, quarantine: string | undefined, temporaryName: () => string, report: DamageListener) {
    this.#fs = fs;
    this.#root = root;
    this.#quarantine = quarantine;
    this.#temporaryName = temporaryName;
    this.#report = report;
  }

  path(digest: Digest): string {
    return objectPath(this.#root, digest);
  }

  /** Present at its size; its bytes are not looked at. */
  async isPresent(digest: Digest, size: number): Promise<boolean> {
    try {
      const stats = await this.#fs.lstat(this.path(digest));
      return stats.isFile() && stats.size === BigInt(size);
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  async putBytes(bytes: Uint8Array): Promise<Stored> {
    const digest = digestOf(bytes);
    const path = await this.#shardFor(digest);
    const temporary = await writeTemporary(this.#fs, dirname(path), this.#temporaryName(), OBJECT_MODE, (file) => file.write(bytes));
    await this.#publish(temporary.path, digest, bytes.byteLength);
    return { digest, size: bytes.byteLength };
  }

  /** Takes a finished file over: without copying where it can be linked, by copying from another file system or if it has other names. */
  async putFile(path: string): Promise<Stored> {
    const source = await this.examine(path);
    await this.take(path, source);
    return source.stored;
  }

  /** After an error the file is still there; whether the disk still has its bytes is for whoever reads it next to check. */
  async take(path: string, { stored, movable }: Source): Promise<void> {
    await this.#shardFor(stored.digest);
    if (movable) {
      await this.#makeDurable(path);
      if ((await this.#publish(path, stored.digest, stored.size, 'try')) === 'published') return;
    }
    await this.copyIn(path, stored);
  }

  /** Copies a file that was examined, compares what was read with what it was then, and removes it. */
  async copyIn(path: string, stored: Stored): Promise<void> {
    const final = await this.#shardFor(stored.digest);
    const temporary = await this.#copyIntoShard(path, dirname(final), stored);
    await this.#publish(temporary, stored.digest, stored.size);
    await removeQuietly(this.#fs, path);
  }

  /** Full check by content, remembered by the file's stamp; a damaged object is set aside. */
  verify(digest: Digest, size: number): Promise<ObjectState> {
    const running = this.#verifying.get(digest);
    if (running !== undefined) return running;
    const started = this.#verify(digest, size).finally(() => this.#verifying.delete(digest));
    this.#verifying.set(digest, started);
    return started;
  }

  async #verify(digest: Digest, size: number): Promise<ObjectState> {
    const path = this.path(digest);
    let why: string;
    let inode: bigint;
    try {
      const stats = await this.#fs.lstat(path);
      inode = stats.ino;
      const stamp = stampOf(stats);
      if (this.#verified.get(digest) === stamp) return 'ok';
      if (!stats.isFile()) why = 'it is not a regular file';
      else if (stats.size !== BigInt(size)) why = `it has ${stats.size} bytes instead of ${size}`;
      else {
        why = await this.#compare(path, digest, size);
        if (why === '') {
          // Another process that adds the same object changes its times and link count meanwhile: right all the same, just not remembered.
          if (stampOf(await this.#fs.lstat(path)) === stamp) this.#verified.set(digest, stamp);
          return 'ok';
        }
      }
    } catch (error) {
      if (isMissing(error)) return 'missing';
      const code = errnoOf(error) ?? '';
      if (!UNREADABLE.has(code)) throw error;
      this.#report({ kind: 'store.damaged', what: 'object', id: digest, path, action: `it could not be read (${code}): left in place` });
      return 'missing';
    }
    const isIt = async (moved: string): Promise<boolean> => (await this.#fs.lstat(moved)).ino === inode;
    await setAside(this.#fs, this.#quarantine, this.#report, { what: 'object', id: digest, path, isIt }, why);
    return 'damaged';
  }

  /** What is wrong with the bytes; empty if nothing is. */
  async #compare(path: string, digest: Digest, size: number): Promise<string> {
    try {
      return (await this.#digestAt(path, size)) === digest ? '' : 'its bytes do not match its name';
    } catch (error) {
      if (errnoOf(error) === 'EIO') return 'the disk could not read it';
      throw error;
    }
  }

  async #digestAt(path: string, size: number): Promise<Digest> {
    const file = await this.#fs.open(path, 'r');
    try {
      return (await hashFile(file, size)).digest;
    } finally {
      await file.close().catch(() => undefined); // it was only read: what closing says changes none of its bytes
    }
  }

  /** Hashes a file that is to be taken over, and says whether its inode can become the object. */
  async examine(path: string): Promise<Source> {
    const before = await this.#fs.lstat(path);
    if (!before.isFile()) {
      throw new PipelineError('E_DATA', `"${path}" cannot be stored`, {
        facts: { expected: 'a regular file', found: before.isSymbolicLink() ? 'a symbolic link' : 'a folder or device' },
        hint: 'Write the bytes themselves into the file that the writer names.',
      });
    }
    const file = await this.#fs.open(path, 'r');
    try {
      const { digest, size } = await hashFile(file, Number(before.size));
      const after = await file.stat();
      if (stampOf(after) !== stampOf(before)) {
        throw new PipelineError('E_DATA', `"${path}" was written to while it was being stored`, {
          facts: { expected: `${before.size} bytes, unchanged`, found: `${after.size} bytes, changed` },
          hint: 'Close a file, and wait for whatever writes it, before the stage ends.',
        });
      }
      // A second name elsewhere would let somebody write into the object.
      return { stored: { digest, size }, movable: after.nlink === 1n };
    } finally {
      await file.close();
    }
  }

  async #makeDurable(path: string): Promise<void> {
    const file = await this.#fs.open(path, 'r');
    try {
      await syncFile(file);
      await protectFile(file, OBJECT_MODE);
    } finally {
      await file.close();
    }
  }

  async #copyIntoShard(path: string, folder: string, expected: Stored): Promise<string> {
    const source = await this.#fs.open(path, 'r');
    try {
      const { path: temporary, result } = await writeTemporary(this.#fs, folder, this.#temporaryName(), OBJECT_MODE, (copy) =>
        hashFile(source, expected.size, { copyTo: copy }),
      );
      if (result.digest === expected.digest) return temporary;
      await removeQuietly(this.#fs, temporary);
      throw new PipelineError('E_DATA', `"${path}" was written to while it was being stored, or the disk did not keep it`, {
        facts: { expected: expected.digest, found: result.digest },
        hint: 'Close a file, and wait for whatever writes it, before the stage ends; if it does, check the disk.',
      });
    } finally {
      await source.close();
    }
  }

  async #shardFor(digest: Digest): Promise<string> {
    const path = this.path(digest);
    await ensureFolder(this.#fs, dirname(path));
    return path;
  }

  /** Gives durable bytes at `from` their name and removes `from`. With `'try'`, `from` stays if it is on another file system. */
  async #publish(from: string, digest: Digest, size: number, mode: 'must' | 'try' = 'must'): Promise<'published' | 'elsewhere'> {
    const path = this.path(digest);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#fs.link(from, path);
        break;
      } catch (error) {
        const code = errnoOf(error) ?? '';
        if (code === 'EXDEV' && mode === 'try') return 'elsewhere';
        if (LINK_UNSUPPORTED.has(code)) {
          await this.#fs.rename(from, path);
          break;
        }
        // On a network file system EEXIST may also mean that our own link succeeded and its answer was lost: then the bytes are right too.
        const present = code === 'EEXIST' && (await this.verify(digest, size)) === 'ok';
        if (present) {
          await this.#freshen(digest, path);
          break;
        }
        if (code !== 'EEXIST' || attempt === LINK_ATTEMPTS) {
          if (mode === 'must') await removeQuietly(this.#fs, from);
          throw error;
        }
      }
    }
    await syncFolder(this.#fs, dirname(path)); // before the other name goes: after an error here the file can still be stored elsewhere
    await removeQuietly(this.#fs, from);
    return 'published';
  }

  /** Tells gc that an object is in use again. Somebody else's object in a shared store cannot be touched: its age then protects it less. */
  async #freshen(digest: Digest, path: string): Promise<void> {
    try {
      await this.#fs.touch(path, new Date(this.#fs.now()));
    } catch (error) {
      if (!NOT_OURS.has(errnoOf(error) ?? '')) throw error;
    }
    this.#verified.set(digest, stampOf(await this.#fs.lstat(path)));
  }
}
