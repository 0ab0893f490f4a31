/** Folding rules that move elements: what exporters do with shapes, index tables and masks. */
import { sizeOf } from '../../core/tensor.js';
import type { Shape } from '../../core/tensor.js';
import { broadcastShapes } from '../ops/broadcast.js';
import { resolveCuts } from '../ops/slicing.js';
import { axesIn, axisIn, flatOf, indexOf, listOf, rearranged, spread } from './fold-rule.js';
import type { FoldRule, Numbers } from './fold-rule.js';

function withShape(x: Numbers, shape: Shape): readonly Numbers[] | undefined {
  return sizeOf(shape) === x.data.length ? [{ ...x, shape }] : undefined;
}

export const arrangementRules: Readonly<Record<string, FoldRule>> = {
  Identity: ({ inputs: [x] }) => x && [x],

  Size: ({ inputs: [x] }) => x && [{ dtype: 'int64', shape: [], data: [x.data.length] }],

  Concat: ({ inputs, attributes, most }) => {
    const [first] = inputs;
    const axis = first && axisIn(attributes['axis'] as number, first.shape.length);
    if (first === undefined || axis === undefined || inputs.some((x) => x?.shape.length !== first.shape.length || x.shape.some((extent, at) => at !== axis && extent !== first.shape[at]))) return undefined;
    const parts = inputs as readonly Numbers[];
    const shape = first.shape.map((extent, at) => (at === axis ? parts.reduce((sum, x) => sum + (x.shape[axis] as number), 0) : extent));
    if (sizeOf(shape) > most) return undefined;
    const blocks = sizeOf(first.shape.slice(0, axis));
    const lengths = parts.map((x) => x.data.length / Math.max(1, blocks));
    const data = Array.from({ length: blocks }, (_, block) => parts.flatMap((x, i) => x.data.slice(block * (lengths[i] as number), (block + 1) * (lengths[i] as number)))).flat();
    return [{ dtype: first.dtype, shape, data }];
  },

  Split: (call) => {
    const [x] = call.inputs;
    const axis = x && axisIn((call.attributes['axis'] as number | undefined) ?? 0, x.shape.length);
    if (x === undefined || axis === undefined) return undefined;
    const extent = x.shape[axis] as number;
    const chunk = Math.ceil(extent / call.outputs);
    const lengths = listOf(call, 'split', 1) ?? Array.from({ length: call.outputs }, (_, i) => Math.max(0, Math.min(chunk, extent - i * chunk)));
    if (lengths.length !== call.outputs || lengths.reduce((sum, length) => sum + length, 0) !== extent || lengths.some((length) => length < 0)) return undefined;
    let start = 0;
    return lengths.map((length) => {
      const from = start;
      start += length;
      return rearranged(x, x.shape.map((e, at) => (at === axis ? length : e)), (index) => index.map((i, at) => (at === axis ? i + from : i)));
    });
  },

  Gather: ({ inputs: [x, indices], attributes, most }) => {
    const axis = x && axisIn((attributes['axis'] as number | undefined) ?? 0, x.shape.length);
    if (x === undefined || indices === undefined || axis === undefined) return undefined;
    const extent = x.shape[axis] as number;
    const at = indices.data.map((i) => (i < 0 ? i + extent : i));
    const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
    if (at.some((i) => i < 0 || i >= extent) || sizeOf(shape) > most) return undefined;
    const rank = indices.shape.length;
    return [rearranged(x, shape, (index) => [...index.slice(0, axis), at[flatOf(index.slice(axis, axis + rank), indices.shape)] as number, ...index.slice(axis + rank)])];
  },

  Slice: ({ inputs: [x, starts, ends, axes, steps] }) => {
    if (x === undefined || starts === undefined || ends === undefined) return undefined;
    const named = axesIn(axes?.data ?? starts.data.map((_, i) => i), x.shape.length);
    if (named === undefined || steps?.data.includes(0) === true) return undefined;
    const cuts = resolveCuts(x.shape, starts.data, ends.data, named, steps?.data ?? starts.data.map(() => 1));
    return [rearranged(x, cuts.map((cut) => cut.length), (index) => index.map((i, axis) => (cuts[axis]?.start ?? 0) + i * (cuts[axis]?.step ?? 1)))];
  },

  Transpose: ({ inputs: [x], attributes }) => {
    if (x === undefined) return undefined;
    const order = (attributes['perm'] as readonly number[] | undefined) ?? x.shape.map((_, axis) => axis).reverse();
    if (order.length !== x.shape.length || new Set(order).size !== order.length || order.some((axis) => x.shape[axis] === undefined)) return undefined;
    return [rearranged(x, order.map((axis) => x.shape[axis] as number), (index) => x.shape.map((_, axis) => index[order.indexOf(axis)] ?? 0))];
  },

  Squeeze: (call) => {
    const [x] = call.inputs;
    const axes = x && axesIn(listOf(call, 'axes', 1) ?? x.shape.flatMap((extent, axis) => (extent === 1 ? [axis] : [])), x.shape.length);
    return x === undefined || axes === undefined ? undefined : withShape(x, x.shape.filter((_, axis) => !axes.includes(axis)));
  },

  Unsqueeze: (call) => {
    const [x] = call.inputs;
    const given = listOf(call, 'axes', 1);
    const axes = x && given && axesIn(given, x.shape.length + given.length);
    if (x === undefined || axes === undefined || new Set(axes).size !== axes.length) return undefined;
    const rest = [...x.shape];
    return withShape(x, Array.from({ length: x.shape.length + axes.length }, (_, axis) => (axes.includes(axis) ? 1 : (rest.shift() as number))));
  },

  Reshape: ({ inputs: [x, target], attributes }) => {
    if (x === undefined || target === undefined) return undefined;
    const wanted = target.data.map((extent, axis) => (extent === 0 && attributes['allowzero'] !== 1 ? (x.shape[axis] ?? 0) : extent));
    const rest = wanted.filter((extent) => extent !== -1).reduce((product, extent) => product * extent, 1);
    const shape = wanted.map((extent) => (extent === -1 ? x.data.length / rest : extent));
    return shape.every((extent) => Number.isInteger(extent) && extent >= 0) ? withShape(x, shape) : undefined;
  },

  Flatten: ({ inputs: [x], attributes }) => {
    const given = (attributes['axis'] as number | undefined) ?? 1;
    const axis = x && (given < 0 ? given + x.shape.length : given);
    return x === undefined || axis === undefined || axis < 0 || axis > x.shape.length ? undefined : withShape(x, [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))]);
  },

  Expand: ({ inputs: [x, target], most }) => {
    const shape = x && target && broadcastShapes(x.shape, target.data);
    return x === undefined || shape === undefined || sizeOf(shape) > most ? undefined : [spread(x, shape)];
  },

  Tile: ({ inputs: [x, repeats], most }) => {
    if (x === undefined || repeats?.data.length !== x.shape.length) return undefined;
    const shape = x.shape.map((extent, axis) => extent * (repeats.data[axis] as number));
    return sizeOf(shape) > most ? undefined : [rearranged(x, shape, (index) => index.map((i, axis) => i % (x.shape[axis] as number)))];
  },

  Trilu: ({ inputs: [x, k], attributes }) => {
    if (x === undefined || x.shape.length < 2) return undefined;
    const offset = k?.data[0] ?? 0;
    const upper = attributes['upper'] !== 0;
    const data = x.data.map((value, flat) => {
      const [row, column] = indexOf(flat, x.shape).slice(-2) as [number, number];
      return (upper ? column - row >= offset : column - row <= offset) ? value : 0;
    });
    return [{ ...x, data }];
  },

  ScatterND: ({ inputs: [x, indices, updates], attributes }) => {
    const depth = indices?.shape.at(-1);
    if (x === undefined || indices === undefined || updates === undefined || depth === undefined || depth > x.shape.length || (attributes['reduction'] ?? 'none') !== 'none') return undefined;
    const block = sizeOf(x.shape.slice(depth));
    const data = [...x.data];
    const rows = indices.data.length / Math.max(1, depth);
    if (updates.data.length !== rows * block) return undefined;
    for (let row = 0; row < rows; row += 1) {
      const index = positionsIn(indices.data.slice(row * depth, (row + 1) * depth), x.shape);
      if (index === undefined) return undefined;
      const start = flatOf(index, x.shape.slice(0, depth)) * block;
      for (let i = 0; i < block; i += 1) data[start + i] = updates.data[row * block + i] as number;
    }
    return [{ ...x, data }];
  },
};

/** Positions along the leading axes, negative ones counted from the end. */
function positionsIn(index: readonly number[], shape: Shape): number[] | undefined {
  const positions = index.map((i, axis) => axisIn(i, shape[axis] as number));
  return positions.some((i) => i === undefined) ? undefined : (positions as number[]);
}
