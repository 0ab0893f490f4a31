/**
 * Evaluates the small computations by which exporters derive shapes, indices and masks (Shape, Gather, Concat, Range, Where …), so that every
 * shape-giving input of a decoded graph is a constant. Integers and truth values up to a million elements are folded, real numbers up to
 * REAL_LIMIT: this is no optimiser, and weights keep their names. Real results are rounded to float32 after every node.
 */
import { allocate, sizeOf } from '../../core/tensor.js';
import type { Tensor } from '../../core/tensor.js';
import { arrangementRules } from './fold-arrangement.js';
import { arithmeticRules } from './fold-arithmetic.js';
import type { Attributes, FoldRule, Numbers } from './fold-rule.js';
import type { StoredTensor } from './tensors.js';

const REAL_LIMIT = 4096;
const INTEGER_LIMIT = 2 ** 20;

const RULES: Readonly<Record<string, FoldRule>> = { ...arithmeticRules, ...arrangementRules };

/** Whether a constant is of a size that is folded. */
export function isFoldable(x: Pick<StoredTensor, 'dtype' | 'shape'> | undefined): boolean {
  return x?.dtype !== undefined && sizeOf(x.shape) <= limitOf({ dtype: x.dtype });
}

/** The results of an operator on constants, or undefined if it is not one of those that derive shapes. `outputs`: how many are asked for. */
export function fold(op: string, inputs: readonly (Tensor | undefined)[], attributes: Attributes, outputs = 1): readonly Tensor[] | undefined {
  const rule = Object.hasOwn(RULES, op) ? RULES[op] : undefined;
  if (rule === undefined || inputs.length === 0 || inputs.some((x) => x !== undefined && x.data.length > limitOf(x))) return undefined;
  const numbers = inputs.map((x) => x && { dtype: x.dtype, shape: x.shape, data: Array.from(x.data as ArrayLike<number | bigint>, (value) => clamp(Number(value))) });
  const results = rule({ inputs: numbers, attributes, outputs, most: INTEGER_LIMIT });
  if (results?.length !== outputs || results.some((result) => result.data.length > limitOf(result) || result.data.length !== sizeOf(result.shape))) return undefined;
  return results.map((result) => {
    const data = allocate(result.dtype, result.data.length);
    result.data.forEach((x, i) => (data[i] = data instanceof BigInt64Array ? BigInt(Math.trunc(clamp(x))) : x));
    return { dtype: result.dtype, shape: result.shape, data };
  });
}

function limitOf(x: Pick<Numbers, 'dtype'>): number {
  return x.dtype === 'float32' || x.dtype === 'float64' ? REAL_LIMIT : INTEGER_LIMIT;
}

/** "To the end" is written as the largest int64, which a double cannot hold. Infinities and NaN of real constants pass. */
function clamp(x: number): number {
  return Number.isFinite(x) && Number.isInteger(x) ? Math.min(Math.max(x, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER) : x;
}
