/**
 * What a pickle says, as plain data. Nothing is ever called: a call that the pickle asks for is a `PickleObject` that names what would be called, with its arguments.
 * Structures may contain themselves (pickles can say that), so who walks them guards against circles.
 */

/** A name that a pickle refers to: a class or function of Python. */
export interface PickleGlobal {
  readonly kind: 'global';
  readonly module: string;
  readonly name: string;
}

export interface PickleSequence {
  readonly kind: 'list' | 'tuple' | 'set';
  readonly items: PickleValue[];
}

/** dict and OrderedDict; of equal keys the last counts */
export interface PickleDict {
  readonly kind: 'dict';
  readonly pairs: [PickleValue, PickleValue][];
}

/** maker(*args), then what was put into it: kept, never made. */
export interface PickleObject {
  readonly kind: 'object';
  readonly maker: PickleGlobal;
  readonly args: readonly PickleValue[];
  readonly items: PickleValue[];
  readonly pairs: [PickleValue, PickleValue][];
  state?: PickleValue;
}

/** Something that lies outside the pickle, by its id: a storage. */
export interface PickleStored {
  readonly kind: 'stored';
  readonly id: PickleValue;
}

export type PickleValue = null | boolean | number | bigint | string | Uint8Array | PickleGlobal | PickleSequence | PickleDict | PickleObject | PickleStored;

export function isKind<K extends 'global' | 'list' | 'tuple' | 'set' | 'dict' | 'object' | 'stored'>(value: PickleValue | undefined, kind: K): value is Extract<PickleValue, { readonly kind: K }> | (K extends 'list' | 'tuple' | 'set' ? PickleSequence : never) {
  return typeof value === 'object' && value !== null && !(value instanceof Uint8Array) && value.kind === kind;
}

/** The values of a dict by its textual keys, in the order in which they came first. */
export function textKeys(dict: PickleDict): Map<string, PickleValue> {
  const out = new Map<string, PickleValue>();
  for (const [key, value] of dict.pairs) if (typeof key === 'string') out.set(key, value);
  return out;
}
