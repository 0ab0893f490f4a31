/**
 * Hashes a file as a stream: sha256 works on one buffer while the next is being read, so that memory stays at two buffers whatever the size.
 * Optionally passes the bytes on (copying) and says how far it is.
 */
import { createHash } from 'node:crypto';
import type { Digest } from '../../core/digest.js';
import type { OpenFile } from './fs-port.js';

const BUFFER_BYTES = 1 << 20;

export interface HashOptions {
  /** what is read is written here too */
  readonly copyTo?: OpenFile;
  readonly onBytes?: (done: number) => void;
  readonly signal?: AbortSignal;
}

/** Reads from where the file stands to its end. `expectedSize` only sizes the buffers. */
export async function hashFile(file: OpenFile, expectedSize: number, options: HashOptions = {}): Promise<{ digest: Digest; size: number }> {
  const capacity = Math.max(1, Math.min(BUFFER_BYTES, expectedSize + 1));
  const hash = createHash('sha256');
  let filled = Buffer.allocUnsafe(capacity);
  let spare = Buffer.allocUnsafe(capacity);
  let size = 0;
  let pending = file.read(filled, 0, capacity);
  for (;;) {
    const count = await pending;
    if (count === 0) return { digest: hash.digest('hex') as Digest, size };
    options.signal?.throwIfAborted();
    pending = file.read(spare, 0, capacity);
    try {
      const bytes = filled.subarray(0, count);
      hash.update(bytes);
      await options.copyTo?.write(bytes);
      size += count;
      options.onBytes?.(size);
    } catch (error) {
      await pending.catch(() => undefined); // the read in flight must end before the caller closes the file
      throw error;
    }
    [filled, spare] = [spare, filled];
  }
}
