/**
 * What the points of a sweep share, as far as it can be said before they run: stages that would have the same key, because type, parameters and
 * seed are equal, and so is all that they are made from. Such a stage runs at the first point that has it and is restored at the others.
 */
import type { JsonValue } from '../core/json.js';
import { canonicalDigest } from './canonical.js';
import type { Plan } from './plan.js';

export class SweepShares {
  readonly #seen = new Set<string>();

  /** The stages of the next point that an earlier one has made by then. */
  next(plan: Plan): ReadonlySet<string> {
    const identities = new Map<string, string>();
    const shared = new Set<string>();
    for (const { name, manifest, params, inputs, seed, skipped } of plan.stages) {
      if (skipped !== undefined) continue;
      const edges = Object.fromEntries(Object.entries(inputs).map(([port, bindings]) => [port, bindings.map(({ stage, output, labels }): JsonValue => [identities.get(stage) ?? '', output, labels ?? null])]));
      identities.set(name, canonicalDigest('sweep-identity/1', { type: manifest.type, params, seed, inputs: edges }));
    }
    for (const [name, identity] of identities) {
      if (this.#seen.has(identity)) shared.add(name);
    }
    for (const identity of identities.values()) this.#seen.add(identity);
    return shared;
  }
}
