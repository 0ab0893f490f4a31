/**
 * The denoiser as a tensor graph: a small convolutional network of four scales with sums across (U-Net), and its loss. It sees the whole picture at
 * its coarsest scale, so that it can know a face from a heap of eyes, and costs about 175 million multiply-adds a picture of 128 pixels.
 */
import type { Random } from '../../core/random.js';
import { tensor, type Tensor } from '../../core/tensor.js';
import type { GraphBuilder } from '../../graph/builder.js';
import type { Value } from '../../graph/ir.js';
import { add, conv2d, div, mul, relu, resize, sqrt, sub, sumOfSquares } from '../../graph/layers.js';

interface Convolution {
  readonly out: number;
  readonly into: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly pads?: number;
}

/** fine: half size; e1, d2: a quarter; e2, d3: an eighth; e3: a sixteenth. u…: on the way up. */
const CONVOLUTIONS = {
  fine: { out: 24, into: 3, kernel: 4, stride: 2, pads: 1 },
  e1: { out: 64, into: 3, kernel: 8, stride: 4, pads: 2 },
  e2: { out: 96, into: 64, kernel: 3, stride: 2, pads: 1 },
  e2b: { out: 96, into: 96, kernel: 3, pads: 1 },
  e3: { out: 128, into: 96, kernel: 3, stride: 2, pads: 1 },
  e3b: { out: 128, into: 128, kernel: 3, pads: 1 },
  u3: { out: 96, into: 128, kernel: 1 },
  d3: { out: 96, into: 96, kernel: 3, pads: 1 },
  u2: { out: 64, into: 96, kernel: 1 },
  d2: { out: 64, into: 64, kernel: 3, pads: 1 },
  u1: { out: 24, into: 64, kernel: 1 },
  d1: { out: 24, into: 24, kernel: 3, pads: 1 },
  /** twelve numbers at half size are three colours of four pixels */
  out: { out: 12, into: 24, kernel: 3, pads: 1 },
} as const satisfies Record<string, Convolution>;

type LayerName = keyof typeof CONVOLUTIONS;
/** sides that can be halved four times */
export const SIZE_UNIT = 16;
/** the network works on (x − ½)/¼: about mean 0 and variance 1 */
const MIDDLE = 0.5;
const UNIT = 0.25;
/** the last layer starts small: the first guess is near mid-grey */
const OUT_SCALE = 0.3;
const BLOCK = 2;

/** He initialisation N(0, 2/fan_in), biases 0, keyed by initializer name. @source He et al. 2015 */
export function initialWeights(random: Random): Map<string, Tensor> {
  const weights = new Map<string, Tensor>();
  for (const [name, { out, into, kernel }] of Object.entries(CONVOLUTIONS)) {
    const stream = random.fork(name);
    const sd = (name === 'out' ? OUT_SCALE : 1) * Math.sqrt(2 / (into * kernel * kernel));
    weights.set(`${name}.weight`, tensor('float32', [out, into, kernel, kernel], Float32Array.from({ length: out * into * kernel * kernel }, () => stream.normal(0, sd))));
    weights.set(`${name}.bias`, tensor('float32', [out]));
  }
  return weights;
}

/**
 * D(y; σ) = ½ + ¼·F(z/√(1 + s²)), z = (y − ½)/¼, s = σ/¼: the network F sees inputs of variance about 1 at every noise level, and says what is
 * clean itself, not what to subtract (at strong noise its fine scale could not express that).
 * @param noisy float32 [batch, 3, size, size]; sigma float32 [batch, 1, 1, 1], > 0
 * @source Karras et al. 2022 (Elucidating the design space of diffusion-based generative models), input scaling c_in of table 1
 */
export function denoise(builder: GraphBuilder, noisy: Value, sigma: Value, weights: ReadonlyMap<string, Tensor>, name?: string): Value {
  const parameter = (key: string): Value => builder.constant(weights.get(key) as Tensor, key);
  const conv = (x: Value, layer: LayerName): Value => {
    const { stride = 1, pads = 0 }: Convolution = CONVOLUTIONS[layer];
    return conv2d(builder, x, parameter(`${layer}.weight`), parameter(`${layer}.bias`), { stride, pads });
  };
  const active = (x: Value, layer: LayerName): Value => relu(builder, conv(x, layer));
  const twice = (x: Value): Value => resize(builder, x, [2 * (x.shape[2] as number), 2 * (x.shape[3] as number)], { mode: 'nearest', coordinates: 'asymmetric', nearest: 'floor' });
  const s = div(builder, sigma, UNIT);
  const z = div(builder, sub(builder, noisy, MIDDLE), UNIT);
  const x = div(builder, z, sqrt(builder, add(builder, mul(builder, s, s), 1)));
  const fine = active(x, 'fine');
  const e1 = active(x, 'e1');
  const e2 = active(active(e1, 'e2'), 'e2b');
  const e3 = active(active(e2, 'e3'), 'e3b');
  const d3 = active(relu(builder, add(builder, twice(conv(e3, 'u3')), e2)), 'd3');
  const d2 = active(relu(builder, add(builder, twice(conv(d3, 'u2')), e1)), 'd2');
  const d1 = active(relu(builder, add(builder, twice(conv(d2, 'u1')), fine)), 'd1');
  const clean = builder.op('DepthToSpace', [conv(d1, 'out')], { blocksize: BLOCK, mode: 'CRD' });
  return add(builder, mul(builder, clean, UNIT), MIDDLE, name);
}

/**
 * loss = Σ_b w_b·‖D(y_b; σ_b) − x_b‖² / (¼²·batch·pixels)
 * @shape denoised, clean: float32 [batch, 3, size, size]; weight: float32 [batch, 1, 1, 1], √w_b
 */
export function loss(builder: GraphBuilder, denoised: Value, clean: Value, weight: Value): Value {
  const count = clean.shape.reduce((product, extent) => product * extent, 1);
  const error = mul(builder, sub(builder, denoised, clean), weight);
  return mul(builder, sumOfSquares(builder, error), 1 / (UNIT * UNIT * count), 'loss');
}
