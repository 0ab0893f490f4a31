/**
 * A naive evaluator of graphs in float64: the oracle for shape rules, for ONNX Runtime's forward results and, by central differences, for
 * gradient rules. It is total over the operators and shares no arithmetic with src: every operator is written from ONNX's specification as
 * plain loops over indices. Integers and truth values are held as float64 too. Clarity before speed; meant for tensors of a few hundred elements.
 */
import type { AttributeValue, Graph } from '../../src/graph/ir.js';
import type { OpType } from '../../src/graph/ops/op-types.js';
import { SELECTION_RULES } from './reference-selection.js';
import { convolve, pool, resizeLastAxes, transposedConvolution } from './reference-windows.js';

export interface Plain {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}
export type Attributes = Readonly<Record<string, AttributeValue>>;
export type Rule = (inputs: readonly (Plain | undefined)[], attributes: Attributes, outputCount: number) => Plain[];

export function plain(shape: readonly number[], data: ArrayLike<number | bigint>): Plain {
  return { shape, data: Float64Array.from(data as ArrayLike<number>, Number) };
}

export function count(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** With the sign of the divisor; x itself where the divisor is infinite and of its sign. */
function floorMod(x: number, y: number): number {
  const rest = x % y;
  return rest === 0 || rest < 0 === y < 0 ? rest : rest + y;
}

/** Multi-index of a flat position. */
export function unravel(flat: number, shape: readonly number[]): number[] {
  const index = new Array<number>(shape.length);
  let rest = flat;
  for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
    index[axis] = rest % (shape[axis] as number);
    rest = Math.floor(rest / (shape[axis] as number));
  }
  return index;
}

export function ravel(index: readonly number[], shape: readonly number[]): number {
  return index.reduce((flat, at, axis) => flat * (shape[axis] as number) + at, 0);
}

/** A tensor from a function of its multi-index. */
export function fill(shape: readonly number[], value: (index: number[], flat: number) => number): Plain {
  return { shape: [...shape], data: Float64Array.from({ length: count(shape) }, (_, flat) => value(unravel(flat, shape), flat)) };
}

export function at(x: Plain, index: readonly number[]): number {
  return x.data[ravel(index, x.shape)] as number;
}

/** Element of x for an index of a shape that x broadcasts to. */
function broadcastAt(x: Plain, index: readonly number[]): number {
  const own = index.slice(index.length - x.shape.length).map((i, axis) => (x.shape[axis] === 1 ? 0 : i));
  return at(x, own);
}

function commonShape(tensors: readonly Plain[]): number[] {
  const rank = Math.max(...tensors.map((t) => t.shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const extents = tensors.map((t) => t.shape[axis - rank + t.shape.length] ?? 1);
    return extents.includes(0) ? 0 : Math.max(...extents);
  });
}

const unary = (f: (x: number, a: (name: string, fallback: number) => number) => number): Rule => ([x], attributes) => {
  const attribute = (name: string, fallback: number): number => (attributes[name] as number | undefined) ?? fallback;
  return [fill((x as Plain).shape, (_, flat) => f((x as Plain).data[flat] as number, attribute))];
};

const nary = (f: (...values: number[]) => number): Rule => (inputs) => {
  const tensors = inputs as Plain[];
  return [fill(commonShape(tensors), (index) => f(...tensors.map((t) => broadcastAt(t, index))))];
};

export const list = (x: Plain | undefined): number[] => Array.from((x as Plain).data);
export const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);
export const number = (attributes: Attributes, name: string, fallback: number): number => (attributes[name] as number | undefined) ?? fallback;

/** f over all elements that fall together when the axes are dropped. */
const reduction = (f: (values: number[]) => number): Rule => ([x, axesInput], attributes) => {
  const { shape, data } = x as Plain;
  const given = axesInput === undefined ? [] : list(axesInput);
  const axes = new Set(given.length === 0 && number(attributes, 'noop_with_empty_axes', 0) === 0 ? shape.map((_, axis) => axis) : given.map((axis) => axisOf(axis, shape.length)));
  const kept = shape.map((extent, axis) => (axes.has(axis) ? 1 : extent));
  const groups = Array.from({ length: count(kept) }, (): number[] => []);
  data.forEach((value, flat) => groups[ravel(unravel(flat, shape).map((i, axis) => (axes.has(axis) ? 0 : i)), kept)]?.push(value));
  return [plain(number(attributes, 'keepdims', 1) ? kept : kept.filter((_, axis) => !axes.has(axis)), groups.map(f))];
};

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const logSumExp = (values: readonly number[]): number => {
  const top = Math.max(...values);
  return top + Math.log(sum(values.map((value) => Math.exp(value - top))));
};

function softmax(x: Plain, axis: number, log: boolean): Plain {
  const line = (index: readonly number[]): number[] => Array.from({ length: x.shape[axis] as number }, (_, i) => at(x, index.map((own, a) => (a === axis ? i : own))));
  return fill(x.shape, (index) => (log ? at(x, index) - logSumExp(line(index)) : Math.exp(at(x, index) - logSumExp(line(index)))));
}

/** Abramowitz and Stegun 7.1.5: the series of erf, which converges everywhere and is exact to rounding for the |x| < 4 of the tests. */
function erf(x: number): number {
  let term = x;
  let total = x;
  for (let n = 1; n < 200; n += 1) {
    term *= (-x * x) / n;
    total += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * total;
}

const reshaped = (x: Plain, shape: readonly number[]): Plain => ({ shape, data: x.data });

function transpose(x: Plain, perm: readonly number[]): Plain {
  return fill(perm.map((axis) => x.shape[axis] as number), (index) => {
    const source: number[] = [];
    perm.forEach((axis, position) => (source[axis] = index[position] as number));
    return at(x, source);
  });
}

function matMul(a: Plain, b: Plain): Plain {
  const left = a.shape.length === 1 ? reshaped(a, [1, ...a.shape]) : a;
  const right = b.shape.length === 1 ? reshaped(b, [...b.shape, 1]) : b;
  const inner = left.shape.at(-1) as number;
  const batch = commonShape([plain(left.shape.slice(0, -2), []), plain(right.shape.slice(0, -2), [])].map((t) => ({ ...t })));
  const product = fill([...batch, left.shape.at(-2) as number, right.shape.at(-1) as number], (index) => {
    const [row, column] = index.slice(-2) as [number, number];
    const lead = index.slice(0, -2);
    return sum(Array.from({ length: inner }, (_, k) => broadcastAt(left, [...lead, row, k]) * broadcastAt(right, [...lead, k, column])));
  });
  const shape = [...batch, ...(a.shape.length === 1 ? [] : [left.shape.at(-2) as number]), ...(b.shape.length === 1 ? [] : [right.shape.at(-1) as number])];
  return reshaped(product, shape);
}

/** What stands at a place after an update, by the `reduction` of the Scatter operators. */
function combined(old: number, update: number, attributes: Attributes): number {
  const ways: Readonly<Record<string, number>> = { none: update, add: old + update, mul: old * update, max: Math.max(old, update), min: Math.min(old, update) };
  return ways[(attributes['reduction'] as string | undefined) ?? 'none'] as number;
}

function scatterElements([data, indices, updates]: readonly Plain[], attributes: Attributes): Plain {
  const { shape } = data as Plain;
  const result = Float64Array.from((data as Plain).data);
  const axis = axisOf(number(attributes, 'axis', 0), shape.length);
  (updates as Plain).data.forEach((value, flat) => {
    const index = unravel(flat, (updates as Plain).shape);
    index[axis] = axisOf((indices as Plain).data[flat] as number, shape[axis] as number);
    const target = ravel(index, shape);
    result[target] = combined(result[target] as number, value, attributes);
  });
  return { shape, data: result };
}

function padSource(position: number, extent: number, mode: string): number | undefined {
  if (position >= 0 && position < extent) return position;
  if (mode === 'constant') return undefined;
  if (mode === 'edge') return Math.min(Math.max(position, 0), extent - 1);
  return position < 0 ? -position : 2 * (extent - 1) - position;
}

const RULES: { readonly [O in OpType]: Rule } = {
  Conv: ([x, w, bias], attributes) => [convolve(x as Plain, w as Plain, bias, attributes)],
  ConvTranspose: ([x, w, bias], attributes) => [transposedConvolution(x as Plain, w as Plain, bias, attributes)],
  MaxPool: ([x], attributes, outputs) => pool(x as Plain, attributes, 'max').slice(0, outputs),
  AveragePool: ([x], attributes) => pool(x as Plain, attributes, 'mean').slice(0, 1),
  GlobalAveragePool: ([x]) => RULES.ReduceMean([x, plain([(x as Plain).shape.length - 2], (x as Plain).shape.slice(2).map((_, i) => i + 2))], { keepdims: 1 }, 1),
  MaxUnpool: ([x, indices, shape]) => {
    const data = new Float64Array(count(list(shape)));
    (x as Plain).data.forEach((value, i) => (data[(indices as Plain).data[i] as number] = value));
    return [{ shape: list(shape), data }];
  },

  Relu: unary((x) => Math.max(x, 0)),
  LeakyRelu: unary((x, a) => (x < 0 ? a('alpha', 0.01) * x : x)),
  Sigmoid: unary((x) => 1 / (1 + Math.exp(-x))),
  HardSigmoid: unary((x, a) => Math.max(0, Math.min(1, a('alpha', 0.2) * x + a('beta', 0.5)))),
  Tanh: unary((x) => Math.tanh(x)),
  Softplus: unary((x) => Math.log(1 + Math.exp(x))),
  Clip: ([x, low, high]) => [fill((x as Plain).shape, (_, i) => Math.min(Math.max((x as Plain).data[i] as number, low?.data[0] ?? -Infinity), high?.data[0] ?? Infinity))],
  Exp: unary((x) => Math.exp(x)),
  Log: unary((x) => Math.log(x)),
  Sqrt: unary((x) => Math.sqrt(x)),
  Erf: unary(erf),
  Abs: unary((x) => Math.abs(x)),
  Neg: unary((x) => -x),
  Reciprocal: unary((x) => 1 / x),
  Sign: unary((x) => Math.sign(x)),
  Sin: unary((x) => Math.sin(x)),
  Cos: unary((x) => Math.cos(x)),
  Tan: unary((x) => Math.tan(x)),
  Asin: unary((x) => Math.asin(x)),
  Acos: unary((x) => Math.acos(x)),
  Atan: unary((x) => Math.atan(x)),
  Sinh: unary((x) => Math.sinh(x)),
  Cosh: unary((x) => Math.cosh(x)),
  Asinh: unary((x) => Math.asinh(x)),
  Acosh: unary((x) => Math.acosh(x)),
  Atanh: unary((x) => Math.atanh(x)),
  Elu: unary((x, a) => (x > 0 ? x : a('alpha', 1) * Math.expm1(x))),
  Gelu: ([x], attributes) => {
    const tanh = attributes['approximate'] === 'tanh';
    return [fill((x as Plain).shape, (_, i) => {
      const v = (x as Plain).data[i] as number;
      return 0.5 * v * (1 + (tanh ? Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)) : erf(v / Math.SQRT2)));
    })];
  },
  Floor: unary((x) => Math.floor(x)),
  Ceil: unary((x) => Math.ceil(x)),
  Round: unary((x) => (Math.abs(x - Math.trunc(x)) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x))),
  IsNaN: unary((x) => Number(Number.isNaN(x))),
  IsInf: unary((x, a) => Number((x === Infinity && a('detect_positive', 1) === 1) || (x === -Infinity && a('detect_negative', 1) === 1))),

  Add: nary((x, y) => (x as number) + (y as number)),
  Sub: nary((x, y) => (x as number) - (y as number)),
  Mul: nary((x, y) => (x as number) * (y as number)),
  Div: nary((x, y) => (x as number) / (y as number)),
  Pow: nary((x, y) => (x as number) ** (y as number)),
  Max: nary((...values) => Math.max(...values)),
  Min: nary((...values) => Math.min(...values)),
  Where: nary((condition, x, y) => (condition ? x : y) as number),
  Greater: nary((x, y) => Number((x as number) > (y as number))),
  GreaterOrEqual: nary((x, y) => Number((x as number) >= (y as number))),
  Less: nary((x, y) => Number((x as number) < (y as number))),
  LessOrEqual: nary((x, y) => Number((x as number) <= (y as number))),
  Equal: nary((x, y) => Number(x === y)),
  And: nary((x, y) => Number(Boolean(x) && Boolean(y))),
  Or: nary((x, y) => Number(Boolean(x) || Boolean(y))),
  Not: unary((x) => Number(!x)),
  Xor: nary((x, y) => Number(Boolean(x) !== Boolean(y))),
  Mod: ([x, y], attributes) => nary((a, b) => (attributes['fmod'] === 1 ? (a as number) % (b as number) : floorMod(a as number, b as number)))([x, y], {}, 1),
  PRelu: nary((x, slope) => ((x as number) > 0 ? (x as number) : (slope as number) * (x as number))),

  MatMul: ([a, b]) => [matMul(a as Plain, b as Plain)],
  Gemm: ([a, b, c], attributes) => {
    const left = number(attributes, 'transA', 0) ? transpose(a as Plain, [1, 0]) : (a as Plain);
    const right = number(attributes, 'transB', 0) ? transpose(b as Plain, [1, 0]) : (b as Plain);
    const product = matMul(left, right);
    return [fill(product.shape, (index) => number(attributes, 'alpha', 1) * at(product, index) + (c === undefined ? 0 : number(attributes, 'beta', 1) * broadcastAt(c, index)))];
  },

  ReduceSum: reduction(sum),
  ReduceMean: reduction((values) => sum(values) / values.length),
  ReduceMax: reduction((values) => Math.max(...values)),
  ReduceMin: reduction((values) => Math.min(...values)),
  ReduceL2: reduction((values) => Math.sqrt(sum(values.map((value) => value * value)))),
  ReduceSumSquare: reduction((values) => sum(values.map((value) => value * value))),
  ReduceLogSumExp: reduction(logSumExp),
  ReduceProd: reduction((values) => values.reduce((total, value) => total * value, 1)),
  Softmax: ([x], attributes) => [softmax(x as Plain, axisOf(number(attributes, 'axis', -1), (x as Plain).shape.length), false)],
  LogSoftmax: ([x], attributes) => [softmax(x as Plain, axisOf(number(attributes, 'axis', -1), (x as Plain).shape.length), true)],

  BatchNormalization: ([x, scale, shift, mean, variance], attributes) => [
    fill((x as Plain).shape, (index, flat) => {
      const c = index[1] as number;
      const [s, b, m, v] = [scale, shift, mean, variance].map((t) => (t as Plain).data[c] as number) as [number, number, number, number];
      return (s * (((x as Plain).data[flat] as number) - m)) / Math.sqrt(v + number(attributes, 'epsilon', 1e-5)) + b;
    }),
  ],
  LayerNormalization: ([x, scale, shift], attributes, outputs) => {
    const { shape } = x as Plain;
    const axis = axisOf(number(attributes, 'axis', -1), shape.length);
    const axes = plain([shape.length - axis], shape.slice(axis).map((_, i) => axis + i));
    const mean = RULES.ReduceMean([x, axes], {}, 1)[0] as Plain;
    const centred = RULES.Sub([x, mean], {}, 1)[0] as Plain;
    const variance = RULES.ReduceMean([RULES.Mul([centred, centred], {}, 1)[0], axes], {}, 1)[0] as Plain;
    const inverse = fill(variance.shape, (_, i) => 1 / Math.sqrt((variance.data[i] as number) + number(attributes, 'epsilon', 1e-5)));
    const y = fill(shape, (index) => at(centred, index) * broadcastAt(inverse, index) * broadcastAt(scale as Plain, index) + (shift === undefined ? 0 : broadcastAt(shift, index)));
    return [y, mean, inverse].slice(0, outputs);
  },

  Identity: ([x]) => [x as Plain],
  Cast: ([x], attributes) => {
    const integer = ![1, 11].includes(attributes['to'] as number);
    return [fill((x as Plain).shape, (_, i) => (attributes['to'] === 9 ? Number(x?.data[i] !== 0) : integer ? Math.trunc(x?.data[i] as number) : (x?.data[i] as number)))];
  },
  Reshape: ([x, target], attributes) => {
    const wanted = list(target).map((extent, axis) => (extent === 0 && number(attributes, 'allowzero', 0) === 0 ? ((x as Plain).shape[axis] as number) : extent));
    const rest = wanted.filter((extent) => extent !== -1).reduce((product, extent) => product * extent, 1);
    return [reshaped(x as Plain, wanted.map((extent) => (extent === -1 ? (x as Plain).data.length / rest : extent)))];
  },
  Flatten: ([x], attributes) => {
    const { shape } = x as Plain;
    const axis = number(attributes, 'axis', 1);
    const cut = axis < 0 ? axis + shape.length : axis;
    return [reshaped(x as Plain, [count(shape.slice(0, cut)), count(shape.slice(cut))])];
  },
  Squeeze: ([x, axes]) => {
    const { shape } = x as Plain;
    const dropped = axes === undefined ? shape.flatMap((extent, axis) => (extent === 1 ? [axis] : [])) : list(axes).map((axis) => axisOf(axis, shape.length));
    return [reshaped(x as Plain, shape.filter((_, axis) => !dropped.includes(axis)))];
  },
  Unsqueeze: ([x, axes]) => {
    const rank = (x as Plain).shape.length + list(axes).length;
    const added = list(axes).map((axis) => axisOf(axis, rank));
    const rest = [...(x as Plain).shape];
    return [reshaped(x as Plain, Array.from({ length: rank }, (_, axis) => (added.includes(axis) ? 1 : (rest.shift() as number))))];
  },
  Transpose: ([x], attributes) => [transpose(x as Plain, (attributes['perm'] as number[] | undefined) ?? (x as Plain).shape.map((_, axis) => axis).reverse())],
  Concat: (inputs, attributes) => {
    const tensors = inputs as Plain[];
    const axis = axisOf(attributes['axis'] as number, (tensors[0] as Plain).shape.length);
    const owners = tensors.flatMap((t, owner) => Array.from({ length: t.shape[axis] as number }, (_, position) => [owner, position] as const));
    const shape = (tensors[0] as Plain).shape.map((extent, a) => (a === axis ? owners.length : extent));
    return [
      fill(shape, (index) => {
        const [owner, position] = owners[index[axis] as number] as readonly [number, number];
        return at(tensors[owner] as Plain, index.map((i, a) => (a === axis ? position : i)));
      }),
    ];
  },
  Split: ([x, lengths], attributes, outputs) => {
    const { shape } = x as Plain;
    const axis = axisOf(number(attributes, 'axis', 0), shape.length);
    const chunk = Math.ceil((shape[axis] as number) / outputs);
    const sizes = lengths === undefined ? Array.from({ length: outputs }, (_, i) => Math.min(chunk, (shape[axis] as number) - i * chunk)) : list(lengths);
    let start = 0;
    return sizes.map((size) => {
      const from = start;
      start += size;
      return fill(shape.map((extent, a) => (a === axis ? size : extent)), (index) => at(x as Plain, index.map((i, a) => (a === axis ? i + from : i))));
    });
  },
  Slice: ([x, starts, ends, axesInput, stepsInput]) => {
    const { shape } = x as Plain;
    const axes = axesInput === undefined ? list(starts).map((_, i) => i) : list(axesInput).map((axis) => axisOf(axis, shape.length));
    const positions = shape.map((extent) => Array.from({ length: extent }, (_, i) => i));
    axes.forEach((axis, i) => {
      const extent = shape[axis] as number;
      const step = stepsInput === undefined ? 1 : (list(stepsInput)[i] as number);
      const place = (raw: number): number => (raw < 0 ? raw + extent : raw);
      const [start, end] = [place(list(starts)[i] as number), place(list(ends)[i] as number)];
      const kept: number[] = [];
      if (step > 0) for (let p = Math.max(start, 0); p < Math.min(end, extent); p += step) kept.push(p);
      else for (let p = Math.min(Math.max(start, 0), extent - 1); p > Math.max(end, -1); p += step) kept.push(p);
      positions[axis] = kept;
    });
    return [fill(positions.map((kept) => kept.length), (index) => at(x as Plain, index.map((i, axis) => positions[axis]?.[i] as number)))];
  },
  Pad: ([x, pads, value, axesInput], attributes) => {
    const { shape } = x as Plain;
    const axes = axesInput === undefined ? shape.map((_, axis) => axis) : list(axesInput).map((axis) => axisOf(axis, shape.length));
    const begins = shape.map((_, axis) => (axes.includes(axis) ? (list(pads)[axes.indexOf(axis)] as number) : 0));
    const ends = shape.map((_, axis) => (axes.includes(axis) ? (list(pads)[axes.length + axes.indexOf(axis)] as number) : 0));
    const mode = (attributes['mode'] as string | undefined) ?? 'constant';
    return [
      fill(shape.map((extent, axis) => extent + (begins[axis] as number) + (ends[axis] as number)), (index) => {
        const source = index.map((i, axis) => padSource(i - (begins[axis] as number), shape[axis] as number, mode));
        return source.includes(undefined) ? (value?.data[0] ?? 0) : at(x as Plain, source as number[]);
      }),
    ];
  },
  Expand: ([x, target]) => [fill(commonShape([x as Plain, plain(list(target), [])]), (index) => broadcastAt(x as Plain, index))],
  Tile: ([x, repeats]) => [fill((x as Plain).shape.map((extent, axis) => extent * (list(repeats)[axis] as number)), (index) => at(x as Plain, index.map((i, axis) => i % ((x as Plain).shape[axis] as number))))],
  DepthToSpace: ([x], attributes) => {
    const [n, channels, height, width] = (x as Plain).shape as [number, number, number, number];
    const s = attributes['blocksize'] as number;
    const depth = channels / (s * s);
    return [
      fill([n, depth, height * s, width * s], (index) => {
        const [image, c, row, column] = index as [number, number, number, number];
        const offset = (row % s) * s + (column % s);
        const channel = attributes['mode'] === 'CRD' ? c * s * s + offset : offset * depth + c;
        return at(x as Plain, [image, channel, Math.floor(row / s), Math.floor(column / s)]);
      }),
    ];
  },
  Resize: ([x, , scales, sizes], attributes) => [resizeLastAxes(x as Plain, scales, sizes, attributes)],

  Gather: ([x, indices], attributes) => {
    const { shape } = x as Plain;
    const axis = axisOf(number(attributes, 'axis', 0), shape.length);
    const depth = (indices as Plain).shape.length;
    return [
      fill([...shape.slice(0, axis), ...(indices as Plain).shape, ...shape.slice(axis + 1)], (index) => {
        const picked = axisOf(at(indices as Plain, index.slice(axis, axis + depth)), shape[axis] as number);
        return at(x as Plain, [...index.slice(0, axis), picked, ...index.slice(axis + depth)]);
      }),
    ];
  },
  GatherElements: ([x, indices], attributes) => {
    const { shape } = x as Plain;
    const axis = axisOf(number(attributes, 'axis', 0), shape.length);
    return [fill((indices as Plain).shape, (index) => at(x as Plain, index.map((i, a) => (a === axis ? axisOf(at(indices as Plain, index), shape[axis] as number) : i))))];
  },
  ...SELECTION_RULES,
  ScatterElements: (inputs, attributes) => [scatterElements(inputs as Plain[], attributes)],
  ScatterND: ([data, indices, updates], attributes) => {
    const result = Float64Array.from((data as Plain).data);
    const lead = (indices as Plain).shape.slice(0, -1);
    (updates as Plain).data.forEach((value, flat) => {
      const index = unravel(flat, (updates as Plain).shape);
      const depth = (indices as Plain).shape.at(-1) as number;
      const target = Array.from({ length: depth }, (_, k) => axisOf(at(indices as Plain, [...index.slice(0, lead.length), k]), (data as Plain).shape[k] as number));
      const position = ravel([...target, ...index.slice(lead.length)], (data as Plain).shape);
      result[position] = combined(result[position] as number, value, attributes);
    });
    return [{ shape: (data as Plain).shape, data: result }];
  },
};

/** Evaluates every node; returns all values by name. Fails if a shape differs from what the graph says. */
export function evaluate(graph: Graph, feeds: Readonly<Record<string, Plain>>): Map<string, Plain> {
  const values = new Map<string, Plain>();
  for (const [name, constant] of graph.initializers) values.set(name, plain(constant.shape, constant.data));
  for (const { name } of graph.inputs) values.set(name, feeds[name] as Plain);
  for (const node of graph.nodes) {
    const results = RULES[node.op as OpType](node.inputs.map((name) => (name === '' ? undefined : values.get(name))), node.attributes, node.outputs.length);
    node.outputs.forEach((name, i) => {
      const integer = !['float32', 'float64', undefined].includes(graph.values.get(name)?.dtype);
      const found = integer ? { shape: (results[i] as Plain).shape, data: (results[i] as Plain).data.map(Math.trunc) } : (results[i] as Plain);
      const inferred = graph.values.get(name)?.shape.join();
      if (found.shape.join() !== inferred) throw new Error(`shape rule of ${node.op}: inferred [${inferred}], computed [${found.shape.join()}] for ${JSON.stringify(node.attributes)}`);
      values.set(name, found);
    });
  }
  return values;
}
