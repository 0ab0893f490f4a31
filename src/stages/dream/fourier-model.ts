/**
 * The parameterisation of dreams: images as Fourier coefficients in a decorrelated colour space (Olah, Mordvintsev & Schubert 2017). Steepest
 * ascent there moves every spatial frequency alike, which is what makes dreams look like pictures instead of noise.
 *
 * One step of ascent is one tensor graph: gradient by the image → gradient by the coefficients → Adam → bound on the contrast → next image. The
 * inverse transform and its adjoint are products with the matrices of the discrete Fourier transform: for the sizes of backbones that costs a
 * tenth of a backbone's pass, and runs on all threads. Knows nothing of backbones, responses and files.
 */
import type { Random } from '../../core/random.js';
import { tensor, type Shape, type Tensor } from '../../core/tensor.js';
import { GraphBuilder } from '../../graph/builder.js';
import { encodeModel } from '../../graph/encode.js';
import type { Value } from '../../graph/ir.js';
import { add, div, matMul, minimum, mul, reduceMean, reduceSum, reshape, sigmoid, sqrt, sub, sumOfSquares } from '../../graph/layers.js';
import { fftFrequencies } from '../../math/fft.js';

/** Square root of the colour covariance of ImageNet, divided by its largest column norm. @source lucid param/color.py (`color_correlation_svd_sqrt`, norm 0.46195) */
const COLOUR_NORM = 0.4619524;
const COLOUR = [0.26, 0.09, 0.02, 0.27, 0, -0.05, 0.27, -0.09, 0.03].map((x) => x / COLOUR_NORM);
/** lucid's and lucent's "magic constant" between the inverse transform and the colour matrix */
const SPATIAL_SCALE = 4;
/** standard deviation of the first coefficients. @source lucent param/spatial.py */
const INITIAL_SD = 0.01;
const CHANNELS = 3;
const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

export interface FourierOptions {
  readonly height: number;
  readonly width: number;
  /** exponent of the 1/f scale: larger is smoother */
  readonly decay: number;
  /** bound on the standard deviation of v, see below; 0: none */
  readonly contrast: number;
}

/** Coefficients, Adam's moments and the image they make. */
export interface FourierState {
  readonly parameters: Tensor;
  readonly first: Tensor;
  readonly second: Tensor;
  readonly image: Tensor;
}

/** inputs and outputs of the model that are carried from step to step */
const STATE = ['parameters', 'first', 'second', 'image'] as const;

/**
 * x = sigmoid(C·v), v = irfft2(s·(a + ib), norm=ortho)/4, s(f) = 1/max(f, 1/max(h,w))^decay, f in cycles per pixel. A step of ascent by
 * g = ∂objective/∂x: Adam (Kingma & Ba 2015, algorithm 1; β 0.9 and 0.999, ε 1e-8) on z = (a, b) with ∂objective/∂z; then z ← z·min(1, contrast/sd(v)), the
 * sd over all channels and pixels of an image with n − 1 in the denominator.
 * @shape inputs and outputs `parameters`, `first`, `second`: float32 [batch, channel, re|im, height, ⌊width/2⌋+1], `image`: float32 [batch, colour, height, width]
 * in (0, 1); inputs `gradient`: as `image`, `rate`: η/(1−β₁ᵗ), `correction`: √(1−β₂ᵗ), both float32 []. A rate of 0 leaves the coefficients as they are.
 * For odd widths ⌊width/2⌋+1 columns are kept: lucent keeps one more, which never receives a gradient.
 * @source tensorflow/lucid optvis/param/spatial.py; greentfrapp/lucent the same
 */
export function fourierModel(batch: number, options: FourierOptions): Uint8Array {
  const b = new GraphBuilder();
  const transform = new Transform(b, batch, options);
  const [parameters, first, second] = ['parameters', 'first', 'second'].map((name) => b.input(name, 'float32', transform.spectrum)) as [Value, Value, Value];
  const image = b.input('image', 'float32', transform.planes);
  const gradient = b.input('gradient', 'float32', transform.planes);
  const rate = b.input('rate', 'float32', []);
  const correction = b.input('correction', 'float32', []);

  const slope = transform.adjoint(mul(b, gradient, mul(b, image, sub(b, 1, image))));
  const newFirst = add(b, mul(b, first, BETA1), mul(b, slope, 1 - BETA1));
  const newSecond = add(b, mul(b, second, BETA2), mul(b, mul(b, slope, slope), 1 - BETA2));
  const move = div(b, mul(b, newFirst, rate), add(b, div(b, sqrt(b, newSecond), correction), EPSILON));
  let moved = add(b, parameters, move);
  let plain = transform.synthesise(moved);
  if (options.contrast > 0) {
    const size = CHANNELS * options.height * options.width;
    const centred = sub(b, plain, reduceMean(b, plain, [1, 2, 3], true));
    const sd = sqrt(b, div(b, sumOfSquares(b, centred, [1, 2, 3], true), size - 1));
    // an image of zeros: contrast/0 is infinite, and the factor 1
    const factor = minimum(b, div(b, options.contrast, sd), 1);
    plain = mul(b, plain, factor);
    moved = mul(b, moved, reshape(b, factor, [batch, 1, 1, 1, 1]));
  }
  const outputs = [moved, newFirst, newSecond, transform.coloured(plain)];
  STATE.forEach((name, i) => b.output(`next:${name}`, outputs[i] as Value));
  return encodeModel(b.build());
}

/** v from z and back, and the colours. */
class Transform {
  readonly spectrum: Shape;
  readonly planes: Shape;
  readonly #b: GraphBuilder;
  readonly #scale: Value;
  /** [2h, 2h]: the complex transform over the rows, real parts above imaginary ones */
  readonly #rows: Value;
  /** [re|im, columns, width]: the real transform over the columns, with the conjugate half added */
  readonly #columns: Value;
  readonly #rowsAdjoint: Value;
  readonly #columnsAdjoint: Value;
  readonly #colour: Value;
  readonly #colourAdjoint: Value;

  constructor(b: GraphBuilder, batch: number, { height, width, decay }: FourierOptions) {
    const columns = Math.floor(width / 2) + 1;
    this.#b = b;
    this.spectrum = [batch, CHANNELS, 2, height, columns];
    this.planes = [batch, CHANNELS, height, width];

    const fy = fftFrequencies(height);
    const lowest = 1 / Math.max(height, width);
    this.#scale = b.floats([height, columns], Float64Array.from({ length: height * columns }, (_, k) => 1 / Math.max(Math.hypot(fy[Math.floor(k / columns)] as number, (k % columns) / width), lowest) ** decay));

    const rows = new Float64Array(4 * height * height);
    const rowsAdjoint = new Float64Array(rows.length);
    const setRows = (i: number, j: number, x: number): void => {
      rows[i * 2 * height + j] = x;
      rowsAdjoint[j * 2 * height + i] = x;
    };
    for (let y = 0; y < height; y += 1) {
      for (let k = 0; k < height; k += 1) {
        const angle = (2 * Math.PI * ((y * k) % height)) / height;
        setRows(y, k, Math.cos(angle));
        setRows(y, height + k, -Math.sin(angle));
        setRows(height + y, k, Math.sin(angle));
        setRows(height + y, height + k, Math.cos(angle));
      }
    }
    this.#rows = b.floats([2 * height, 2 * height], rows);
    this.#rowsAdjoint = b.floats([2 * height, 2 * height], rowsAdjoint);

    const across = new Float64Array(2 * columns * width);
    const acrossAdjoint = new Float64Array(across.length);
    for (let k = 0; k < columns; k += 1) {
      const weight = (k === 0 || 2 * k === width ? 1 : 2) / (SPATIAL_SCALE * Math.sqrt(height * width));
      for (let x = 0; x < width; x += 1) {
        const angle = (2 * Math.PI * ((x * k) % width)) / width;
        [weight * Math.cos(angle), -weight * Math.sin(angle)].forEach((value, part) => {
          across[(part * columns + k) * width + x] = value;
          acrossAdjoint[(part * width + x) * columns + k] = value;
        });
      }
    }
    this.#columns = b.floats([2, columns, width], across);
    this.#columnsAdjoint = b.floats([2, width, columns], acrossAdjoint);
    this.#colour = b.floats([CHANNELS, CHANNELS], COLOUR);
    this.#colourAdjoint = b.floats([CHANNELS, CHANNELS], COLOUR.map((_, i) => COLOUR[(i % CHANNELS) * CHANNELS + Math.floor(i / CHANNELS)] as number));
  }

  /** v = irfft2(s·z)/4. @shape z as spectrum; result as planes */
  synthesise(z: Value): Value {
    const [batch, channels, , height, columns] = this.spectrum as [number, number, number, number, number];
    const stacked = reshape(this.#b, mul(this.#b, z, this.#scale), [batch, channels, 2 * height, columns]);
    const over = reshape(this.#b, matMul(this.#b, this.#rows, stacked), this.spectrum);
    return reduceSum(this.#b, matMul(this.#b, over, this.#columns), [2], false);
  }

  /** ∂/∂z from ∂/∂(C·v): the transposed maps in the opposite order. */
  adjoint(gradient: Value): Value {
    const [batch, channels, , height, columns] = this.spectrum as [number, number, number, number, number];
    const width = this.planes[3] as number;
    const plain = reshape(this.#b, this.#mix(this.#colourAdjoint, gradient), [batch, channels, 1, height, width]);
    const over = reshape(this.#b, matMul(this.#b, plain, this.#columnsAdjoint), [batch, channels, 2 * height, columns]);
    return mul(this.#b, reshape(this.#b, matMul(this.#b, this.#rowsAdjoint, over), this.spectrum), this.#scale);
  }

  coloured(plain: Value): Value {
    return sigmoid(this.#b, this.#mix(this.#colour, plain));
  }

  #mix(matrix: Value, planes: Value): Value {
    const [batch, channels, height, width] = this.planes as [number, number, number, number];
    return reshape(this.#b, matMul(this.#b, matrix, reshape(this.#b, planes, [batch, channels, height * width])), this.planes);
  }
}

/** η/(1−β₁ᵗ) and √(1−β₂ᵗ) of Adam at step t ≥ 1. */
function stepSize(learningRate: number, step: number): { readonly rate: Tensor; readonly correction: Tensor } {
  const scalar = (x: number): Tensor => tensor('float32', [], Float32Array.of(x));
  return { rate: scalar(learningRate / (1 - BETA1 ** step)), correction: scalar(Math.sqrt(1 - BETA2 ** step)) };
}

type Runs = (feeds: Readonly<Record<string, Tensor>>) => Promise<Record<string, Tensor>>;

/**
 * The first images: coefficients from N(0, 0.01²).
 * @param run the model of `fourierModel`
 * @param starts one stream an image, at most the batch; the coefficients of the rest are 0
 */
export async function startFourier(run: Runs, starts: readonly Random[], batch: number, { height, width }: FourierOptions): Promise<FourierState> {
  const spectrum: Shape = [batch, CHANNELS, 2, height, Math.floor(width / 2) + 1];
  const planes = tensor('float32', [batch, CHANNELS, height, width]);
  const zeros = tensor('float32', spectrum);
  const parameters = tensor('float32', spectrum);
  const perImage = parameters.data.length / batch;
  starts.forEach((start, n) => start.addNormals(parameters.data, n * perImage, (n + 1) * perImage, INITIAL_SD));
  return next(run, { parameters, first: zeros, second: zeros, image: planes }, planes, stepSize(0, 1));
}

/** One step of ascent. @param gradient of the objective by the images; step counts from 1 */
export function stepFourier(run: Runs, state: FourierState, gradient: Tensor, learningRate: number, step: number): Promise<FourierState> {
  return next(run, state, gradient, stepSize(learningRate, step));
}

async function next(run: Runs, state: FourierState, gradient: Tensor, size: ReturnType<typeof stepSize>): Promise<FourierState> {
  const result = await run({ ...state, gradient, ...size });
  return Object.fromEntries(STATE.map((name) => [name, result[`next:${name}`] as Tensor])) as unknown as FourierState;
}
