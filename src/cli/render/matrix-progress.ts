/**
 * What became of the instances of each stage that has a matrix. Restored, skipped and blocked instances are not worth a line each: when the
 * last instance of a stage is settled, one line counts them all.
 */
import { baseName } from '../../engine/coordinates.js';
import { WORDS, type ShownWord } from './stage-line.js';

export interface MatrixSummary {
  readonly stage: string;
  /** `16 instances: 12 ran, 4 restored` */
  readonly text: string;
  readonly failed: boolean;
}

export class MatrixProgress {
  /** stage → number of its instances; stages without a matrix are absent */
  readonly #sizes = new Map<string, number>();
  readonly #words = new Map<string, Map<string, ShownWord>>();

  /** `names`: of all stages of the run */
  constructor(names: readonly string[]) {
    for (const name of names) {
      const base = baseName(name);
      if (base !== name) this.#sizes.set(base, (this.#sizes.get(base) ?? 0) + 1);
    }
  }

  has(name: string): boolean {
    return this.#sizes.has(baseName(name));
  }

  /** It runs again, whatever it was before. */
  started(name: string): void {
    this.#words.get(baseName(name))?.delete(name);
  }

  /** The summary of its stage, if it was the last instance to settle. */
  settled(name: string, word: ShownWord): MatrixSummary | undefined {
    const stage = baseName(name);
    const size = this.#sizes.get(stage);
    if (size === undefined) return undefined;
    const words = this.#words.get(stage) ?? new Map<string, ShownWord>();
    this.#words.set(stage, words.set(name, word));
    if (words.size < size) return undefined;
    const all = [...words.values()];
    const counts = [...WORDS, 'cancelled' as const].map((each) => ({ each, count: all.filter((other) => other === each).length })).filter(({ count }) => count > 0);
    return { stage, text: `${size} instances: ${counts.map(({ each, count }) => `${count} ${each}`).join(', ')}`, failed: counts.some(({ each }) => each === 'failed' || each === 'blocked') };
  }
}
