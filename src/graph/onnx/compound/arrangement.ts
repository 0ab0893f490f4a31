/** Rearrangements in terms of reshapes, transpositions and gathers by constant positions. */
import { sizeOf } from '../../../core/tensor.js';
import type { Tensor } from '../../../core/tensor.js';
import type { Value } from '../../ir.js';
import { reshape, slice, transpose } from '../../layers.js';
import { DATA_TYPE, DTYPE_OF, heldAs } from '../schema.js';
import type { CompoundCall, CompoundRule } from './call.js';

function ints(c: CompoundCall, shape: readonly number[], values: readonly number[]): Value {
  return c.b.constant({ dtype: 'int64', shape, data: BigInt64Array.from(values, BigInt) });
}

/** Rows `positions` of one axis. */
export function pick(c: CompoundCall, x: Value, axis: number, positions: readonly number[]): Value {
  return c.b.op('Gather', [x, ints(c, [positions.length], positions)], { axis });
}

/** A truth value for every element of a matrix of the given extents. */
export function truths(c: CompoundCall, shape: readonly [number, number], keep: (row: number, column: number) => boolean): Value {
  const [rows, columns] = shape;
  const data = Uint8Array.from({ length: rows * columns }, (_, i) => Number(keep(Math.floor(i / columns), i % columns)));
  return c.b.constant({ dtype: 'bool', shape, data });
}

export const arrangementCompounds: Readonly<Record<string, CompoundRule>> = {
  /** [N, C, H, W] -> [N, block² C, H/block, W/block], the offset before the channel */
  SpaceToDepth: (c) => {
    const x = c.input(0);
    const [n, channels, height, width] = x.shape as [number, number, number, number];
    const s = c.number('blocksize', 0);
    if (x.shape.length !== 4 || s < 1 || height % s !== 0 || width % s !== 0) c.refuse('the image does not divide into blocks', `[N, C, H, W] with multiples of ${s}`, `[${x.shape.join(', ')}]`);
    const blocks = reshape(c.b, x, [n, channels, height / s, s, width / s, s]);
    const moved = c.text('mode', 'DCR') === 'CRD' ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4];
    return c.end('Reshape', [transpose(c.b, blocks, moved), c.b.ints([n, channels * s * s, height / s, width / s])]);
  },

  /** zero below (or above) the k-th diagonal of the last two axes */
  Trilu: (c) => {
    const x = c.input(0);
    const k = c.has(1) ? (c.numbers(1)[0] ?? 0) : 0;
    const upper = c.number('upper', 1) === 1;
    const mask = truths(c, x.shape.slice(-2) as [number, number], (row, column) => (upper ? column - row >= k : column - row <= k));
    return c.end('Where', [mask, x, c.b.scalar(0, x.dtype)]);
  },

  /** Wrapping around is a gather; the other modes are ours. */
  Pad: (c) => {
    if (c.text('mode', 'constant') !== 'wrap') return c.again(c.node.attributes);
    const x = c.input(0);
    const given = c.numbers(1);
    const axes = c.has(3) ? c.numbers(3).map((axis) => c.axis(axis, x.shape.length)) : x.shape.map((_, axis) => axis);
    let value = x;
    axes.forEach((axis, i) => {
      const extent = x.shape[axis] as number;
      const [begin, end] = [given[i] ?? 0, given[i + axes.length] ?? 0];
      if (begin === 0 && end === 0) return;
      value = pick(c, value, axis, Array.from({ length: extent + begin + end }, (_, row) => (((row - begin) % extent) + extent) % extent));
    });
    return c.end('Identity', [value]);
  },

  /** Equal parts are written as a number of them. */
  Split: (c) => {
    const lengths = c.list('split');
    const axis = { axis: c.number('axis', 0) };
    if (lengths !== undefined) return c.again(axis, [c.input(0), c.b.ints(lengths)]);
    return c.has(1) ? c.again(axis) : c.again({ ...axis, num_outputs: c.node.outputs.length });
  },

  EyeLike: (c) => {
    const x = c.input(0);
    const dtype = heldAs(c.number('dtype', DATA_TYPE[x.dtype])) ?? c.refuse('the element type is not one that we hold', [...DTYPE_OF.values()].join(', '), `data type ${c.number('dtype', 0)}`);
    const eye = truths(c, x.shape.slice(-2) as [number, number], (row, column) => column - row === c.number('k', 0));
    return c.end('Cast', [eye], { to: DATA_TYPE[dtype] });
  },

  /** Centre of each axis, cut or padded with zeros to the wanted extents. */
  CenterCropPad: (c) => {
    const x = c.input(0);
    const wanted = c.numbers(1);
    const axes = (c.list('axes') ?? x.shape.map((_, axis) => axis)).map((axis) => c.axis(axis, x.shape.length));
    const begins = x.shape.map(() => 0);
    const ends = x.shape.map(() => 0);
    let value = x;
    axes.forEach((axis, i) => {
      const missing = (wanted[i] as number) - (x.shape[axis] as number);
      if (missing < 0) value = slice(c.b, value, [Math.floor(-missing / 2)], [Math.floor(-missing / 2) + (wanted[i] as number)], [axis]);
      else [begins[axis], ends[axis]] = [Math.floor(missing / 2), Math.ceil(missing / 2)];
    });
    return c.end('Pad', [value, c.b.ints([...begins, ...ends])]);
  },

  /** The first lengths[n] rows of each sequence in reverse order; lengths are constants. */
  ReverseSequence: (c) => {
    const x = c.input(0);
    const [batch, time] = [c.number('batch_axis', 1), c.number('time_axis', 0)];
    const lengths = c.numbers(1);
    const positions = x.shape.map((extent, axis) => (axis === batch || axis === time ? extent : 1));
    const index = Array.from({ length: sizeOf(positions) }, (_, flat) => {
      const [n, t] = batch < time ? [Math.floor(flat / (x.shape[time] as number)), flat % (x.shape[time] as number)] : [flat % (x.shape[batch] as number), Math.floor(flat / (x.shape[batch] as number))];
      const length = lengths[n] as number;
      return t < length ? length - 1 - t : t;
    });
    const spread = c.b.op('Expand', [ints(c, positions, index), c.b.ints(x.shape)]);
    return c.end('GatherElements', [x, spread], { axis: time });
  },

  /** Rows that a constant condition selects. */
  Compress: (c) => {
    const x = c.input(0);
    const condition: Tensor = c.constant(1);
    const kept = Array.from(condition.data as ArrayLike<number | bigint>, Number).flatMap((yes, i) => (yes === 0 ? [] : [i]));
    const given = c.node.attributes['axis'] as number | undefined;
    const source = given === undefined ? reshape(c.b, x, [-1]) : x;
    return c.end('Gather', [source, ints(c, [kept.length], kept)], { axis: given === undefined ? 0 : c.axis(given, x.shape.length) });
  },
};
