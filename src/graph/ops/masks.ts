/**
 * The unit step as a tensor of 0 and 1: what gradients of ReLU-like operators multiply by.
 *
 * In float32 it is HardSigmoid with a huge slope, clip(3e38 v + beta, 0, 1): exact for every normal number (0 and negatives give 0, NaN stays NaN),
 * the cheapest form on ONNX Runtime and one that keeps convolution chains in its blocked layout. float64 has no HardSigmoid there.
 */
import type { Emitter } from '../emitter.js';
import type { Value } from '../ir.js';
import { cast } from '../layers.js';

/** Largest slope with finite products for |v| <= 1; float32's maximum is 3.4e38. */
const STEP_SLOPE = 3e38;

/** 1 where v > 0, else 0. */
export function stepMask(b: Emitter, v: Value): Value {
  if (v.dtype === 'float32') return b.op('HardSigmoid', [v], { alpha: STEP_SLOPE, beta: 0 });
  return cast(b, b.op('Greater', [v, b.scalar(0, v.dtype)]), v.dtype);
}

/** 1 where v = 0 and 0 where v < 0, for a v that is never positive: a difference from a maximum. */
export function zeroMask(b: Emitter, v: Value): Value {
  if (v.dtype === 'float32') return b.op('HardSigmoid', [v], { alpha: STEP_SLOPE, beta: 1 });
  return cast(b, b.op('GreaterOrEqual', [v, b.scalar(0, v.dtype)]), v.dtype);
}
