/**
 * For every operator, an arbitrary of test cases: shapes and attributes drawn by fast-check, values by a seeded generator. Total over OpType,
 * so an operator without a test does not compile.
 */
import fc from 'fast-check';
import type { Arbitrary } from 'fast-check';
import type { DType } from '../../src/core/tensor.js';
import type { Attributes } from '../../src/graph/emitter.js';
import type { GraphBuilder } from '../../src/graph/builder.js';
import type { Value } from '../../src/graph/ir.js';
import type { OpType } from '../../src/graph/ops/op-types.js';

/** How the values of an input are drawn. */
/** `unit` is (-0.9, 0.9), `special` mixes infinities and NaN with numbers, `sparse` holds zeros, `halves` are multiples of 1/2. */
export type Domain = 'real' | 'positive' | 'unit' | 'special' | 'sparse' | 'halves' | 'bool' | { readonly below: number } | { readonly distinctBelow: number };

export interface Port {
  readonly shape: readonly number[];
  readonly domain?: Domain;
}
export interface Case {
  readonly ports: readonly Port[];
  /** a setting whose gradient is refused by name */
  readonly refused?: boolean;
  /** the value(s) under test */
  emit(b: GraphBuilder, values: readonly Value[]): Value[];
}

export function dtypeOf(domain: Domain | undefined): DType {
  return domain === 'bool' ? 'bool' : typeof domain === 'object' ? 'int64' : 'float32';
}

const extent = fc.integer({ min: 1, max: 4 });
const shape = (min = 0, max = 4): Arbitrary<number[]> => fc.array(extent, { minLength: min, maxLength: max });
const two = <T>(value: Arbitrary<T>): Arbitrary<[T, T]> => fc.tuple(value, value);

/** A shape that broadcasts with the given one. */
const partner = (whole: readonly number[]): Arbitrary<number[]> =>
  fc.tuple(fc.integer({ min: 0, max: whole.length }), fc.array(fc.boolean(), { minLength: whole.length, maxLength: whole.length })).map(([dropped, ones]) => whole.map((e, i) => (ones[i] === true ? 1 : e)).slice(dropped));
const pair = shape().chain((whole) => fc.tuple(partner(whole), partner(whole)));

const simple = (op: OpType, ports: readonly Port[], attributes: Attributes = {}): Case => ({ ports, emit: (b, values) => [b.op(op, values, attributes)] });
const unary = (op: OpType, domain: Domain = 'real', attributes: Arbitrary<Attributes> = fc.constant({})): Arbitrary<Case> => fc.tuple(shape(), attributes).map(([s, a]) => simple(op, [{ shape: s, domain }], a));
const binary = (op: OpType, domain: Domain = 'real'): Arbitrary<Case> => pair.map(([a, b]) => simple(op, [{ shape: a, domain }, { shape: b, domain }]));
const axisOf = (s: readonly number[]): Arbitrary<number> => fc.integer({ min: -s.length, max: s.length - 1 });

const reduction = (op: OpType): Arbitrary<Case> =>
  shape(1, 4).chain((s) =>
    fc.tuple(fc.option(fc.uniqueArray(fc.nat(s.length - 1), { minLength: 1 })), fc.boolean()).map(([axes, keep]): Case => ({
      ports: [{ shape: s }],
      emit: (b, [x]) => [b.op(op, axes === null ? [x] : [x, b.ints(axes)], { keepdims: keep ? 1 : 0 })],
    })),
  );

interface Windowed {
  readonly n: number;
  readonly kernel: [number, number];
  readonly strides: [number, number];
  readonly dilations: [number, number];
  readonly pads: [number, number, number, number];
  readonly size: [number, number];
}
/** Spatial geometry whose padded input holds the dilated kernel. */
const windowed = (maxKernel: number, dilated: boolean): Arbitrary<Windowed> =>
  fc
    .record({
      n: fc.integer({ min: 1, max: 2 }),
      kernel: two(fc.integer({ min: 1, max: maxKernel })),
      strides: two(fc.integer({ min: 1, max: 3 })),
      dilations: dilated ? two(fc.integer({ min: 1, max: 2 })) : fc.constant<[number, number]>([1, 1]),
      pads: fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(2)),
      size: two(fc.integer({ min: 3, max: 7 })),
    })
    .filter(({ kernel, dilations, pads, size }) => [0, 1].every((i) => (dilations[i] as number) * ((kernel[i] as number) - 1) + 1 <= (size[i] as number) + (pads[i] as number) + (pads[i + 2] as number)));

const channels = fc.record({ group: fc.integer({ min: 1, max: 3 }), inPerGroup: fc.integer({ min: 1, max: 5 }), outPerGroup: fc.integer({ min: 1, max: 3 }), bias: fc.boolean() });

const conv: Arbitrary<Case> = fc.tuple(windowed(3, true), channels).map(([w, c]) => ({
  ports: [{ shape: [w.n, c.group * c.inPerGroup, ...w.size] }, { shape: [c.group * c.outPerGroup, c.inPerGroup, ...w.kernel] }, ...(c.bias ? [{ shape: [c.group * c.outPerGroup] }] : [])],
  emit: (b, values) => [b.op('Conv', values, { kernel_shape: w.kernel, strides: w.strides, dilations: w.dilations, pads: w.pads, group: c.group })],
}));

/** One and three spatial axes. */
const rankCase = (make: (rank: number, size: number[], n: number, options: { kernel: number[]; strides: number[]; pads: number[]; dilations: number[]; flag: boolean }) => Case): Arbitrary<Case> =>
  fc.constantFrom(1, 3).chain((rank) => {
    const each = (min: number, max: number): Arbitrary<number[]> => fc.array(fc.integer({ min, max }), { minLength: rank, maxLength: rank });
    return fc.record({ n: fc.integer({ min: 1, max: 2 }), size: each(4, rank === 1 ? 9 : 5), kernel: each(1, 3), strides: each(1, 2), begins: each(0, 1), ends: each(0, 1), dilations: each(1, 2), flag: fc.boolean() }).map((r) => {
      const dilations = r.dilations.map((d, i) => (d * ((r.kernel[i] as number) - 1) + 1 <= (r.size[i] as number) ? d : 1));
      const fit = (pads: number[]): number[] => pads.map((p, i) => Math.min(p, (r.kernel[i] as number) - 1));
      return make(rank, r.size, r.n, { kernel: r.kernel, strides: r.strides, pads: [...fit(r.begins), ...fit(r.ends)], dilations, flag: r.flag });
    });
  });
const rankConv = rankCase((_rank, size, n, { kernel, strides, pads, dilations, flag }) => {
  const group = flag ? 2 : 1;
  return simple('Conv', [{ shape: [n, 2 * group, ...size] }, { shape: [2 * group, 2, ...kernel] }, { shape: [2 * group] }], { kernel_shape: kernel, strides, pads, dilations, group });
});
const rankTransposed = rankCase((_rank, size, n, { kernel, strides, pads, dilations, flag }) => {
  const group = flag ? 2 : 1;
  return simple('ConvTranspose', [{ shape: [n, 2 * group, ...size] }, { shape: [2 * group, 2, ...kernel] }], { kernel_shape: kernel, strides, pads, dilations, group });
});
const rankPool = (op: 'MaxPool' | 'AveragePool'): Arbitrary<Case> =>
  rankCase((_rank, size, n, { kernel, strides, pads, dilations, flag }) => simple(op, [{ shape: [n, 2, ...size] }], { kernel_shape: kernel, strides, pads, ...(op === 'MaxPool' ? { dilations, ceil_mode: flag ? 1 : 0 } : { count_include_pad: flag ? 1 : 0 }) }));

const sameConv: Arbitrary<Case> = fc.tuple(windowed(3, false), fc.constantFrom('SAME_UPPER', 'SAME_LOWER', 'VALID')).map(([w, auto]) => ({
  ports: [{ shape: [w.n, 2, ...w.size] }, { shape: [3, 2, ...w.kernel] }],
  emit: (b, values) => [b.op('Conv', values, { strides: w.strides, auto_pad: auto })],
}));

const transposedConv: Arbitrary<Case> = fc
  .tuple(windowed(3, true), channels, two(fc.nat(1)))
  // ONNX asks output_padding to stay below the stride, and the padding must leave something
  .filter(([w, , extra]) => [0, 1].every((i) => (extra[i] as number) < (w.strides[i] as number) && ((w.size[i] as number) - 1) * (w.strides[i] as number) + (w.dilations[i] as number) * ((w.kernel[i] as number) - 1) + 1 + (extra[i] as number) > (w.pads[i] as number) + (w.pads[i + 2] as number)))
  .map(([w, c, extra]) => ({
    ports: [{ shape: [w.n, c.group * c.inPerGroup, ...w.size] }, { shape: [c.group * c.inPerGroup, c.outPerGroup, ...w.kernel] }, ...(c.bias ? [{ shape: [c.group * c.outPerGroup] }] : [])],
    emit: (b, values) => [b.op('ConvTranspose', values, { kernel_shape: w.kernel, strides: w.strides, dilations: w.dilations, pads: w.pads, group: c.group, output_padding: extra })],
  }));

/** Pools ask pads to be smaller than the kernel. */
const pooled = (op: 'MaxPool' | 'AveragePool'): Arbitrary<Case> =>
  fc
    .tuple(windowed(3, op === 'MaxPool'), fc.boolean(), fc.boolean(), fc.boolean())
    .map(([w, ceil, countPadding, tiled]): Case => {
      const pads = tiled ? [0, 0, 0, 0] : w.pads.map((p, i) => Math.min(p, (w.kernel[i % 2] as number) - 1));
      const attributes = { kernel_shape: w.kernel, strides: tiled ? w.kernel : w.strides, pads, ceil_mode: ceil ? 1 : 0 };
      const size = tiled ? w.size.map((e, i) => (ceil ? e + (w.kernel[i] as number) : (w.kernel[i] as number) * Math.ceil(e / 2))) : w.size.map((e, i) => e + (w.kernel[i] as number));
      const own: Attributes = op === 'MaxPool' ? { dilations: tiled ? [1, 1] : w.dilations } : { count_include_pad: countPadding && !ceil ? 1 : 0 };
      return simple(op, [{ shape: [w.n, 2, ...size] }], { ...attributes, ...own });
    });

const padCase: Arbitrary<Case> = fc.tuple(shape(1, 4), fc.constantFrom('constant', 'edge', 'reflect'), fc.array(fc.integer({ min: -1, max: 3 }), { minLength: 8, maxLength: 8 })).map(([s, mode, raw]) => {
  const sized = s.map((e) => e + 3);
  // ONNX Runtime refuses negative pads in its mirrored and repeated modes on some axes; cropping is tested with constants
  const pads = raw.slice(0, 2 * sized.length).map((p, i) => (mode === 'constant' ? p : Math.min(Math.max(p, 0), (sized[i % sized.length] as number) - 1)));
  return { ports: [{ shape: sized }], emit: (b, [x]) => [b.op('Pad', mode === 'constant' ? [x, b.ints(pads), b.scalar(0.5)] : [x, b.ints(pads)], { mode })] };
});

const resizeCase: Arbitrary<Case> = fc
  .tuple(
    fc.tuple(fc.integer({ min: 2, max: 5 }), fc.integer({ min: 2, max: 5 })),
    fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })),
    fc.constantFrom<[string, string]>(['nearest', 'asymmetric'], ['nearest', 'half_pixel'], ['linear', 'half_pixel'], ['linear', 'align_corners'], ['linear', 'asymmetric'], ['linear', 'pytorch_half_pixel'], ['cubic', 'half_pixel']),
    fc.boolean(),
  )
  .map(([size, target, [mode, coordinates], whole]): Case => {
    const attributes = { mode, coordinate_transformation_mode: coordinates, nearest_mode: 'floor' };
    const emit: Case['emit'] = whole
      ? (b, [x]) => [b.op('Resize', [x, undefined, b.floats([4], [1, 1, 2, 3])], { ...attributes, mode: 'nearest', coordinate_transformation_mode: 'asymmetric' })]
      : (b, [x]) => [b.op('Resize', [x, undefined, undefined, b.ints([2, 3, ...target])], attributes)];
    return { ports: [{ shape: [2, 3, ...size] }], emit };
  });

const matMul: Arbitrary<Case> = fc.tuple(pair, extent, extent, extent, fc.constantFrom('both', 'row', 'column', 'flat')).map(([[a, b], n, k, m, kind]) => {
  const left = kind === 'row' ? [k] : [...a, n, k];
  const right = kind === 'column' ? [k] : kind === 'flat' ? [k, m] : [...b, k, m];
  return simple('MatMul', [{ shape: left }, { shape: right }]);
});

const gemm: Arbitrary<Case> = fc.tuple(extent, extent, extent, fc.boolean(), fc.boolean(), fc.constantFrom('none', 'full', 'row', 'scalar')).map(([n, k, m, ta, tb, c]) => {
  const added = { none: undefined, full: [n, m], row: [m], scalar: [1] }[c];
  return simple('Gemm', [{ shape: ta ? [k, n] : [n, k] }, { shape: tb ? [m, k] : [k, m] }, ...(added === undefined ? [] : [{ shape: added }])], { alpha: 0.5, beta: 1.5, transA: ta ? 1 : 0, transB: tb ? 1 : 0 });
});

const sliceCase: Arbitrary<Case> = shape(1, 3).chain((s) => {
  const sized = s.map((e) => e + 3);
  return fc.array(fc.tuple(fc.integer({ min: -6, max: 6 }), fc.integer({ min: -8, max: 8 }), fc.constantFrom(1, 2, 3, -1, -2)), { minLength: s.length, maxLength: s.length }).map((cuts): Case => {
    // keep at least one row: an empty result has no gradient to speak of
    const safe = cuts.map(([start, end, step], i) => {
      const e = sized[i] as number;
      const place = (p: number): number => (p < 0 ? p + e : p);
      const from = step > 0 ? Math.min(Math.max(place(start), 0), e) : Math.min(Math.max(place(start), 0), e - 1);
      const to = step > 0 ? Math.min(Math.max(place(end), 0), e) : Math.min(Math.max(place(end), -1), e - 1);
      return (to - from) / step > 0 ? [start, end, step] : step > 0 ? [0, e, step] : [e - 1, -e - 1, step];
    });
    return { ports: [{ shape: sized }], emit: (b, [x]) => [b.op('Slice', [x, ...[0, 1].map((j) => b.ints(safe.map((cut) => cut[j] as number))), b.ints(sized.map((_, axis) => axis)), b.ints(safe.map((cut) => cut[2] as number))])] };
  });
});

const splitCase: Arbitrary<Case> = fc.tuple(shape(1, 3), fc.integer({ min: 1, max: 3 }), fc.boolean()).map(([s, parts, named]) => {
  const sized = [s[0] === undefined ? 3 : s[0] + 2, ...s.slice(1)];
  const first = sized[0] as number;
  const lengths = [1, first - 1];
  return named
    ? { ports: [{ shape: sized }], emit: (b, [x]) => b.ops('Split', [x, b.ints(lengths)], { axis: 0 }, 2) }
    : { ports: [{ shape: [parts * 2, ...s] }], emit: (b, [x]) => b.ops('Split', [x], { axis: 0, num_outputs: parts }, parts) };
});

const onAxis = (make: (s: number[], axis: number) => Case): Arbitrary<Case> => shape(1, 3).chain((s) => axisOf(s).map((axis) => make(s, axis)));
const normalAxis = (axis: number, s: readonly number[]): number => (axis < 0 ? axis + s.length : axis);

const positions = (op: 'ArgMax' | 'ArgMin'): Arbitrary<Case> => fc.tuple(fc.boolean(), fc.boolean(), fc.constantFrom<Domain>('real', 'sparse')).chain(([keep, last, domain]) => onAxis((s, axis) => simple(op, [{ shape: s, domain }], { axis, keepdims: Number(keep), select_last_index: Number(last) })));

export const CASES: { readonly [O in OpType]: Arbitrary<Case> } = {
  Conv: fc.oneof({ weight: 4, arbitrary: conv }, { weight: 1, arbitrary: sameConv }, { weight: 2, arbitrary: rankConv }),
  ConvTranspose: fc.oneof({ weight: 3, arbitrary: transposedConv }, { weight: 2, arbitrary: rankTransposed }),
  MaxPool: fc.oneof({ weight: 3, arbitrary: pooled('MaxPool') }, { weight: 1, arbitrary: rankPool('MaxPool') }),
  AveragePool: fc.oneof({ weight: 3, arbitrary: pooled('AveragePool') }, { weight: 1, arbitrary: rankPool('AveragePool') }),
  GlobalAveragePool: fc.tuple(extent, extent, extent, extent).map((s) => simple('GlobalAveragePool', [{ shape: s }])),
  MaxUnpool: fc.tuple(extent, extent).map(([h, w]) => ({
    ports: [{ shape: [2, 2, h, w] }, { shape: [2, 2, h, w], domain: { distinctBelow: 16 * h * w } }],
    emit: (b, [x, indices]) => [b.op('MaxUnpool', [x, indices, b.ints([2, 2, 2 * h, 2 * w])], { kernel_shape: [2, 2], strides: [2, 2] })],
  })),

  Relu: unary('Relu'),
  LeakyRelu: unary('LeakyRelu', 'real', fc.constantFrom({}, { alpha: 0.3 })),
  Sigmoid: unary('Sigmoid'),
  HardSigmoid: unary('HardSigmoid', 'real', fc.constantFrom({}, { alpha: 0.4, beta: 0.1 })),
  Tanh: unary('Tanh'),
  Softplus: unary('Softplus'),
  Clip: fc.tuple(shape(), fc.boolean(), fc.boolean()).map(([s, low, high]) => ({ ports: [{ shape: s }], emit: (b, [x]) => [b.op('Clip', [x, low ? b.scalar(-0.4) : undefined, high ? b.scalar(0.6) : undefined])] })),
  Exp: unary('Exp'),
  Log: unary('Log', 'positive'),
  Sqrt: unary('Sqrt', 'positive'),
  Erf: unary('Erf'),
  Abs: unary('Abs'),
  Neg: unary('Neg'),
  Reciprocal: unary('Reciprocal', 'positive'),
  Sign: unary('Sign'),
  Sin: unary('Sin'),
  Cos: unary('Cos'),
  Tan: unary('Tan', 'unit'),
  Asin: unary('Asin', 'unit'),
  Acos: unary('Acos', 'unit'),
  Atan: unary('Atan'),
  Sinh: unary('Sinh'),
  Cosh: unary('Cosh'),
  Asinh: unary('Asinh'),
  Acosh: shape().map((s) => ({ ports: [{ shape: s, domain: 'positive' }], emit: (b, [x]) => [b.op('Acosh', [b.op('Add', [x as Value, b.scalar(1)])])] })),
  Atanh: unary('Atanh', 'unit'),
  Elu: unary('Elu', 'real', fc.constantFrom({}, { alpha: 0.7 })),
  Gelu: unary('Gelu', 'real', fc.constantFrom({}, { approximate: 'none' }, { approximate: 'tanh' })),
  Floor: unary('Floor'),
  Ceil: unary('Ceil'),
  Round: fc.oneof(unary('Round'), unary('Round', 'halves')),
  IsNaN: unary('IsNaN', 'special'),
  IsInf: unary('IsInf', 'special', fc.constantFrom({}, { detect_negative: 0 }, { detect_positive: 0 })),

  Add: binary('Add'),
  Sub: binary('Sub'),
  Mul: binary('Mul'),
  Div: binary('Div', 'positive'),
  Pow: fc.oneof(
    binary('Pow', 'positive'),
    shape().map((s): Case => ({ ports: [{ shape: s }], emit: (b, [x]) => [b.op('Pow', [x, b.scalar(2)])] })),
    shape().map((s): Case => ({ ports: [{ shape: s }], emit: (b, [x]) => [b.op('Pow', [x, b.scalar(3)])] })),
  ),
  Max: binary('Max'),
  Min: binary('Min'),
  Where: pair.chain(([a, b]) => partner(a).map((c) => simple('Where', [{ shape: c, domain: 'bool' }, { shape: a }, { shape: b }]))),
  Greater: binary('Greater'),
  GreaterOrEqual: binary('GreaterOrEqual'),
  Less: binary('Less'),
  LessOrEqual: binary('LessOrEqual'),
  Equal: binary('Equal', { below: 2 }),
  And: binary('And', 'bool'),
  Or: binary('Or', 'bool'),
  Not: unary('Not', 'bool'),
  Xor: binary('Xor', 'bool'),
  Mod: fc.oneof(
    pair.map(([a, c]) => simple('Mod', [{ shape: a }, { shape: c, domain: 'positive' as const }], { fmod: 1 })),
    pair.map(([a, c]): Case => ({ ports: [{ shape: a, domain: { below: 9 } }, { shape: c, domain: { below: 4 } }], emit: (b, [x, y]) => [b.op('Mod', [b.op('Sub', [x as Value, b.ints([4])]), b.op('Sub', [y as Value, b.ints([5])])])] })),
  ),
  PRelu: shape(1, 4).chain((s) => partner(s).map((own) => simple('PRelu', [{ shape: s }, { shape: own }]))),

  MatMul: matMul,
  Gemm: gemm,

  ReduceSum: reduction('ReduceSum'),
  ReduceMean: reduction('ReduceMean'),
  ReduceMax: reduction('ReduceMax'),
  ReduceMin: reduction('ReduceMin'),
  ReduceL2: reduction('ReduceL2'),
  ReduceSumSquare: reduction('ReduceSumSquare'),
  ReduceLogSumExp: reduction('ReduceLogSumExp'),
  ReduceProd: fc.oneof(reduction('ReduceProd'), shape(1, 3).map((s): Case => ({ ports: [{ shape: s, domain: 'sparse' }], emit: (b, [x]) => [b.op('ReduceProd', [x as Value, b.ints([0])])] }))),
  CumSum: fc.tuple(fc.boolean(), fc.boolean()).chain(([exclusive, reverse]) => onAxis((s, axis) => ({ ports: [{ shape: s }], emit: (b, [x]) => [b.op('CumSum', [x, b.scalar(axis, 'int64')], { exclusive: Number(exclusive), reverse: Number(reverse) })] }))),
  Softmax: onAxis((s, axis) => simple('Softmax', [{ shape: s }], { axis })),
  LogSoftmax: onAxis((s, axis) => simple('LogSoftmax', [{ shape: s }], { axis })),
  BatchNormalization: fc.tuple(extent, extent, shape(0, 3)).map(([n, c, spatial]) => simple('BatchNormalization', [{ shape: [n, c, ...spatial] }, ...[0, 1, 2].map(() => ({ shape: [c] })), { shape: [c], domain: 'positive' as const }], { epsilon: 1e-3 })),
  LayerNormalization: fc.tuple(shape(0, 2), extent, fc.boolean(), fc.boolean(), fc.boolean()).map(([lead, last, bias, wide, statistics]): Case => {
    const tail = wide ? [last, 3] : [last + 1];
    return {
      ports: [{ shape: [...lead, ...tail] }, { shape: tail }, ...(bias ? [{ shape: tail }] : [])],
      emit: (b, values) => {
        const outputs = b.ops('LayerNormalization', values, { axis: -tail.length, epsilon: 1e-2 }, statistics ? 3 : 1);
        // one value that depends on all three, so that their gradients are added
        return statistics ? [b.op('Add', [b.op('Mul', [outputs[0] as Value, outputs[1] as Value]), outputs[2] as Value])] : outputs;
      },
    };
  }),

  Identity: unary('Identity'),
  Cast: fc.oneof(unary('Cast', 'real', fc.constantFrom({ to: 1 }, { to: 11 })), unary('Cast', { below: 5 }, fc.constantFrom({ to: 1 }, { to: 6 }, { to: 9 }))),
  Reshape: fc.tuple(shape(1, 4), fc.boolean()).map(([s, flat]) => ({ ports: [{ shape: s }], emit: (b, [x]) => [b.op('Reshape', [x, b.ints(flat ? [-1] : [0, -1, 1])])] })),
  Flatten: shape(1, 4).chain((s) => fc.integer({ min: -s.length, max: s.length }).map((axis) => simple('Flatten', [{ shape: s }], { axis }))),
  Squeeze: fc.tuple(shape(0, 2), shape(0, 2), fc.boolean()).map(([a, c, named]) => ({ ports: [{ shape: [...a, 1, ...c] }], emit: (b, [x]) => [b.op('Squeeze', named ? [x, b.ints([a.length])] : [x])] })),
  Unsqueeze: shape(0, 3).map((s) => ({ ports: [{ shape: s }], emit: (b, [x]) => [b.op('Unsqueeze', [x, b.ints([-1, 0])])] })),
  Transpose: shape(1, 4).chain((s) => fc.option(fc.shuffledSubarray(s.map((_, axis) => axis), { minLength: s.length })).map((perm) => simple('Transpose', [{ shape: s }], perm === null ? {} : { perm }))),
  Concat: fc.tuple(shape(1, 3), fc.array(extent, { minLength: 1, maxLength: 3 })).chain(([s, extents]) => axisOf(s).map((axis) => simple('Concat', extents.map((e) => ({ shape: s.map((own, a) => (a === normalAxis(axis, s) ? e : own)) })), { axis }))),
  Split: splitCase,
  Slice: sliceCase,
  Pad: padCase,
  Expand: shape().chain((s) => partner(s).map((own): Case => ({ ports: [{ shape: own }], emit: (b, [x]) => [b.op('Expand', [x, b.ints(s)])] }))),
  Tile: shape(1, 3).chain((s) => fc.array(fc.integer({ min: 1, max: 3 }), { minLength: s.length, maxLength: s.length }).map((repeats): Case => ({ ports: [{ shape: s }], emit: (b, [x]) => [b.op('Tile', [x, b.ints(repeats)])] }))),
  DepthToSpace: fc.tuple(extent, extent, fc.constantFrom('DCR', 'CRD')).map(([c, h, mode]) => simple('DepthToSpace', [{ shape: [2, 4 * c, h, 3] }], { blocksize: 2, mode })),
  Resize: resizeCase,

  Gather: fc.tuple(shape(1, 3), shape(0, 2)).chain(([s, picked]) => axisOf(s).map((axis) => simple('Gather', [{ shape: s }, { shape: picked, domain: { below: s[normalAxis(axis, s)] as number } }], { axis }))),
  GatherElements: onAxis((s, axis) => simple('GatherElements', [{ shape: s }, { shape: s.map((e, a) => (a === normalAxis(axis, s) ? e + 2 : e)), domain: { below: s[normalAxis(axis, s)] as number } }], { axis })),
  ScatterElements: fc.oneof(
    onAxis((s, axis) => simple('ScatterElements', [{ shape: s }, { shape: s, domain: { below: s[normalAxis(axis, s)] as number } }, { shape: s }], { axis, reduction: 'add' })),
    fc.constantFrom('mul', 'max', 'min').chain((reduction) => onAxis((s, axis) => simple('ScatterElements', [{ shape: s }, { shape: s, domain: { below: s[normalAxis(axis, s)] as number } }, { shape: s }], { axis, reduction })).map((test) => ({ ...test, refused: true }))),
    extent.map((e) => simple('ScatterElements', [{ shape: [4 * e] }, { shape: [e], domain: { distinctBelow: 4 * e } }, { shape: [e] }])),
  ),
  ScatterND: fc.oneof(
    fc.tuple(extent, extent, fc.constantFrom('add', 'mul', 'max', 'min')).map(([n, c, reduction]) => ({ ...simple('ScatterND', [{ shape: [n + 1, c] }, { shape: [5, 1], domain: { below: n + 1 } }, { shape: [5, c] }], { reduction }), refused: reduction !== 'add' })),
    fc.tuple(extent, extent).map(([n, c]) => simple('ScatterND', [{ shape: [n + 2, c] }, { shape: [n, 1], domain: { distinctBelow: n + 2 } }, { shape: [n, c] }])),
    fc.tuple(extent, extent).map(([n, c]) => simple('ScatterND', [{ shape: [n + 1, 3, c] }, { shape: [2, 4, 2], domain: { below: Math.min(n + 1, 3) } }, { shape: [2, 4, c] }], { reduction: 'add' })),
  ),
  GatherND: fc.tuple(extent, extent, fc.nat(1), fc.integer({ min: 1, max: 2 })).map(([n, c, batch, depth]) => simple('GatherND', [{ shape: [2, n, n, c] }, { shape: [2, 3, depth], domain: { below: batch === 0 ? Math.min(2, n) : n } }], { batch_dims: batch })),
  OneHot: shape(1, 3).chain((s) => fc.integer({ min: -s.length - 1, max: s.length }).map((axis): Case => ({ ports: [{ shape: s, domain: { below: 9 } }], emit: (b, [x]) => [b.op('OneHot', [b.op('Sub', [x as Value, b.scalar(4, 'int64')]), b.scalar(5, 'int64'), b.floats([2], [-1, 2])], { axis })] }))),
  TopK: fc.tuple(fc.boolean(), fc.nat(3)).chain(([largest, k]) => onAxis((s, axis) => ({ ports: [{ shape: s }], emit: (b, [x]) => b.ops('TopK', [x, b.ints([Math.min(k + 1, s[normalAxis(axis, s)] as number)])], { axis, largest: Number(largest) }, 2) }))),
  ArgMax: positions('ArgMax'),
  ArgMin: positions('ArgMin'),
};
