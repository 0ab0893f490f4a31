/**
 * Who may start now. Cores are a hard limit; memory is a soft one (what a stage asks for is an estimate), so a stage that asks for more than
 * there is runs when nothing else does. Who waits is served in the order of the plan; a small stage may pass a large one that does not fit
 * yet. The order decides only when things happen, never what comes out.
 */
export interface Amounts {
  readonly cpus: number;
  readonly memoryMb: number;
}

interface Waiting {
  readonly order: number;
  readonly ask: Amounts;
  readonly start: (release: (() => void) | undefined) => void;
}

export class ResourceLedger {
  readonly #total: Amounts;
  readonly #jobs: number;
  readonly #waiting: Waiting[] = [];
  #cpus = 0;
  #memoryMb = 0;
  #running = 0;
  #closed = false;

  /** `jobs`: the most that may run at once, whatever they ask for. */
  constructor(total: Amounts, jobs: number) {
    this.#total = total;
    this.#jobs = jobs;
  }

  /** What a stage gets that asks for `ask`: more cores than there are is all of them. */
  grant(ask: Amounts): Amounts {
    return { cpus: Math.max(1, Math.min(ask.cpus, this.#total.cpus)), memoryMb: ask.memoryMb };
  }

  /** Resolves to the function that gives everything back; undefined once the ledger is closed. */
  acquire(order: number, ask: Amounts): Promise<(() => void) | undefined> {
    return new Promise((start) => {
      if (this.#closed) return start(undefined);
      let at = this.#waiting.length;
      while (at > 0 && (this.#waiting[at - 1] as Waiting).order > order) at -= 1;
      this.#waiting.splice(at, 0, { order, ask: this.grant(ask), start });
      this.#serve();
    });
  }

  /** Nothing starts any more; who waits is told so. */
  close(): void {
    this.#closed = true;
    for (const { start } of this.#waiting.splice(0)) start(undefined);
  }

  #serve(): void {
    for (let i = 0; i < this.#waiting.length && this.#running < this.#jobs && this.#cpus < this.#total.cpus; ) {
      const next = this.#waiting[i] as Waiting;
      if (!this.#fits(next.ask)) {
        i += 1;
        continue;
      }
      this.#waiting.splice(i, 1);
      this.#take(next.ask, 1);
      let held = true;
      next.start(() => {
        if (!held) return;
        held = false;
        this.#take(next.ask, -1);
        this.#serve();
      });
    }
  }

  #fits({ cpus, memoryMb }: Amounts): boolean {
    if (this.#running === 0) return true;
    return this.#cpus + cpus <= this.#total.cpus && this.#memoryMb + memoryMb <= this.#total.memoryMb;
  }

  #take({ cpus, memoryMb }: Amounts, sign: 1 | -1): void {
    this.#cpus += sign * cpus;
    this.#memoryMb += sign * memoryMb;
    this.#running += sign;
  }
}
