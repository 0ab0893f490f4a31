/**
 * Images of a brick, batch by batch, read and resized by a thread of its own while the caller works on the batch before: a model's run blocks the thread
 * that asks for it, so nothing else would use the other cores meanwhile. The bytes are those of `openImages`, whatever the timing.
 *
 * Invariants: a buffer belongs to one side at a time (it is transferred, never shared); answers come in the order of the orders; whatever ends the
 * thread settles what is being waited for. Whoever makes a reader closes it: until then its thread keeps the process alive.
 */
import { Worker } from 'node:worker_threads';
import { deserializeError, PipelineError, type SerializedError } from '../../core/errors.js';
import type { Preprocessing } from '../artifacts/backbone.js';

export interface ReaderSetting {
  readonly path: string;
  readonly dataset: string;
  readonly preprocessing: Preprocessing;
}
export interface ReadOrder {
  readonly rows: readonly number[];
  readonly buffer: ArrayBuffer;
}
export type ReadAnswer = { readonly buffer: ArrayBuffer } | { readonly error: SerializedError };

/** the batch that the caller works on, and the one that is being read */
const BUFFERS = 2;

interface Waiting {
  resolve(buffer: ArrayBuffer): void;
  reject(error: Error): void;
}

export class ImageReader {
  readonly #thread: Worker;
  readonly #batch: number;
  readonly #bytes: number;
  readonly #free: ArrayBuffer[] = [];
  readonly #waiting: Waiting[] = [];
  #ended: PipelineError | undefined;

  /** @param batch images of a buffer */
  constructor(setting: ReaderSetting, batch: number) {
    this.#batch = batch;
    this.#bytes = batch * 3 * setting.preprocessing.size ** 2 * Float32Array.BYTES_PER_ELEMENT;
    this.#thread = new Worker(new URL('./image-thread.js', import.meta.url), { workerData: setting, execArgv: [] });
    this.#thread.on('message', (answer: ReadAnswer) => {
      const waiting = this.#waiting.shift();
      if ('error' in answer) waiting?.reject(deserializeError(answer.error));
      else waiting?.resolve(answer.buffer);
    });
    this.#thread.on('error', (error) => this.#end(error instanceof Error ? error.message : String(error)));
    this.#thread.on('exit', (code) => this.#end(`exit code ${code}`));
  }

  /**
   * The images at `rows`, as many at a time as fit a buffer; the first are ordered by this call, so that they are read while the caller prepares. A buffer is
   * the caller's until the next is asked for; what is beyond the rows of the last batch is left from before.
   * @shape float32 [batch, 3, size, size] in [0, 1]
   * Errors: those of `openImages`; E_STAGE_CRASHED if the thread ended.
   */
  batches(rows: readonly number[]): AsyncIterable<Float32Array<ArrayBuffer>> {
    const ordered: Promise<ArrayBuffer>[] = [];
    let next = 0;
    const order = (): void => {
      if (next >= rows.length) return;
      const batch = this.#order(rows.slice(next, next + this.#batch));
      batch.catch(() => undefined); // told when its turn comes
      ordered.push(batch);
      next += this.#batch;
    };
    for (let i = 0; i < BUFFERS; i += 1) order();
    return this.#drain(ordered, order);
  }

  async *#drain(ordered: Promise<ArrayBuffer>[], order: () => void): AsyncGenerator<Float32Array<ArrayBuffer>> {
    for (let batch = ordered.shift(); batch !== undefined; batch = ordered.shift()) {
      const buffer = await batch;
      yield new Float32Array(buffer);
      this.#free.push(buffer);
      order();
    }
  }

  /** Ends the thread, whatever it is doing. */
  async close(): Promise<void> {
    await this.#thread.terminate();
  }

  #order(rows: readonly number[]): Promise<ArrayBuffer> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended);
        return;
      }
      const buffer = this.#free.pop() ?? new ArrayBuffer(this.#bytes);
      this.#waiting.push({ resolve, reject });
      this.#thread.postMessage({ rows, buffer } satisfies ReadOrder, [buffer]);
    });
  }

  #end(found: string): void {
    this.#ended ??= new PipelineError('E_STAGE_CRASHED', 'the thread that reads images ended', {
      facts: { expected: 'an answer to every order', found },
      hint: 'Run again; if it ends again, give the stage more memory or a smaller batch.',
    });
    for (const { reject } of this.#waiting.splice(0)) reject(this.#ended);
  }
}
