/**
 * Stops asking somebody who does not answer: after some failures in a row everything is left out for a while, then one attempt may find out
 * whether it is better; a refusal stops it for good. Otherwise a dead server would cost every stage of a run its timeout.
 */
const FAILURES_IN_A_ROW = 3;
const PAUSE_MS = 60_000;

export class Breaker {
  readonly #now: () => number;
  #failures = 0;
  #closedUntil = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** whether to ask at all */
  get open(): boolean {
    return this.#now() >= this.#closedUntil;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** True if this failure stopped it. `forGood`: asking again is no use. */
  failed(forGood: boolean): boolean {
    this.#failures += 1;
    const wasOpen = this.open;
    if (forGood) this.#closedUntil = Infinity;
    else if (this.#failures >= FAILURES_IN_A_ROW) this.#closedUntil = Math.max(this.#closedUntil, this.#now() + PAUSE_MS);
    return wasOpen && !this.open;
  }
}
