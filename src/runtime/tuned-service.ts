/**
 * Chooses how many threads a program runs with: all that the stage has, or half of them, whichever is faster on its own first runs. Only for a service whose
 * results have the same bits at any number of threads, so that a measurement is a run like any other and nobody can see from a result what was chosen.
 *
 * A program's first run warms up, the next two are timed; then the same with half the threads, and the slower one is released. A program that runs less
 * often is never compiled twice. Runs that overlap others, or ask for other outputs than the first, are not timed. What was chosen is remembered.
 */
import { digestOf } from '../core/digest.js';
import type { CompileOptions, TensorPort, TensorProgram, TensorService } from '../core/tensor-service.js';
import type { Tensor } from '../core/tensor.js';
import type { ThreadMemory } from './thread-memory.js';

/** With fewer threads there is nothing to choose: half of two is one, and one leaves a core idle. */
export const FEWEST_THREADS = 4;
/** Two copies of a larger model would cost more memory than the time is worth. */
const LARGEST_MODEL = 500_000_000;
const TIMED = 2;
/** Half the threads must need less than this share of the time: two timings of a run differ by some per cent anyway. */
const CLEARLY = 0.95;

export interface TunedOptions {
  /** at least FEWEST_THREADS */
  readonly threads: number;
  readonly make: (threads: number) => TensorService;
  readonly memory: ThreadMemory;
  /** milliseconds */
  readonly now?: () => number;
}

export function createTunedService({ threads, make, memory, now = () => performance.now() }: TunedOptions): TensorService {
  const all = make(threads);
  const few = Math.floor(threads / 2);
  const half = make(few);
  return {
    identity: () => all.identity(),
    poolIndices: all.poolIndices,
    async compile(model: Uint8Array, options: CompileOptions = {}): Promise<TensorProgram> {
      if (model.length > LARGEST_MODEL) return all.compile(model, options);
      const digest = digestOf(model);
      const known = memory.recall(digest);
      if (known === few) return half.compile(model, options);
      const program = await all.compile(model, options);
      if (known === threads) return program;
      return new TunedProgram(program, () => half.compile(model, options), (isHalf) => memory.keep(digest, isHalf ? few : threads), now);
    },
    async dispose(): Promise<void> {
      await Promise.all([all.dispose(), half.dispose()]);
    },
  };
}

interface Candidate {
  readonly program: TensorProgram;
  /** comparable runs so far; the first warms up */
  runs: number;
  best: number;
}

class TunedProgram implements TensorProgram {
  readonly inputs: readonly TensorPort[];
  readonly outputs: readonly TensorPort[];
  #current: Candidate;
  /** the one with all threads, while the other is measured */
  #first: Candidate | undefined;
  /** makes the second candidate; undefined once there is nothing left to measure */
  #second: (() => Promise<TensorProgram>) | undefined;
  #fetch: string | undefined;
  /** runs begun, and runs under way: a run that is alone begins and ends without another */
  #begun = 0;
  #underWay = 0;
  #isDisposed = false;

  constructor(program: TensorProgram, second: () => Promise<TensorProgram>, private readonly chosen: (isHalf: boolean) => void, private readonly now: () => number) {
    this.inputs = program.inputs;
    this.outputs = program.outputs;
    this.#current = { program, runs: 0, best: Infinity };
    this.#second = second;
  }

  async run(feeds: Readonly<Record<string, Tensor>>, fetch?: readonly string[]): Promise<Record<string, Tensor>> {
    const candidate = this.#current;
    this.#begun += 1;
    this.#underWay += 1;
    const own = this.#begun;
    const startsAlone = this.#underWay === 1;
    const started = this.now();
    let results: Record<string, Tensor>;
    let elapsed: number;
    try {
      results = await candidate.program.run(feeds, fetch);
      elapsed = this.now() - started;
    } finally {
      this.#underWay -= 1;
    }
    const asked = JSON.stringify(fetch ?? null);
    this.#fetch ??= asked;
    const isAlone = startsAlone && this.#begun === own;
    if (this.#second !== undefined && isAlone && asked === this.#fetch) await this.#timed(candidate, elapsed);
    return results;
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true;
    this.#second = undefined;
    await Promise.all([this.#current.program.dispose(), this.#first?.program.dispose()]);
  }

  /** After a run that was alone: nothing else uses a candidate now, so one can be released. */
  async #timed(candidate: Candidate, elapsed: number): Promise<void> {
    // it began before the change-over
    if (candidate !== this.#current) return;
    if (candidate.runs > 0) candidate.best = Math.min(candidate.best, elapsed);
    candidate.runs += 1;
    if (candidate.runs <= TIMED) return;
    const first = this.#first;
    if (first === undefined) return this.#changeOver(candidate);
    const isHalf = candidate.best < CLEARLY * first.best;
    this.#second = undefined;
    this.#first = undefined;
    this.#current = isHalf ? candidate : first;
    this.chosen(isHalf);
    await (isHalf ? first : candidate).program.dispose();
  }

  async #changeOver(first: Candidate): Promise<void> {
    const make = this.#second as () => Promise<TensorProgram>;
    // until it is there, runs that begin meanwhile are not timed
    this.#second = undefined;
    let program: TensorProgram;
    try {
      program = await make();
    } catch {
      // it cannot be had twice (memory): it stays as it is
      return;
    }
    if (this.#isDisposed) return program.dispose();
    this.#second = make;
    this.#first = first;
    this.#current = { program, runs: 0, best: Infinity };
  }
}
