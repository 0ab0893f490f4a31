/**
 * For every compound operator, an arbitrary of nodes as a file would hold them. Total over COMPOUNDS (checked by the test). Outputs are declared
 * with their shapes, so that ONNX Runtime can run the original beside ours.
 */
import fc from 'fast-check';
import type { Arbitrary } from 'fast-check';
import type { Tensor } from '../../src/core/tensor.js';
import type { RawAttribute, RawCase, RawPortOf } from '../rigs/raw-model.js';

export interface CompoundCase extends RawCase {
  /** ONNX Runtime has no kernel for the original, or one that is known to differ: only the node tests of the package check its values */
  readonly alone?: boolean;
  /** nothing flows through it, or to the float inputs: indices and truth values */
  readonly flat?: boolean;
}

const extent = fc.integer({ min: 1, max: 4 });
const shape = (min = 1, max = 4): Arbitrary<number[]> => fc.array(extent, { minLength: min, maxLength: max });
const f = (s: readonly number[]): RawPortOf => ({ dtype: 'float32', shape: s });
const ints = (...values: readonly number[]): Tensor => ({ dtype: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) });
const scalar = (value: number): Tensor => ({ dtype: 'int64', shape: [], data: BigInt64Array.of(BigInt(value)) });
const floats = (...values: readonly number[]): Tensor => ({ dtype: 'float32', shape: [values.length], data: Float32Array.from(values) });
const node = (op: string, opset: number, inputs: RawCase['inputs'], outputs: readonly (readonly number[])[], attributes: Readonly<Record<string, RawAttribute>> = {}): CompoundCase => ({ op, opset, inputs, outputs: outputs.map(f), attributes });
const unary = (op: string, opset: number, attributes: Arbitrary<Readonly<Record<string, RawAttribute>>> = fc.constant({})): Arbitrary<CompoundCase> => fc.tuple(shape(), attributes).map(([s, a]) => node(op, opset, [f(s)], [s], a));
const float = (value: number): RawAttribute => ({ float: value });
const int = (value: number): RawAttribute => ({ int: value });
const image = fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 2, max: 6 }), fc.integer({ min: 3, max: 6 }), fc.integer({ min: 3, max: 6 }));

const reduction = (op: string): Arbitrary<CompoundCase> =>
  fc.tuple(shape(1, 3), fc.constantFrom(13, 18), fc.boolean()).chain(([s, opset, keep]) =>
    fc.uniqueArray(fc.nat(s.length - 1), { minLength: 1 }).map((axes) => {
      const out = keep ? s.map((e, i) => (axes.includes(i) ? 1 : e)) : s.filter((_, i) => !axes.includes(i));
      return node(op, opset, opset < 18 ? [f(s)] : [f(s), ints(...axes)], [out], { keepdims: int(Number(keep)), ...(opset < 18 ? { axes: { ints: axes } } : {}) });
    }),
  );

const spread = (size: number, kernel: number, stride: number, begin: number, end: number, dilation: number): number => Math.floor((size + begin + end - dilation * (kernel - 1) - 1) / stride) + 1;
const windows = fc.record({ n: fc.integer({ min: 1, max: 2 }), size: fc.tuple(fc.integer({ min: 5, max: 8 }), fc.integer({ min: 5, max: 8 })), kernel: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })), stride: fc.integer({ min: 1, max: 2 }), pad: fc.nat(1), dilation: fc.integer({ min: 1, max: 2 }), flag: fc.boolean() });
const pool = (op: string, opset: number, dilated: boolean, more: (w: { flag: boolean }) => Readonly<Record<string, RawAttribute>>): Arbitrary<CompoundCase> =>
  windows.map((w) => {
    const dilation = dilated ? w.dilation : 1;
    const pads = [0, 1, 0, 1].map((axis) => Math.min(w.pad, (w.kernel[axis] as number) - 1));
    const out = w.size.map((size, i) => spread(size, w.kernel[i] as number, w.stride, pads[i] as number, pads[i + 2] as number, dilation));
    return node(op, opset, [f([w.n, 2, ...w.size])], [[w.n, 2, ...out]], { kernel_shape: { ints: w.kernel }, strides: { ints: [w.stride, w.stride] }, pads: { ints: pads }, ...(dilated ? { dilations: { ints: [dilation, dilation] } } : {}), ...more(w) });
  });

const convTranspose = windows.map((w): CompoundCase => {
  const same = (['SAME_UPPER', 'SAME_LOWER'] as const)[Number(w.flag)] as string;
  const grown = w.size.map((size, i) => (size - 1) * w.stride + (w.kernel[i] as number));
  // with a kernel below the stride the runtime infers another extent than the specification's
  if (w.pad === 0) return { alone: w.kernel.some((k) => k < w.stride), ...node('ConvTranspose', 11, [f([w.n, 2, ...w.size]), f([2, 3, ...w.kernel])], [[w.n, 3, ...w.size.map((size) => size * w.stride)]], { auto_pad: { text: same }, strides: { ints: [w.stride, w.stride] } }) };
  const wanted = grown.map((size, i) => size - Math.min(1, (w.kernel[i] as number) - 1));
  return node('ConvTranspose', 11, [f([w.n, 2, ...w.size]), f([2, 3, ...w.kernel])], [[w.n, 3, ...wanted]], { output_shape: { ints: wanted }, strides: { ints: [w.stride, w.stride] } });
});

const einsum: Arbitrary<CompoundCase> = fc.tuple(extent, extent, extent, extent).chain(([a, b, c, d]) =>
  fc.constantFrom<readonly [string, readonly (readonly number[])[], readonly number[]]>(
    ['ij,jk->ik', [[a, b], [b, c]], [a, c]], ['bhqd,bhkd->bhqk', [[a, b, c, d], [a, b, 3, d]], [a, b, c, 3]], ['bij,bj->bi', [[a, b, c], [a, c]], [a, b]],
    ['...ij,...jk->...ik', [[a, b, c], [a, c, d]], [a, b, d]], ['ij->ji', [[a, b]], [b, a]], ['ij->', [[a, b]], []], ['i,j->ij', [[a], [b]], [a, b]],
    ['ij,jk,kl->il', [[a, b], [b, c], [c, d]], [a, d]], ['nhwc,hkc->nhwk', [[a, b, c, d], [b, 2, d]], [a, b, c, 2]], ['ij,ij', [[a, b], [a, b]], []],
  ).map(([equation, inputs, out]) => node('Einsum', 12, inputs.map(f), [out], { equation: { text: equation } })),
);

const resize: Arbitrary<CompoundCase> = fc
  .tuple(fc.constantFrom<readonly number[]>([2, 3, 5, 4], [3, 6], [1, 2, 7], [2, 1, 4, 5, 3]), fc.constantFrom('linear', 'nearest', 'cubic'), fc.constantFrom('half_pixel', 'align_corners', 'asymmetric', 'half_pixel_symmetric'), fc.integer({ min: 1, max: 8 }), fc.integer({ min: 2, max: 8 }))
  .map(([s, mode, coordinates, high, wide]): CompoundCase => {
    const axes = [s.length - 2, s.length - 1];
    const out = s.map((e, axis) => (axis === axes[0] ? high : axis === axes[1] ? wide : e));
    const attributes = { mode: { text: mode }, coordinate_transformation_mode: { text: coordinates }, nearest_mode: { text: 'floor' }, axes: { ints: axes } };
    const made = node('Resize', 19, [f(s), undefined, undefined, ints(high, wide)], [out], attributes);
    // a nearest sample exactly between two pixels is decided by the last bit of the runtime's float32
    const tie = mode === 'nearest' && coordinates === 'half_pixel_symmetric';
    return tie || (mode === 'cubic' && s.length !== 4) ? { ...made, alone: true } : made;
  });

const attentionCase: Arbitrary<CompoundCase> = fc.tuple(extent, extent, extent, fc.boolean(), fc.boolean(), fc.boolean()).map(([n, length, width, causal, grouped, masked]) => {
  const [heads, shared] = [grouped ? 4 : 2, 2];
  const total = length + 2;
  const inputs: RawCase['inputs'] = [f([n, heads, length, width]), f([n, shared, total, width]), f([n, shared, total, 3]), ...(masked ? [f([length, total])] : [])];
  return node('Attention', 23, inputs, [[n, heads, length, 3]], { is_causal: int(Number(causal)), scale: float(0.7) });
});

const rotary: Arbitrary<CompoundCase> = fc.tuple(extent, extent, extent, fc.boolean()).map(([n, heads, length, interleaved]) =>
  node('RotaryEmbedding', 23, [f([n, heads, length, 4]), f([n, length, 2]), f([n, length, 2])], [[n, heads, length, 4]], { interleaved: int(Number(interleaved)) }));

const batchNorm: Arbitrary<CompoundCase> = fc.tuple(image, fc.boolean()).map(([[n, c, h, w], training]) =>
  node('BatchNormalization', 15, [f([n, c, h, w]), f([c]), f([c]), f([c]), f([c])], training ? [[n, c, h, w], [c], [c]] : [[n, c, h, w]], { training_mode: int(Number(training)), epsilon: float(0.01), momentum: float(0.8) }));

export const COMPOUND_CASES: Readonly<Record<string, Arbitrary<CompoundCase>>> = {
  HardSwish: unary('HardSwish', 14),
  Swish: unary('Swish', 24, fc.constantFrom({}, { alpha: float(1.7) })),
  Mish: unary('Mish', 18),
  Selu: unary('Selu', 11, fc.constantFrom({}, { alpha: float(1.2), gamma: float(0.9) })),
  Celu: unary('Celu', 12, fc.constantFrom({}, { alpha: float(0.6) })),
  ThresholdedRelu: unary('ThresholdedRelu', 11, fc.constantFrom({}, { alpha: float(0.3) })),
  Softsign: unary('Softsign', 11),
  Shrink: unary('Shrink', 11, fc.constantFrom({}, { lambd: float(0.3), bias: float(0.1) })),
  Hardmax: fc.tuple(shape(1, 3), fc.constantFrom(11, 13)).map(([s, opset]) => ({ ...node('Hardmax', opset, [f(s)], [s], { axis: int(opset < 13 ? 0 : s.length - 1) }), flat: true })),
  Pow: shape().map((s) => node('Pow', 13, [f(s), { dtype: 'int64', shape: [], data: BigInt64Array.of(3n) }], [s])),

  SpaceToDepth: fc.tuple(extent, extent, extent).map(([c, h, w]) => node('SpaceToDepth', 13, [f([2, c, 2 * h, 2 * w])], [[2, 4 * c, h, w]], { blocksize: int(2) })),
  Trilu: fc.tuple(extent, extent, fc.integer({ min: -2, max: 2 }), fc.boolean()).map(([h, w, k, upper]) => node('Trilu', 14, [f([2, h, w]), scalar(k)], [[2, h, w]], { upper: int(Number(upper)) })),
  Pad: fc.tuple(extent, extent, fc.nat(1), fc.nat(1)).map(([h, w, a, b]) => node('Pad', 19, [f([h, w + 1]), ints(a, b), undefined, ints(1)], [[h, w + 1 + a + b]], { mode: { text: 'wrap' } })),
  Split: extent.map((e) => node('Split', 13, [f([2, 2 * e])], [[2, e], [2, e]], { axis: int(1) })),
  EyeLike: fc.tuple(extent, extent, fc.integer({ min: -1, max: 1 })).map(([h, w, k]) => ({ ...node('EyeLike', 11, [f([h, w])], [[h, w]], { k: int(k) }), flat: true })),
  CenterCropPad: fc.tuple(extent, extent, extent, extent).map(([h, w, a, b]) => node('CenterCropPad', 18, [f([2, h, w]), ints(a, b)], [[2, a, b]], { axes: { ints: [1, 2] } })),
  ReverseSequence: fc.tuple(extent, extent).map(([t, c]) => node('ReverseSequence', 11, [f([t, 3, c]), ints(1, t, Math.max(1, t - 1))], [[t, 3, c]], { time_axis: int(0), batch_axis: int(1) })),
  Compress: fc.tuple(extent, extent).map(([h, w]) => node('Compress', 11, [f([h, w + 1]), { dtype: 'bool', shape: [w + 1], data: Uint8Array.from({ length: w + 1 }, (_, i) => Number(i % 2 === 0)) }], [[h, Math.ceil((w + 1) / 2)]], { axis: int(1) })),

  InstanceNormalization: image.map(([n, c, h, w]) => node('InstanceNormalization', 11, [f([n, c, h, w]), f([c]), f([c])], [[n, c, h, w]], { epsilon: float(0.01) })),
  GroupNormalization: fc.tuple(image, fc.constantFrom(18, 21)).map(([[n, c, h, w], opset]) => {
    const statistic = opset === 18 ? [2] : [2 * c];
    return node('GroupNormalization', opset, [f([n, 2 * c, h, w]), f(statistic), f(statistic)], [[n, 2 * c, h, w]], { num_groups: int(2), epsilon: float(0.01) });
  }),
  RMSNormalization: fc.tuple(shape(1, 2), extent).map(([lead, last]) => node('RMSNormalization', 23, [f([...lead, last]), f([last])], [[...lead, last]], { epsilon: float(0.01) })),
  LRN: fc.tuple(image, fc.integer({ min: 1, max: 5 })).map(([[n, c, h, w], size]) => ({ ...node('LRN', 13, [f([n, c, h, w])], [[n, c, h, w]], { size: int(size), alpha: float(0.3), beta: float(0.6), bias: float(1.5) }), alone: size % 2 === 0 })),
  MeanVarianceNormalization: image.map(([n, c, h, w]) => node('MeanVarianceNormalization', 13, [f([n, c, h, w])], [[n, c, h, w]])),
  LpNormalization: fc.tuple(shape(1, 3), fc.constantFrom(1, 2)).map(([s, p]) => node('LpNormalization', 11, [f(s)], [s], { axis: int(s.length - 1), p: int(p) })),
  BatchNormalization: batchNorm,

  ReduceProd: reduction('ReduceProd'),
  ReduceMax: reduction('ReduceMax'),
  ReduceMin: reduction('ReduceMin'),
  ReduceL1: reduction('ReduceL1'),
  // of sums that are positive
  ReduceLogSum: reduction('ReduceLogSum'),
  Mean: fc.tuple(shape(), fc.integer({ min: 1, max: 3 })).map(([s, count]) => node('Mean', 13, Array.from({ length: count }, () => f(s)), [s])),
  GlobalLpPool: fc.tuple(image, fc.integer({ min: 1, max: 3 })).map(([[n, c, h, w], p]) => node('GlobalLpPool', 11, [f([n, c, h, w])], [[n, c, 1, 1]], { p: int(p) })),
  LpPool: pool('LpPool', 18, false, ({ flag }) => ({ p: int(flag ? 2 : 3) })),
  Size: shape().map((s) => ({ ...node('Size', 13, [f(s)], []), outputs: [{ dtype: 'int64' as const, shape: [] }], flat: true })),

  AveragePool: pool('AveragePool', 19, true, ({ flag }) => ({ count_include_pad: int(Number(flag)) })),
  MaxPool: pool('MaxPool', 12, true, () => ({ storage_order: int(1) })),
  MaxUnpool: fc.tuple(extent, extent).map(([h, w]) => ({
    ...node('MaxUnpool', 11, [f([1, 1, h, w]), { dtype: 'int64', shape: [1, 1, h, w], data: BigInt64Array.from({ length: h * w }, (_, i) => BigInt(2 * (i % w) + 4 * w * Math.floor(i / w))) }], [[1, 1, 2 * h, 2 * w]], { kernel_shape: { ints: [2, 2] }, strides: { ints: [2, 2] } }),
  })),
  ConvTranspose: convTranspose,

  Attention: attentionCase,
  Einsum: einsum,
  Resize: fc.oneof({ weight: 4, arbitrary: resize }, { weight: 1, arbitrary: fc.integer({ min: 2, max: 4 }).map((e): CompoundCase => ({ ...node('Resize', 18, [f([1, 2, 8, 8]), undefined, floats(1, 1, e / 8, 0.5)], [[1, 2, e, 4]], { mode: { text: 'linear' }, antialias: int(1) }), alone: true })) }),
  RotaryEmbedding: rotary,
};
