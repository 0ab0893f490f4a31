/** Activations and powers in terms of those of the table. Equations are those of the ONNX specification. */
import { abs, add, cast, div, mul, sub, tanh } from '../../layers.js';
import { DATA_TYPE } from '../schema.js';
import type { CompoundRule } from './call.js';

export const activationCompounds: Readonly<Record<string, CompoundRule>> = {
  /** x max(0, min(1, x/6 + 1/2)) */
  HardSwish: (c) => c.end('Mul', [c.input(0), c.b.op('HardSigmoid', [c.input(0)], { alpha: 1 / 6, beta: 0.5 })]),
  /** The power is taken in the type of its base; of an integer base with a real exponent it is cut to an integer. */
  Pow: (c) => {
    const [x, y] = [c.input(0), c.input(1)];
    if (x.dtype === y.dtype) return c.again({});
    if (x.dtype.startsWith('float') || !y.dtype.startsWith('float')) return c.end('Pow', [x, cast(c.b, y, x.dtype)]);
    return c.end('Cast', [c.b.op('Pow', [cast(c.b, x, y.dtype), y])], { to: DATA_TYPE[x.dtype] });
  },
  /** x sigmoid(alpha x) */
  Swish: (c) => {
    const alpha = c.number('alpha', 1);
    return c.end('Mul', [c.input(0), c.b.op('Sigmoid', [alpha === 1 ? c.input(0) : mul(c.b, c.input(0), alpha)])]);
  },
  /** x tanh(log(1 + e^x)) */
  Mish: (c) => c.end('Mul', [c.input(0), tanh(c.b, c.b.op('Softplus', [c.input(0)]))]),
  /** gamma x where x > 0, else gamma alpha (e^x - 1) */
  Selu: (c) => {
    const elu = c.b.op('Elu', [c.input(0)], { alpha: c.number('alpha', 1.6732632423543772) });
    return c.end('Mul', [elu, c.b.scalar(c.number('gamma', 1.0507009873554805))]);
  },
  /** x where x > 0, else alpha (e^(x/alpha) - 1) */
  Celu: (c) => {
    const alpha = c.number('alpha', 1);
    return c.end('Mul', [c.b.op('Elu', [div(c.b, c.input(0), alpha)]), c.b.scalar(alpha)]);
  },
  /** x where x > alpha, else 0 */
  ThresholdedRelu: (c) => {
    const x = c.input(0);
    return c.end('Where', [c.b.op('Greater', [x, c.b.scalar(c.number('alpha', 1), x.dtype)]), x, c.b.scalar(0, x.dtype)]);
  },
  /** x / (1 + |x|) */
  Softsign: (c) => c.end('Div', [c.input(0), add(c.b, abs(c.b, c.input(0)), 1)]),
  /** x + bias below -lambd, x - bias above lambd, else 0 */
  Shrink: (c) => {
    const x = c.input(0);
    const lambda = c.number('lambd', 0.5);
    const bias = c.number('bias', 0);
    const low = c.b.op('Less', [x, c.b.scalar(-lambda, x.dtype)]);
    const high = c.b.op('Greater', [x, c.b.scalar(lambda, x.dtype)]);
    const rest = c.b.op('Where', [high, sub(c.b, x, bias), c.b.scalar(0, x.dtype)]);
    return c.end('Where', [low, add(c.b, x, bias), rest]);
  },
  /** 1 at the first largest element of the axis, else 0; below opset 13 of everything from the axis on */
  Hardmax: (c) => {
    const x = c.input(0);
    const flat = c.opset < 13;
    const axis = c.axis(c.number('axis', flat ? 1 : -1), x.shape.length);
    const rows = flat && axis < x.shape.length - 1 ? c.b.op('Flatten', [x], { axis }) : x;
    const at = rows === x ? axis : 1;
    const winner = c.b.op('ArgMax', [rows], { axis: at, keepdims: 0 });
    const marks = rows.shape.length === 1 ? c.b.op('Reshape', [winner, c.b.ints([1])]) : winner;
    const hot = c.b.op('OneHot', [marks, c.b.scalar(rows.shape[at] as number, 'int64'), cast(c.b, c.b.floats([2], [0, 1]), x.dtype)], { axis: rows.shape.length === 1 ? -1 : at });
    return c.end('Reshape', [hot, c.b.ints(x.shape)]);
  },
};
