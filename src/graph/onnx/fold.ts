/**
 * Evaluates the small computations by which exporters derive shapes, indices and masks (Shape, Gather, Concat, Range, Where …), so that every
 * shape-giving input of a decoded graph is a constant. Integers and truth values up to a million elements are folded, real numbers up to
 * REAL_LIMIT: this is no optimiser, and weights keep their names. Real results are rounded to float32 after every node. Integers are exact or not
 * folded at all: what a double does not hold is left to the runtime, but for the ends of int64, which mean "to the end" and may be moved and compared.
 */
import { allocate, sizeOf } from '../../core/tensor.js';
import type { DType, Tensor } from '../../core/tensor.js';
import { arrangementRules } from './fold-arrangement.js';
import { arithmeticRules } from './fold-arithmetic.js';
import { isReal } from './fold-rule.js';
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
  const large = inputs.flatMap((x) => (x === undefined ? [] : [...beyondDoubles(x)]));
  if (large.length > 0 && (!KEEPS_INTEGERS.has(op) || large.some((value) => !isEnd(value)))) return undefined;
  const numbers = inputs.map((x) => x && { dtype: x.dtype, shape: x.shape, data: Array.from(x.data as ArrayLike<number | bigint>, (value) => clamp(Number(value))) });
  const results = rule({ inputs: numbers, attributes, outputs, most: INTEGER_LIMIT });
  if (results?.length !== outputs || results.some((result) => result.data.length > limitOf(result) || result.data.length !== sizeOf(result.shape))) return undefined;
  // a quotient by 0, an overflow, an infinity cast to an integer
  if (results.some(({ dtype, data }) => !isReal({ dtype }) && !data.every((x) => holds(dtype, x)))) return undefined;
  const moved = large.length > 0;
  if (moved && results.some(isReal)) return undefined;
  return results.map((result) => {
    const data = allocate(result.dtype, result.data.length);
    result.data.forEach((x, i) => (data[i] = data instanceof BigInt64Array ? integer(x, moved) : x));
    return { dtype: result.dtype, shape: result.shape, data };
  });
}

/** Rules that hand integers on or compare them. */
const KEEPS_INTEGERS: ReadonlySet<string> = new Set([
  ...Object.keys(arrangementRules), ...['Max', 'Min', 'Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual', 'Where', 'Sign', 'NonZero', 'ReduceMax', 'ReduceMin', 'Cast', 'CastLike'],
]);
const LARGEST = 2n ** 63n - 1n;

function* beyondDoubles({ data }: Tensor): Generator<bigint> {
  if (data instanceof BigInt64Array) for (const value of data) if (value > MOST_EXACT || value < -MOST_EXACT) yield value;
}
const MOST_EXACT = BigInt(Number.MAX_SAFE_INTEGER);

/** -2^63 and -(2^63 - 1) both mean the beginning. */
const isEnd = (value: bigint): boolean => value >= LARGEST || value <= -LARGEST;

function integer(x: number, moved: boolean): bigint {
  if (moved && Math.abs(x) === Number.MAX_SAFE_INTEGER) return x > 0 ? LARGEST : -LARGEST;
  return BigInt(x);
}

const RANGES: Readonly<Partial<Record<DType, readonly [number, number]>>> = {
  int8: [-128, 127], uint8: [0, 255], int16: [-32768, 32767], uint16: [0, 65535], int32: [-(2 ** 31), 2 ** 31 - 1], uint32: [0, 2 ** 32 - 1], int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
};

function holds(dtype: DType, x: number): boolean {
  const [low, high] = RANGES[dtype] ?? [0, 1];
  return Number.isInteger(x) && x >= low && x <= high;
}

function limitOf(x: Pick<Numbers, 'dtype'>): number {
  return isReal(x) ? REAL_LIMIT : INTEGER_LIMIT;
}

/** "To the end" is written as the largest int64, which a double cannot hold. Infinities and NaN of real constants pass. */
function clamp(x: number): number {
  return Number.isFinite(x) && Number.isInteger(x) ? Math.min(Math.max(x, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER) : x;
}
