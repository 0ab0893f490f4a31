/**
 * Layer normalisation as exporters before opset 17 spell it out, (x - mean) / sqrt(mean((x - mean)²) + e) · scale + bias, as the one operator. Its gradient
 * then is short as well. The three rules follow one another: the normalised value, its scale, its bias.
 */
import type { Tensor } from '../../core/tensor.js';
import type { Value } from '../ir.js';
import { sameShape } from '../ops/broadcast.js';
import { numbersOf, scalarOf } from './constants.js';
import type { Made, Site } from './rewriting.js';

/** d / sqrt(mean(d²) + e) or d · 1/sqrt(…), d = x - mean(x), means over the last axes. */
export function matchLayerNormalization(site: Site): Value | undefined {
  const parts = site.output.dtype === 'float32' ? quotient(site) : undefined;
  if (parts === undefined) return undefined;
  const centred = site.producer(parts.centred);
  const root = site.producer(parts.deviation);
  const sum = root?.op === 'Sqrt' ? site.producer(root.inputs[0]) : undefined;
  if (centred === undefined || sum?.op !== 'Add') return undefined;
  const x = centre(site, centred);
  const { variance, epsilon } = withEpsilon(site, sum);
  if (x === undefined || epsilon === undefined || !sameShape(x.shape, site.output.shape)) return undefined;
  const mean = meanOver(site, variance);
  const squared = mean && square(site, mean.of);
  const square0 = squared && site.producer(squared);
  // exporters may compute the difference twice
  if (mean === undefined || square0 === undefined || centre(site, square0)?.name !== x.name || mean.axes.join() !== meanOver(site, centred.inputs[1])?.axes.join()) return undefined;
  const rank = x.shape.length;
  const axis = rank - mean.axes.length;
  if (!mean.axes.every((at, i) => at === axis + i)) return undefined;
  const tail = x.shape.slice(axis);
  const ones = new Float32Array(tail.reduce((product, extent) => product * extent, 1)).fill(1);
  return site.emit.op('LayerNormalization', [x, site.emit.floats(tail, ones)], { axis: axis - rank, epsilon }, site.output.name);
}

function quotient(site: Site): { readonly centred: Value; readonly deviation: Value } | undefined {
  const [left, right] = site.inputs;
  if (left === undefined || right === undefined) return undefined;
  if (site.op === 'Div') return { centred: left, deviation: right };
  if (site.op !== 'Mul') return undefined;
  for (const [centred, inverse] of [[left, right], [right, left]] as const) {
    const made = site.producer(inverse);
    const [first, second] = made?.inputs ?? [];
    if (made?.op === 'Reciprocal' && first !== undefined) return { centred, deviation: first };
    if (made?.op === 'Div' && scalarOf(site.constant(first)) === 1 && second !== undefined) return { centred, deviation: second };
  }
  return undefined;
}

/** x of x - mean(x). */
function centre(site: Site, difference: Made): Value | undefined {
  const [x, mean] = difference.inputs;
  return difference.op === 'Sub' && x !== undefined && meanOver(site, mean)?.of.name === x.name ? x : undefined;
}

function meanOver(site: Site, value: Value | undefined): { readonly of: Value; readonly axes: readonly number[] } | undefined {
  const made = site.producer(value);
  const [of] = made?.inputs ?? [];
  const axes = made?.op === 'ReduceMean' && (made.attributes['keepdims'] ?? 1) === 1 ? numbersOf(site.constant(made.inputs[1])) : undefined;
  if (of === undefined || axes === undefined) return undefined;
  return { of, axes: axes.map((axis) => (axis < 0 ? axis + of.shape.length : axis)).sort((a, b) => a - b) };
}

/** d of d² or d · d. */
function square(site: Site, value: Value): Value | undefined {
  const made = site.producer(value);
  const [left, right] = made?.inputs ?? [];
  if (made?.op === 'Pow') return scalarOf(site.constant(right)) === 2 ? left : undefined;
  return made?.op === 'Mul' && left?.name === right?.name ? left : undefined;
}

function withEpsilon(site: Site, sum: Made): { readonly variance: Value | undefined; readonly epsilon: number | undefined } {
  const [left, right] = sum.inputs;
  const epsilon = scalarOf(site.constant(right));
  return epsilon === undefined ? { variance: right, epsilon: scalarOf(site.constant(left)) } : { variance: left, epsilon };
}

/** LayerNormalization with scale 1 and no bias, times a constant of the normalised axes. */
export function takeScale(site: Site): Value | undefined {
  const found = site.op === 'Mul' ? besideNorm(site) : undefined;
  if (found === undefined || found.norm.inputs[2] !== undefined || !(site.constant(found.norm.inputs[1])?.data as Float32Array | undefined)?.every((x) => x === 1)) return undefined;
  return site.emit.op('LayerNormalization', [found.norm.inputs[0], found.constant], found.norm.attributes, site.output.name);
}

/** LayerNormalization without bias, plus a constant of the normalised axes. */
export function takeBias(site: Site): Value | undefined {
  const found = site.op === 'Add' ? besideNorm(site) : undefined;
  if (found === undefined || found.norm.inputs[2] !== undefined) return undefined;
  return site.emit.op('LayerNormalization', [found.norm.inputs[0], found.norm.inputs[1], found.constant], found.norm.attributes, site.output.name);
}

function besideNorm(site: Site): { readonly norm: Made; readonly constant: Value } | undefined {
  const [left, right] = site.inputs;
  for (const [value, other] of [[left, right], [right, left]]) {
    const norm = site.producer(value);
    const constant: Tensor | undefined = site.constant(other);
    if (norm?.op !== 'LayerNormalization' || value === undefined || other === undefined || constant === undefined || !site.onlyHere(value)) continue;
    if (sameShape(constant.shape, norm.inputs[1]?.shape ?? [])) return { norm, constant: other };
  }
  return undefined;
}
