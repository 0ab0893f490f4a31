/** Compiled programs by name for the length of one fit; the same name must always mean the same model. */
import type { Tensor } from '../../core/tensor.js';
import type { TensorProgram, TensorService } from '../../core/tensor-service.js';

type Feeds = Readonly<Record<string, Tensor>>;

export class ProgramCache {
  readonly #service: TensorService;
  readonly #signal: AbortSignal | undefined;
  readonly #programs = new Map<string, TensorProgram>();

  constructor(service: TensorService, signal?: AbortSignal) {
    this.#service = service;
    this.#signal = signal;
  }

  async run(name: string, model: () => Uint8Array, feeds: Feeds): Promise<Record<string, Tensor>> {
    this.#signal?.throwIfAborted();
    let program = this.#programs.get(name);
    if (program === undefined) {
      program = await this.#service.compile(model(), { label: `ridge ${name}` });
      this.#programs.set(name, program);
    }
    return program.run(feeds);
  }

  /** For a shape that does not come again soon: nothing of it stays in memory. */
  async runOnce(name: string, model: () => Uint8Array, feeds: Feeds): Promise<Record<string, Tensor>> {
    const outputs = await this.run(name, model, feeds);
    await this.release(name);
    return outputs;
  }

  async release(name: string): Promise<void> {
    await this.#programs.get(name)?.dispose();
    this.#programs.delete(name);
  }

  async dispose(): Promise<void> {
    for (const program of this.#programs.values()) await program.dispose();
    this.#programs.clear();
  }
}

/** An output that the caller's own model is known to have. */
export function float64Output(outputs: Readonly<Record<string, Tensor>>, name: string): Float64Array {
  return outputs[name]?.data as Float64Array;
}

export function float32Output(outputs: Readonly<Record<string, Tensor>>, name: string): Float32Array {
  return outputs[name]?.data as Float32Array;
}
