/**
 * Resize, axis by axis, each as a static linear map: nearest picks rows, linear and cubic are products with the matrix of ONNX's definition.
 *
 * Output i lies at input coordinate u(i): half_pixel (i + 1/2)/s - 1/2, pytorch_half_pixel the same but 0 for a single sample, asymmetric i/s,
 * align_corners i (n-1)/(m-1); s = output/input scale. Linear weighs by the triangle 1 - |t|, cubic by Keys' kernel; samples outside repeat the
 * border, or are left out (exclude_outside). Other coordinate modes and antialiasing are refused.
 */
import { operandAt } from '../kernel.js';
import type { Kernel, NodePlan } from '../kernel.js';
import { placeOf } from '../operand.js';
import type { T, Tf } from '../tf.js';
import { product } from './windows.js';

interface AxisRule {
  readonly axis: number;
  readonly from: number;
  readonly to: number;
  readonly scale: number;
}

const COORDINATES = ['half_pixel', 'pytorch_half_pixel', 'asymmetric', 'align_corners'];

function rulesOf(node: NodePlan): AxisRule[] {
  const { shape } = node.input(0);
  const target = node.output().shape;
  const scales = node.constant(2);
  node.constant(1);
  node.constant(3);
  const axes = node.ints('axes')?.map((axis) => node.axis(axis, shape.length)) ?? shape.map((_, axis) => axis);
  return axes.flatMap((axis, i) => {
    const [from, to] = [shape[axis] as number, target[axis] as number];
    const scale = scales === undefined || scales.data.length === 0 ? to / from : Number(scales.data[i]);
    return from === to && scale === 1 ? [] : [{ axis, from, to, scale }];
  });
}

function coordinate(i: number, { from, to, scale }: AxisRule, mode: string): number {
  if (mode === 'asymmetric') return i / scale;
  if (mode === 'align_corners') return to === 1 ? 0 : (i * (from - 1)) / (to - 1);
  if (mode === 'pytorch_half_pixel' && to === 1) return 0;
  return (i + 0.5) / scale - 0.5;
}

const ROUND: Readonly<Record<string, (u: number) => number>> = {
  floor: Math.floor,
  ceil: Math.ceil,
  round_prefer_floor: (u) => Math.ceil(u - 0.5),
  round_prefer_ceil: (u) => Math.floor(u + 0.5),
};

/** Weight of a sample at distance t. */
function weight(t: number, mode: string, a: number): number {
  const d = Math.abs(t);
  if (mode === 'linear') return Math.max(0, 1 - d);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}

/** [to, from], rows sum to 1. */
function matrixOf(node: NodePlan, rule: AxisRule, mode: string): Float32Array {
  const [coordinates, a, exclude] = [node.text('coordinate_transformation_mode', 'half_pixel'), node.int('cubic_coeff_a', -0.75), node.int('exclude_outside', 0) === 1];
  const radius = mode === 'linear' ? 1 : 2;
  const matrix = new Float32Array(rule.to * rule.from);
  for (let i = 0; i < rule.to; i += 1) {
    const u = coordinate(i, rule, coordinates);
    const row = new Float64Array(rule.from);
    for (let p = Math.ceil(u - radius); p <= Math.floor(u + radius); p += 1) {
      const place = Math.min(Math.max(p, 0), rule.from - 1);
      if (!exclude || place === p) row[place] = (row[place] as number) + weight(p - u, mode, a);
    }
    const total = row.reduce((sum, w) => sum + w, 0);
    matrix.set(row.map((w) => w / total), i * rule.from);
  }
  return matrix;
}

/** matrix [to, from] along one axis of x. */
function alongAxis(tf: Tf, x: T, axis: number, matrix: T, to: number): T {
  const [before, after] = [x.shape.slice(0, axis), x.shape.slice(axis + 1)];
  const from = x.shape[axis] as number;
  const shape = [...before, to, ...after];
  if (product(after) === 1) return tf.reshape(tf.matMul(tf.reshape(x, [-1, from]) as never, matrix as never, false, true), shape);
  return tf.reshape(tf.matMul(tf.reshape(matrix, [1, to, from]), tf.reshape(x, [product(before), from, product(after)])), shape);
}

export const resizeKernels = {
  Resize: (node) => {
    const { tf } = node;
    const rank = node.rank();
    const mode = node.text('mode', 'nearest');
    const coordinates = node.text('coordinate_transformation_mode', 'half_pixel');
    if (!COORDINATES.includes(coordinates)) node.refuse('its coordinates', COORDINATES.join(', '), coordinates);
    if (node.int('antialias', 0) !== 0) node.refuse('antialiased resampling', 'antialias 0', '1');
    const round = ROUND[node.text('nearest_mode', 'round_prefer_floor')] as (u: number) => number;
    const steps = rulesOf(node).map((rule) => {
      if (mode !== 'nearest') {
        const matrix = node.keep(() => tf.tensor2d(matrixOf(node, rule, mode), [rule.to, rule.from]));
        return { axis: rule.axis, apply: (x: T, axis: number) => alongAxis(tf, x, axis, matrix, rule.to) };
      }
      const rows = node.keep(() => tf.tensor1d(Array.from({ length: rule.to }, (_, i) => Math.min(Math.max(round(coordinate(i, rule, coordinates)), 0), rule.from - 1)), 'int32'));
      return { axis: rule.axis, apply: (x: T, axis: number) => tf.gather(x, rows as never, axis) };
    });
    return (inputs) => {
      const { tensor, last } = operandAt(inputs, 0).either();
      return [{ tensor: steps.reduce((x, { axis, apply }) => apply(x, placeOf(axis, rank, last)), tensor), last }];
    };
  },
} satisfies Record<string, Kernel>;
