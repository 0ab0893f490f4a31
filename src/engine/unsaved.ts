/**
 * What a run could not keep, and why: collected from the events of stores (this process's and the workers'), told once for each cause. Goes into
 * the summary and into the run record, if that at least can be written.
 */
import type { RunEvent, UnsavedThing } from './events.js';
import { hintFor } from './store/io-errors.js';

/** Of a result whose file was touched. */
const TOUCHED_HINT = 'Those stages run again next time; let nothing write to the files that a run reads while it runs.';

export type UnsavedEvent = Extract<RunEvent, { kind: 'store.unsaved' }>;

export interface UnsavedCause {
  readonly what: UnsavedThing;
  /** the first of them */
  readonly path: string;
  readonly system: string;
  readonly message: string;
  readonly times: number;
}

export interface Unsaved {
  /** stages whose results are not in the store: they run again next time */
  readonly stages: readonly string[];
  readonly causes: readonly UnsavedCause[];
  /** what to do */
  readonly hint: string;
}

export class UnsavedList {
  readonly #stages = new Set<string>();
  readonly #causes = new Map<string, UnsavedCause>();

  /** True if it is the first of its kind. */
  add({ what, path, system, message }: UnsavedEvent): boolean {
    const id = what === 'result' ? `${what} ${path}` : `${what} ${system}`;
    const known = this.#causes.get(id);
    this.#causes.set(id, known === undefined ? { what, path, system, message, times: 1 } : { ...known, times: known.times + 1 });
    return known === undefined;
  }

  stage(name: string): void {
    this.#stages.add(name);
  }

  /** undefined: everything was kept */
  summary(): Unsaved | undefined {
    const causes = [...this.#causes.values()];
    const [first] = causes;
    if (first === undefined) return undefined;
    return { stages: [...this.#stages], causes, hint: first.what === 'result' ? TOUCHED_HINT : hintFor(first.system) };
  }
}
