/** Key materials of the past: from the record under a key, or, where that is gone, from what a run wrote down. Remembers what it has read. */
import type { KeyMaterial, StageKey } from './record.js';
import { readMaterials, runIds } from './run-history.js';
import type { Store } from './store/store.js';

/** Older runs are not searched: what they had is either a record in the store or of no interest any more. */
export const RUNS_SEARCHED = 100;

export class PastMaterials {
  readonly #store: Store;
  /** from the runs that were searched so far, newest first: a key has one material, whichever run wrote it down */
  readonly #materials = new Map<StageKey, KeyMaterial>();
  #unsearched: string[] | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  /** What this run wrote down is read before anything else is searched. */
  read(run: string): void {
    for (const line of readMaterials(this.#store.directory, run)) this.#materials.set(line.key, line.material);
  }

  async of(key: StageKey): Promise<KeyMaterial | undefined> {
    const record = this.#materials.has(key) ? undefined : ((await this.#store.lookup(key)) ?? (await this.#store.lookupEvicted(key)));
    if (record !== undefined) return record.material;
    this.#unsearched ??= runIds(this.#store.directory).slice(0, RUNS_SEARCHED).reverse();
    while (!this.#materials.has(key)) {
      const id = this.#unsearched.pop();
      if (id === undefined) break;
      this.read(id);
    }
    return this.#materials.get(key);
  }
}
