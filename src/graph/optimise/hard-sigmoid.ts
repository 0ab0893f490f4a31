/**
 * clip(x + 3, 0, 6) / 6 is the hard sigmoid, which ONNX Runtime computes in one pass and inside its convolution layout; x · clip(x + 3, 0, 6) / 6, the
 * hard swish of MobileNet-V3, is x times it. Source: Howard et al., Searching for MobileNetV3, 2019, section 5.2.
 */
import { mul } from '../layers.js';
import type { Value } from '../ir.js';
import { sameShape } from '../ops/broadcast.js';
import { scalarOf } from './constants.js';
import type { Made, Site } from './rewriting.js';

const RANGE = 6;
const OFFSET = 3;

export function matchHardSigmoid(site: Site): Value | undefined {
  const divided = sixth(site);
  if (divided?.dtype !== 'float32') return undefined;
  const direct = clipped(site, site.producer(divided));
  if (direct !== undefined) return sameShape(direct.shape, site.output.shape) ? hardSigmoid(site, direct, site.output.name) : undefined;
  const product = site.producer(divided);
  if (product?.op !== 'Mul') return undefined;
  for (const [x, gate] of [product.inputs, [...product.inputs].reverse()]) {
    const inner = clipped(site, site.producer(gate));
    if (x !== undefined && inner?.name === x.name && sameShape(x.shape, site.output.shape)) return mul(site.emit, x, hardSigmoid(site, x), site.output.name);
  }
  return undefined;
}

/** v of v / 6 and v · (1/6). */
function sixth(site: Site): Value | undefined {
  const [left, right] = site.inputs;
  if (site.op === 'Div' && scalarOf(site.constant(right)) === RANGE) return left;
  if (site.op !== 'Mul') return undefined;
  for (const [value, factor] of [[left, right], [right, left]]) if (scalarOf(site.constant(factor)) === Math.fround(1 / RANGE)) return value;
  return undefined;
}

/** x of clip(x + 3, 0, 6). */
function clipped(site: Site, clip: Made | undefined): Value | undefined {
  if (clip?.op !== 'Clip' || scalarOf(site.constant(clip.inputs[1])) !== 0 || scalarOf(site.constant(clip.inputs[2])) !== RANGE) return undefined;
  const sum = site.producer(clip.inputs[0]);
  if (sum?.op !== 'Add') return undefined;
  const [left, right] = sum.inputs;
  return scalarOf(site.constant(right)) === OFFSET ? left : scalarOf(site.constant(left)) === OFFSET ? right : undefined;
}

function hardSigmoid(site: Site, x: Value, name?: string): Value {
  return site.emit.op('HardSigmoid', [x], { alpha: 1 / RANGE, beta: 0.5 }, name);
}
