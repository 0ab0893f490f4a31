/** Reads bytes one after the other from a place that can be read by range, a block at a time. Never past its end: what ends too early is E_FORMAT. */
import { formatError } from '../bytes.js';

/** Bytes that can be read anywhere. */
export interface ByteSource {
  /** as errors call it */
  readonly path: string;
  readonly size: number;
  /** Fills `target` from `position`. */
  read(target: Uint8Array, position: number): void;
}

const BLOCK = 1 << 16;
const NEWLINE = 0x0a;

export class ByteCursor {
  readonly #source: ByteSource;
  readonly #end: number;
  #position: number;
  #block = new Uint8Array(0);
  #blockStart = 0;

  /** @param end first byte that is not read */
  constructor(source: ByteSource, start = 0, end = source.size) {
    this.#source = source;
    this.#position = start;
    this.#end = end;
  }

  get position(): number {
    return this.#position;
  }

  byte(): number {
    const at = this.#position - this.#blockStart;
    if (at >= this.#block.length) return this.take(1)[0] as number;
    this.#position += 1;
    return this.#block[at] as number;
  }

  /** The next `length` bytes: a view that later reads leave alone. */
  take(length: number): Uint8Array {
    if (length > this.#end - this.#position) throw this.early(length);
    const at = this.#position - this.#blockStart;
    if (at + length > this.#block.length) {
      this.#blockStart = this.#position;
      this.#block = new Uint8Array(Math.min(Math.max(BLOCK, length), this.#end - this.#position));
      this.#source.read(this.#block, this.#position);
    }
    const from = this.#position - this.#blockStart;
    this.#position += length;
    return this.#block.subarray(from, from + length);
  }

  /** Up to the next newline, which is read too. */
  line(longest: number): Uint8Array {
    const bytes: number[] = [];
    for (let byte = this.byte(); byte !== NEWLINE; byte = this.byte()) {
      if (bytes.length >= longest) throw formatError(this.#source.path, 'holds a line that is too long', { expected: `at most ${longest} bytes`, found: `more, from byte ${this.#position - bytes.length - 1}` });
      bytes.push(byte);
    }
    return Uint8Array.from(bytes);
  }

  early(length: number): ReturnType<typeof formatError> {
    return formatError(this.#source.path, 'ends too early', { expected: `${length} bytes from byte ${this.#position}`, found: `${this.#end - this.#position} bytes` });
  }
}
