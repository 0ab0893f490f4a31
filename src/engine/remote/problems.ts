/**
 * What goes wrong with the second level is said once and never fails a run: a warning of each kind, and the first one for the summary. Counts
 * failures for the breaker, which stops asking somebody who does not answer.
 */
import type { StoreEvent } from '../events.js';
import { Breaker } from './breaker.js';
import { RemoteFailure } from './remote-cache.js';
import type { RemoteTotals } from './remote-totals.js';

export class Problems {
  readonly #totals: RemoteTotals;
  readonly #emit: (event: StoreEvent) => void;
  readonly #said = new Set<string>();
  readonly #breaker: Breaker;

  constructor(totals: RemoteTotals, emit: (event: StoreEvent) => void, now?: () => number) {
    this.#totals = totals;
    this.#emit = emit;
    this.#breaker = new Breaker(now);
  }

  /** whether to ask at all */
  get open(): boolean {
    return this.#breaker.open;
  }

  succeeded(): void {
    this.#breaker.succeeded();
  }

  /** `after`: what follows from it. An error that is none of the remote's passes. */
  failed(error: unknown, after: string): void {
    if (!(error instanceof RemoteFailure)) throw error;
    if (error.kind === 'ended') return;
    this.warn(error.kind, `${error.message}: ${after}`);
    if (error.kind === 'unsuitable') return;
    if (this.#breaker.failed(error.kind === 'refused')) this.warn('paused', `"${this.#totals.place}" is left alone ${error.kind === 'refused' ? 'for the rest of this run' : 'for a minute'}`);
  }

  /** The first of each kind. */
  warn(kind: string, text: string): void {
    this.#totals.problem ??= text;
    if (this.#said.has(kind)) return;
    this.#said.add(kind);
    this.#emit({ kind: 'remote.warning', place: this.#totals.place, text });
  }
}
