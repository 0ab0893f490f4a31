/**
 * Small questions to the file system. A local disk answers from its cache within microseconds, a fraction of what it costs to hand the question
 * to a thread and to wake up for the answer; a server answers within milliseconds, in which other questions could be asked. So they are asked in
 * this thread while the answers come at once, and of threads when they turn out slow; now and then it is tried again.
 * Knows no file: it runs one of two ways to ask the same.
 */

/** An answer that takes longer than this on average is waited for elsewhere. A question asked of a thread costs about a tenth of it. */
const SLOW_MS = 0.5;
/** weight of the newest answer in the average */
const WEIGHT = 1 / 16;
/** A single answer counts no more than this: one hiccup of a disk says nothing about the next. */
const MOST_MS = 4;
/** After some hundred questions asked of threads one is tried here again. */
const FORGETTING = 0.995;

/** Answers that come at once never let the event loop turn; signals and timers wait no longer than this for it. */
const TURN_MS = 20;

export class PacedCalls {
  #averageMs = 0;
  #turned = -Infinity;

  readonly #clock: () => number;

  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  async call<T>(now: () => T, later: () => Promise<T>): Promise<T> {
    if (this.#clock() - this.#turned > TURN_MS) {
      this.#turned = this.#clock();
      await new Promise(setImmediate);
    }
    if (this.#averageMs > SLOW_MS) {
      this.#averageMs *= FORGETTING;
      return later();
    }
    const began = this.#clock();
    try {
      return now();
    } finally {
      this.#averageMs += (Math.min(MOST_MS, this.#clock() - began) - this.#averageMs) * WEIGHT;
    }
  }
}
