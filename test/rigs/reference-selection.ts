/** The reference evaluator's operators that select, sort or accumulate along an axis. */
import type { OpType } from '../../src/graph/ops/op-types.js';
import { at, axisOf, fill, list, number } from './reference-evaluator.js';
import type { Plain, Rule } from './reference-evaluator.js';

/** Elements along `axis` through the place `index`. */
function line(x: Plain, index: readonly number[], axis: number): number[] {
  return Array.from({ length: x.shape[axis] as number }, (_, i) => at(x, index.map((own, a) => (a === axis ? i : own))));
}

/** Positions of a line in order of preference; a stable sort keeps the first of equals first. */
function order(values: readonly number[], largest: boolean): number[] {
  return values.map((_, i) => i).sort((a, b) => (largest ? 1 : -1) * ((values[b] as number) - (values[a] as number)));
}

const position = (largest: boolean): Rule => ([x], attributes) => {
  const { shape } = x as Plain;
  const axis = axisOf(number(attributes, 'axis', 0), shape.length);
  const kept = fill(shape.map((extent, a) => (a === axis ? 1 : extent)), (index) => {
    const values = line(x as Plain, index, axis);
    const best = largest ? Math.max(...values) : Math.min(...values);
    return number(attributes, 'select_last_index', 0) ? values.lastIndexOf(best) : values.indexOf(best);
  });
  return [number(attributes, 'keepdims', 1) ? kept : { shape: shape.filter((_, a) => a !== axis), data: kept.data }];
};

export const SELECTION_RULES = {
  ArgMax: position(true),
  ArgMin: position(false),
  TopK: ([x, k], attributes) => {
    const { shape } = x as Plain;
    const axis = axisOf(number(attributes, 'axis', -1), shape.length);
    const picked = shape.map((extent, a) => (a === axis ? (list(k)[0] as number) : extent));
    const indices = fill(picked, (index) => order(line(x as Plain, index, axis), number(attributes, 'largest', 1) === 1)[index[axis] as number] as number);
    return [fill(picked, (index, flat) => line(x as Plain, index, axis)[indices.data[flat] as number] as number), indices];
  },
  OneHot: ([indices, depth, values], attributes) => {
    const { shape } = indices as Plain;
    const axis = axisOf(number(attributes, 'axis', -1), shape.length + 1);
    const [extent] = list(depth) as [number];
    const [off, on] = list(values) as [number, number];
    return [fill([...shape.slice(0, axis), extent, ...shape.slice(axis)], (index) => {
      const wanted = at(indices as Plain, index.filter((_, a) => a !== axis));
      return (wanted < 0 ? wanted + extent : wanted) === index[axis] ? on : off;
    })];
  },
  CumSum: ([x, axisInput], attributes) => {
    const { shape } = x as Plain;
    const axis = axisOf(list(axisInput)[0] as number, shape.length);
    const reverse = number(attributes, 'reverse', 0) === 1;
    const exclusive = number(attributes, 'exclusive', 0) === 1;
    return [fill(shape, (index) => {
      const here = index[axis] as number;
      const counted = line(x as Plain, index, axis).filter((_, i) => (reverse ? i > here : i < here) || (!exclusive && i === here));
      return counted.reduce((total, value) => total + value, 0);
    })];
  },
  GatherND: ([x, indices], attributes) => {
    const { shape } = x as Plain;
    const batch = number(attributes, 'batch_dims', 0);
    const lead = (indices as Plain).shape.slice(0, -1);
    const depth = (indices as Plain).shape.at(-1) as number;
    return [fill([...lead, ...shape.slice(batch + depth)], (index) => {
      const named = Array.from({ length: depth }, (_, k) => axisOf(at(indices as Plain, [...index.slice(0, lead.length), k]), shape[batch + k] as number));
      return at(x as Plain, [...index.slice(0, batch), ...named, ...index.slice(lead.length)]);
    })];
  },
} satisfies Partial<Record<OpType, Rule>>;
