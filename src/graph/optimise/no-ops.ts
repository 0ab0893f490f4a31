/** Nodes that hand on what they are given: Identity, Cast to the same type, Reshape and its kind to the same shape, Transpose in order, Pad by nothing, Expand to the same shape. */
import { sameShape } from '../ops/broadcast.js';
import type { Site } from './rewriting.js';
import type { Value } from '../ir.js';

export function dropNoOps(site: Site): Value | undefined {
  const [x] = site.inputs;
  if (x === undefined || x.dtype !== site.output.dtype || !sameShape(x.shape, site.output.shape)) return undefined;
  switch (site.op) {
    case 'Identity':
    case 'Cast':
    case 'Reshape':
    case 'Flatten':
    case 'Squeeze':
    case 'Unsqueeze':
    case 'Expand':
      return x;
    case 'Transpose':
      return isOrdered(site, x) ? x : undefined;
    case 'Pad': {
      const pads = site.constant(site.inputs[1]);
      return pads !== undefined && Array.from(pads.data as BigInt64Array).every((pad) => pad === 0n) ? x : undefined;
    }
    default:
      return undefined;
  }
}

/** Axes that hold one element may move freely: the rest must stay in order. */
function isOrdered(site: Site, x: Value): boolean {
  const order = (site.attributes['perm'] as readonly number[] | undefined) ?? x.shape.map((_, axis) => x.shape.length - 1 - axis);
  const long = order.filter((axis) => x.shape[axis] !== 1);
  return long.every((axis, i) => i === 0 || (long[i - 1] as number) < axis);
}
