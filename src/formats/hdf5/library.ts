/**
 * The HDF5 C library (h5wasm) on files of this machine, one virtual node a file. The MEMFS build sees no disk at all; a node's own read and
 * write go to one file descriptor, so nothing is copied into memory and no link or external storage reaches another file: the node loses its
 * name as soon as the library has opened it, and the virtual /dev is emptied. The handler that throws is always on: without it a failed
 * read leaves stale memory that looks like data. The only module that imports h5wasm.
 */
import { closeSync, ftruncateSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { ready } from 'h5wasm';
import { PipelineError } from '../../core/errors.js';
import { formatError, writeFully } from '../bytes.js';

export const hdf5: Awaited<typeof ready> = await ready;
hdf5.activate_throwing_error_handler();

/** The part of Emscripten's file system that is used here; the package's own types leave half of it out. */
interface FileSystem {
  create(path: string, mode: number): void;
  lookupPath(path: string, options: object): { readonly node: Node };
  readdir(path: string): string[];
  unlink(path: string): void;
  close(stream: Stream): void;
  readonly streams: readonly (Stream | null | undefined)[];
  readonly ErrnoError: new (errno: number) => Error;
}
interface Stream {
  readonly path?: string;
}
interface Node {
  usedBytes: number;
  stream_ops: Record<string, unknown>;
  node_ops: Record<string, unknown>;
}
const FS = hdf5.FS as unknown as FileSystem;
const trampoline = hdf5 as unknown as { _guarded: () => void; ccall(name: string, result: null, types: readonly string[], values: readonly string[]): void };

// Emscripten's errno values.
const EBADF = 8;
const EIO = 29;
const EROFS = 69;
const ENODEV = 43;
/** The time that objects in written files carry, so that the same data give the same bytes. Not 0: the library takes that for "not set". */
const FROZEN_TIME_MS = 1000;

for (const device of FS.readdir('/dev')) {
  // An external storage entry could otherwise name /dev/urandom and be read as data.
  if (device !== '.' && device !== '..') {
    try {
      FS.unlink(`/dev/${device}`);
    } catch {
      // a directory such as /dev/shm: empty, nothing to read
    }
  }
}

let serial = 0;

export interface VirtualFile {
  readonly path: string;
  readonly id: bigint;
  /** Runs library calls; failures become PipelineErrors with the library's own words. */
  call<T>(doing: string, use: () => T): T;
  close(): void;
}

/**
 * @param fd open for reading, or for reading and writing when `mode` is `write` (the file is then created anew); owned from here on
 * Errors: E_FORMAT when the library does not accept the file.
 */
export function openVirtual(path: string, fd: number, size: number, mode: 'read' | 'write'): VirtualFile {
  const name = `/file-${serial}.h5`;
  serial += 1;
  FS.create(name, 0o600);
  const { node } = FS.lookupPath(name, {});
  let open = true;
  let systemError: unknown;

  // The library only understands errno; what really happened is kept for the message.
  const guarded = <T>(use: () => T): T => {
    if (!open) throw new FS.ErrnoError(EBADF);
    try {
      return use();
    } catch (error) {
      systemError = error;
      throw new FS.ErrnoError(EIO);
    }
  };
  const refuse = (errno: number) => () => {
    throw new FS.ErrnoError(errno);
  };
  node.usedBytes = mode === 'read' ? size : 0;
  node.stream_ops = {
    ...node.stream_ops,
    read: (_stream: unknown, buffer: Uint8Array, offset: number, length: number, position: number) =>
      guarded(() => {
        const wanted = Math.max(0, Math.min(length, node.usedBytes - position));
        return wanted === 0 ? 0 : readSync(fd, buffer, offset, wanted, position);
      }),
    write:
      mode === 'read'
        ? refuse(EROFS)
        : (_stream: unknown, buffer: Uint8Array, offset: number, length: number, position: number) =>
            guarded(() => {
              writeFully(fd, buffer.subarray(offset, offset + length), position);
              node.usedBytes = Math.max(node.usedBytes, position + length);
              return length;
            }),
    mmap: refuse(ENODEV),
  };
  node.node_ops = {
    ...node.node_ops,
    setattr: (_node: unknown, attributes: { size?: number }) => {
      const { size: newSize } = attributes;
      if (newSize === undefined || newSize === node.usedBytes) return;
      if (mode === 'read') throw new FS.ErrnoError(EROFS);
      guarded(() => ftruncateSync(fd, newSize));
      node.usedBytes = newSize;
    },
  };

  const call = <T>(doing: string, use: () => T): T => {
    systemError = undefined;
    try {
      return withStackRestored(mode === 'write' ? () => withFrozenClock(use) : use);
    } catch (error) {
      closeErrorStreams();
      if (error instanceof PipelineError) throw error;
      throw explain(path, doing, mode, error, systemError);
    }
  };
  const closeDescriptor = (): void => {
    // The library may still hold the node after a failure; its descriptor number can be given to another file at once.
    open = false;
    closeSync(fd);
  };
  const flags = mode === 'read' ? hdf5.H5F_ACC_RDONLY : hdf5.H5F_ACC_TRUNC;
  try {
    const id = call('opened', () => hdf5.open(name, flags, false, -1, -1));
    if (id < 0n) throw formatError(path, 'cannot be opened as HDF5', { expected: 'an HDF5 file', found: 'refused by the library' });
    return {
      path,
      id,
      call,
      close: () => {
        try {
          call('closed', () => hdf5.close_file(id));
        } finally {
          closeDescriptor();
        }
      },
    };
  } catch (error) {
    closeDescriptor();
    throw error;
  } finally {
    FS.unlink(name);
  }
}

/**
 * An exception that leaves the library skips its epilogues, so WebAssembly's stack pointer stays where it was thrown: after some hundred damaged
 * files the stack would be used up and good files would fail. `ccall` is the one exported function that saves the pointer before a call (when
 * it has a text to pass) and restores it after; what is called must return, so the exception travels beside it.
 */
function withStackRestored<T>(use: () => T): T {
  let outcome: { readonly value: T } | { readonly error: unknown } | undefined;
  trampoline._guarded = () => {
    try {
      outcome = { value: use() };
    } catch (error) {
      outcome = { error };
    }
  };
  trampoline.ccall('guarded', null, ['string'], ['-']);
  if (outcome === undefined || 'error' in outcome) throw outcome?.error;
  return outcome.value;
}

/** The library asks the clock inside its calls only, and those are synchronous: nothing else can see the frozen time. */
function withFrozenClock<T>(use: () => T): T {
  const { now } = Date;
  Date.now = () => FROZEN_TIME_MS;
  try {
    return use();
  } finally {
    Date.now = now;
  }
}

function explain(path: string, doing: string, mode: 'read' | 'write', error: unknown, systemError: unknown): PipelineError {
  if (systemError !== undefined) {
    const found = systemError instanceof Error ? systemError.message : String(systemError);
    const details = { facts: { expected: mode === 'read' ? 'readable bytes' : 'space and permission to write', found, path }, hint: 'Check the disk.', cause: systemError };
    return new PipelineError(found.includes('ENOSPC') ? 'E_NO_SPACE' : 'E_STORE_IO', `"${basename(path)}" cannot be ${doing}`, details);
  }
  const words = error instanceof Error ? error.message : String(error);
  return formatError(path, `cannot be ${doing} as HDF5`, { expected: 'a complete HDF5 file', found: deepestReason(words), cause: error });
}

/** The last line of the library's error stack with words of its own says what failed first. */
function deepestReason(stack: string): string {
  const lines = [...stack.matchAll(/#\d+: \S+ line \d+ in [^:]+: (.+)/g)].map((match) => match[1] as string);
  return lines.at(-1) ?? stack.trim().split('\n')[0] ?? 'unknown failure';
}

/** The throwing handler leaves its temporary stream open at every error; without this the table of streams fills up. */
function closeErrorStreams(): void {
  for (const stream of FS.streams) {
    if (stream?.path?.startsWith('/tmp/') === true) FS.close(stream);
  }
}
