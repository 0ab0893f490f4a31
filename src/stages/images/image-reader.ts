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
import { lookAhead } from '../look-ahead.js';

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
   * The images at `rows`, as many at a time as fit a buffer. A buffer is the caller's until the next is asked for; what is beyond the rows of the last batch
   * is left from before. One loop at a time.
   * @shape float32 [batch, 3, size, size] in [0, 1]
   * Errors: those of `openImages`; E_STAGE_CRASHED if the thread ended.
   */
  async *batches(rows: readonly number[]): AsyncGenerator<Float32Array<ArrayBuffer>> {
    const part = (index: number): readonly number[] => rows.slice(index * this.#batch, (index + 1) * this.#batch);
    for await (const buffer of lookAhead(Math.ceil(rows.length / this.#batch), BUFFERS, (index) => this.#order(part(index)))) {
      yield new Float32Array(buffer);
      this.#free.push(buffer);
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
