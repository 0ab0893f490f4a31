/**
 * Conv (cross-correlation) and ConvTranspose (its adjoint) with strides, padding, dilations and groups over any number of spatial axes.
 * x [N, C, …], Conv weights [O, C/group, …], ConvTranspose weights [C, O/group, …], bias [O].
 */
import { reduceSum } from '../layers.js';
import { int, ints } from './attributes.js';
import { convolutionInputGradient, convolutionWeightGradient } from './convolution-gradients.js';
import { describe, operator } from './operator.js';
import type { GradientContext, Operator, ShapeContext } from './operator.js';
import { padsOf, slidingExtents, windowAttributes, windowsOf } from './windows.js';

const convAttributes = { ...windowAttributes, group: int(1) } as const;
const transposeAttributes = { ...convAttributes, output_padding: ints(), output_shape: ints() } as const;

function checkOperands(c: ShapeContext<{ readonly group: number }>, channels: number, outputs: number): void {
  const [x, w] = [c.input(0), c.input(1)];
  const { group } = c.attributes;
  if (x.shape.length < 3) c.fail('the input has no spatial axis', '[N, C, …] with at least 3 axes', describe(x.shape));
  if (w.shape.length !== x.shape.length) c.fail('the weights have another rank than the input', `${x.shape.length} axes`, describe(w.shape));
  if (w.dtype !== x.dtype) c.fail('the weights have another dtype than the input', x.dtype, w.dtype);
  if (x.shape[1] !== channels) c.fail('the channels of the input do not fit the weights', String(channels), String(x.shape[1]));
  if (group < 1 || channels % group !== 0 || outputs % group !== 0) c.fail('group does not divide the channels', `a divisor of ${channels} and ${outputs}`, String(group));
  if (c.has(2)) {
    const [extent] = c.rank(2, 1);
    if (extent !== outputs) c.fail('the bias does not fit the weights', `[${outputs}]`, `[${extent}]`);
  }
}

function biasGradient(c: GradientContext<unknown>): ReturnType<typeof reduceSum> | undefined {
  if (!c.wants(2)) return undefined;
  return reduceSum(c.emit, c.dy, c.dy.shape.map((_, axis) => axis).filter((axis) => axis !== 1));
}

export const convolutionOperators = {
  Conv: operator({
    attributes: convAttributes,
    inputs: [2, 3],
    shape: (c) => {
      const [x, w] = [c.input(0), c.input(1)];
      const outputs = w.shape[0] ?? 0;
      checkOperands(c, (w.shape[1] ?? 0) * c.attributes.group, outputs);
      const spatial = x.shape.slice(2);
      const extents = slidingExtents(c, spatial, windowsOf(c, spatial, w.shape.slice(2)));
      return [{ dtype: x.dtype, shape: [x.shape[0] as number, outputs, ...extents] }];
    },
    gradient: (c) => {
      const [x, w] = [c.input(0), c.input(1)];
      const geometry = { ...windowsOf(c, x.shape.slice(2), w.shape.slice(2)), group: c.attributes.group };
      return [
        c.wants(0) ? convolutionInputGradient(c.emit, c.dy, w, x.shape, geometry) : undefined,
        c.wants(1) ? convolutionWeightGradient(c.emit, x, c.dy, w.shape, geometry) : undefined,
        biasGradient(c),
      ];
    },
  }),

  ConvTranspose: operator({
    attributes: transposeAttributes,
    inputs: [2, 3],
    shape: (c) => {
      const [x, w] = [c.input(0), c.input(1)];
      const outputs = (w.shape[1] ?? 0) * c.attributes.group;
      checkOperands(c, w.shape[0] ?? 0, outputs);
      if (c.attributes.output_shape !== undefined || c.attributes.auto_pad !== 'NOTSET') {
        c.fail('padding must be given by pads', 'pads and output_padding', c.attributes.output_shape !== undefined ? 'output_shape' : c.attributes.auto_pad);
      }
      const spatial = x.shape.slice(2);
      const g = windowsOf(c, spatial, w.shape.slice(2));
      const extents = spatial.map((extent, axis) => {
        const reach = (g.dilations[axis] as number) * ((g.kernel[axis] as number) - 1) + 1;
        return (extent - 1) * (g.strides[axis] as number) + reach + (c.attributes.output_padding?.[axis] ?? 0) - (g.begins[axis] as number) - (g.ends[axis] as number);
      });
      if (extents.some((extent) => extent < 1)) c.fail('the padding leaves no output', 'positive extents', describe(extents));
      return [{ dtype: x.dtype, shape: [x.shape[0] as number, outputs, ...extents] }];
    },
    gradient: (c) => {
      const [x, w] = [c.input(0), c.input(1)];
      const { group } = c.attributes;
      const geometry = { ...windowsOf(c, x.shape.slice(2), w.shape.slice(2)), group };
      const attributes = { kernel_shape: geometry.kernel, strides: geometry.strides, dilations: geometry.dilations, pads: padsOf(geometry), group };
      return [
        // the adjoint of the adjoint: an ordinary convolution with the same weights
        c.wants(0) ? c.emit.op('Conv', [c.dy, w], attributes) : undefined,
        c.wants(1) ? convolutionWeightGradient(c.emit, c.dy, x, w.shape, geometry) : undefined,
        biasGradient(c),
      ];
    },
  }),
} satisfies Record<string, Operator>;
