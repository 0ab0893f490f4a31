/**
 * Scaled dot-product attention (Attention of opset 23) in matrix products: softmax(softcap(scale Q Kᵀ) + mask) V, with grouped heads and keys of
 * the past before those of now; and rotary positions. Rank-3 inputs hold the heads in their last axis.
 */
import { sizeOf } from '../../../core/tensor.js';
import type { Value } from '../../ir.js';
import { add, concat, matMul, mul, reduceMax, reshape, slice, softmax, sub, tanh, transpose } from '../../layers.js';
import { truths } from './arrangement.js';
import type { CompoundCall } from './call.js';

/** [N, L, heads · D] -> [N, heads, L, D]; rank 4 stays. */
function split(c: CompoundCall, x: Value, heads: number): Value {
  if (x.shape.length === 4) return x;
  const [n, length, width] = x.shape as [number, number, number];
  if (x.shape.length !== 3 || heads < 1 || width % heads !== 0) c.refuse('the heads do not divide the width', '[N, L, heads · D] with q_num_heads and kv_num_heads', `[${x.shape.join(', ')}]`);
  return transpose(c.b, reshape(c.b, x, [n, length, heads, width / heads]), [0, 2, 1, 3]);
}

/** Each head of keys or values serves `times` heads of queries. */
function repeatHeads(c: CompoundCall, x: Value, times: number): Value {
  if (times === 1) return x;
  const [n, heads, length, width] = x.shape as [number, number, number, number];
  const spread = c.b.op('Expand', [reshape(c.b, x, [n, heads, 1, length, width]), c.b.ints([n, heads, times, length, width])]);
  return reshape(c.b, spread, [n, heads * times, length, width]);
}

/** Softmax of the last axis; a row that a mask closes completely gives zeros, and so does its gradient. */
function maskedSoftmax(c: CompoundCall, scores: Value): Value {
  if (!c.has(3)) return softmax(c.b, scores);
  const closed = c.b.op('Equal', [reduceMax(c.b, scores, [3], true), c.b.scalar(-Infinity)]);
  const zero = c.b.scalar(0);
  return c.b.op('Where', [closed, zero, softmax(c.b, c.b.op('Where', [closed, zero, scores]))]);
}

export function attention(c: CompoundCall): Value[] {
  c.atMost(6, 3);
  if (c.number('left_window_size', -1) >= 0 || c.number('right_window_size', -1) >= 0) c.refuse('a sliding window is not supported', 'no window', 'left_window_size or right_window_size');
  const b = c.b;
  const query = split(c, c.input(0), c.number('q_num_heads', 0));
  const now = [1, 2].map((i) => split(c, c.input(i), c.number('kv_num_heads', 0))) as [Value, Value];
  const [keys, values] = now.map((value, i) => (c.has(4 + i) ? concat(b, [c.input(4 + i), value], 2) : value)) as [Value, Value];
  const [, heads, length, width] = query.shape as [number, number, number, number];
  const times = heads / (keys.shape[1] as number);
  if (!Number.isInteger(times)) c.refuse('the heads of queries and keys do not fit', `a multiple of ${keys.shape[1]}`, String(heads));
  const scale = c.number('scale', 1 / Math.sqrt(width));
  let scores = matMul(b, mul(b, query, scale), transpose(b, repeatHeads(c, keys, times), [0, 1, 3, 2]));
  const cap = c.number('softcap', 0);
  if (cap > 0) scores = mul(b, tanh(b, mul(b, scores, 1 / cap)), cap);
  const total = scores.shape[3] as number;
  const never = b.scalar(-Infinity);
  if (c.number('is_causal', 0) === 1) {
    const past = c.has(4) ? (c.input(4).shape[2] as number) : 0;
    scores = b.op('Where', [truths(c, [length, total], (row, column) => column <= row + past), scores, never]);
  }
  if (c.has(3)) {
    const mask = c.input(3);
    scores = mask.dtype === 'bool' ? b.op('Where', [mask, scores, never]) : add(b, scores, mask);
  }
  const mixed = matMul(b, maskedSoftmax(c, scores), repeatHeads(c, values, times)); // [N, heads, L, D]
  const outputs = c.input(0).shape.length === 4
    ? c.end('Identity', [mixed])
    : c.end('Reshape', [transpose(b, mixed, [0, 2, 1, 3]), b.ints([mixed.shape[0] as number, length, heads * (mixed.shape[3] as number)])]);
  return [...outputs, ...[keys, values].flatMap((value, i) => (c.outputs[i + 1] === undefined ? [] : c.end('Identity', [value], {}, i + 1)))];
}

/** Pairs (a, b) of the first `rotary_embedding_dim` features turned by an angle: (a cos - b sin, a sin + b cos). */
export function rotaryEmbedding(c: CompoundCall): Value[] {
  const b = c.b;
  const whole = c.input(0);
  const x = split(c, whole, c.number('num_heads', 0));
  const [n, heads, length, width] = x.shape as [number, number, number, number];
  const turned = c.number('rotary_embedding_dim', 0) || width;
  const interleaved = c.number('interleaved', 0) === 1;
  const angle = (index: number): Value => {
    const cache = c.has(3) ? b.op('Gather', [c.input(index), c.input(3)], { axis: 0 }) : c.input(index); // [N, L, turned / 2]
    return reshape(b, cache, [n, 1, length, turned / 2]);
  };
  const [cos, sin] = [angle(1), angle(2)];
  const front = turned === width ? x : slice(b, x, [0], [turned], [3]);
  const half = turned / 2;
  const pairs = reshape(b, front, interleaved ? [n, heads, length, half, 2] : [n, heads, length, 2, half]);
  const axis = interleaved ? 4 : 3;
  const part = (i: number): Value => reshape(b, slice(b, pairs, [i], [i + 1], [axis]), [n, heads, length, half]);
  const [real, imaginary] = [part(0), part(1)];
  const rotated = [sub(b, mul(b, real, cos), mul(b, imaginary, sin)), add(b, mul(b, real, sin), mul(b, imaginary, cos))];
  const lifted = rotated.map((value) => reshape(b, value, interleaved ? [n, heads, length, half, 1] : [n, heads, length, 1, half]));
  const joined = reshape(b, concat(b, lifted, axis), [n, heads, length, turned]);
  const result = turned === width ? joined : concat(b, [joined, slice(b, x, [turned], [width], [3])], 3);
  if (whole.shape.length === 4) return c.end('Identity', [result]);
  return c.end('Reshape', [transpose(b, result, [0, 2, 1, 3]), b.ints([n, length, sizeOf([heads, width])])]);
}
