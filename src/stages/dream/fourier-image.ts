/**
 * The parameterisation of dreams: images as Fourier coefficients in a decorrelated colour space (Olah, Mordvintsev & Schubert 2017). Steepest
 * ascent there moves every spatial frequency alike, which is what makes dreams look like pictures instead of noise.
 */
import type { Random } from '../../core/random.js';
import { fftFrequencies, RealInverse2d } from '../../math/fft.js';

/** Square root of the colour covariance of ImageNet, divided by its largest column norm. @source lucid param/color.py (`color_correlation_svd_sqrt`, norm 0.46195) */
const COLOUR_NORM = 0.4619524;
const COLOUR = [0.26, 0.09, 0.02, 0.27, 0, -0.05, 0.27, -0.09, 0.03].map((x) => x / COLOUR_NORM);
/** lucid's and lucent's "magic constant" between the inverse transform and the colour matrix */
const SPATIAL_SCALE = 4;
/** standard deviation of the first coefficients. @source lucent param/spatial.py */
const INITIAL_SD = 0.01;
const CHANNELS = 3;

/**
 * x = sigmoid(C·v), v = irfft2(s·(a + ib), norm=ortho)/4, s(f) = 1/max(f, 1/max(h,w))^decay, f in cycles per pixel.
 * @shape parameters: float64 [image, channel, re|im, height, ⌊width/2⌋+1]; images: float32 [image, colour, height, width] in (0, 1)
 * For odd widths ⌊width/2⌋+1 columns are kept: lucent keeps one more, which never receives a gradient.
 * @source tensorflow/lucid optvis/param/spatial.py; greentfrapp/lucent the same
 */
export class FourierImage {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly parameters: Float64Array;
  readonly #plan: RealInverse2d;
  readonly #scale: Float64Array;
  /** v of the last decode: [image, channel, height, width] */
  readonly #plain: Float64Array;
  readonly #rgb: Float32Array;
  readonly #re: Float64Array;
  readonly #im: Float64Array;
  readonly #plane: Float64Array;

  /** @param starts one stream an image, for its first coefficients: an image does not depend on how many others there are */
  constructor(starts: readonly Random[], height: number, width: number, decay: number) {
    this.count = starts.length;
    this.height = height;
    this.width = width;
    this.#plan = new RealInverse2d(height, width);
    const columns = this.#plan.columns;
    const fy = fftFrequencies(height);
    const lowest = 1 / Math.max(height, width);
    this.#scale = new Float64Array(height * columns);
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < columns; x += 1) {
        const f = Math.hypot(fy[y] as number, x / width);
        this.#scale[y * columns + x] = 1 / Math.max(f, lowest) ** decay;
      }
    }
    const cells = height * columns;
    const perImage = CHANNELS * 2 * cells;
    this.parameters = new Float64Array(this.count * perImage);
    starts.forEach((start, n) => {
      for (let i = n * perImage; i < (n + 1) * perImage; i += 1) this.parameters[i] = start.normal(0, INITIAL_SD);
    });
    this.#plain = new Float64Array(this.count * CHANNELS * height * width);
    this.#rgb = new Float32Array(this.#plain.length);
    this.#re = new Float64Array(cells);
    this.#im = new Float64Array(cells);
    this.#plane = new Float64Array(height * width);
  }

  /** @returns the images as they are now; the array is reused by the next call */
  decode(): Float32Array {
    const cells = this.#scale.length;
    const pixels = this.#plane.length;
    for (let plane = 0; plane < this.count * CHANNELS; plane += 1) {
      const at = plane * 2 * cells;
      for (let k = 0; k < cells; k += 1) {
        const s = this.#scale[k] as number;
        this.#re[k] = (this.parameters[at + k] as number) * s;
        this.#im[k] = (this.parameters[at + cells + k] as number) * s;
      }
      this.#plan.synthesize(this.#re, this.#im, this.#plane);
      for (let p = 0; p < pixels; p += 1) this.#plain[plane * pixels + p] = (this.#plane[p] as number) / SPATIAL_SCALE;
    }
    for (let n = 0; n < this.count; n += 1) {
      const base = n * CHANNELS * pixels;
      for (let colour = 0; colour < CHANNELS; colour += 1) {
        const c0 = COLOUR[colour * 3] as number;
        const c1 = COLOUR[colour * 3 + 1] as number;
        const c2 = COLOUR[colour * 3 + 2] as number;
        const to = base + colour * pixels;
        for (let p = 0; p < pixels; p += 1) {
          const t = c0 * (this.#plain[base + p] as number) + c1 * (this.#plain[base + pixels + p] as number) + c2 * (this.#plain[base + 2 * pixels + p] as number);
          this.#rgb[to + p] = 1 / (1 + Math.exp(-t));
        }
      }
    }
    return this.#rgb;
  }

  /** Vector-Jacobian product of the last `decode`. @shape gradient as the images; result as the parameters */
  backward(gradient: Float32Array): Float64Array {
    const cells = this.#scale.length;
    const pixels = this.#plane.length;
    const out = new Float64Array(this.parameters.length);
    for (let n = 0; n < this.count; n += 1) {
      const base = n * CHANNELS * pixels;
      for (let channel = 0; channel < CHANNELS; channel += 1) {
        this.#plane.fill(0);
        for (let colour = 0; colour < CHANNELS; colour += 1) {
          const c = (COLOUR[colour * 3 + channel] as number) / SPATIAL_SCALE;
          const from = base + colour * pixels;
          for (let p = 0; p < pixels; p += 1) {
            const y = this.#rgb[from + p] as number;
            this.#plane[p] = (this.#plane[p] as number) + c * (gradient[from + p] as number) * y * (1 - y);
          }
        }
        this.#plan.adjoint(this.#plane, this.#re, this.#im);
        const at = (n * CHANNELS + channel) * 2 * cells;
        for (let k = 0; k < cells; k += 1) {
          const s = this.#scale[k] as number;
          out[at + k] = (this.#re[k] as number) * s;
          out[at + cells + k] = (this.#im[k] as number) * s;
        }
      }
    }
    return out;
  }

  /**
   * Bounds contrast: the parameters of an image are multiplied by min(1, bound/sd), sd = standard deviation over pixels and channels of v, the
   * image before colour and sigmoid. Natural stimuli of the simulated subject have about 2.0 (reference recipe, section 5).
   */
  boundContrast(bound: number): void {
    this.decode();
    const size = CHANNELS * this.#plane.length;
    const perImage = CHANNELS * 2 * this.#scale.length;
    for (let n = 0; n < this.count; n += 1) {
      let sum = 0;
      let squares = 0;
      for (let i = n * size; i < (n + 1) * size; i += 1) {
        const x = this.#plain[i] as number;
        sum += x;
        squares += x * x;
      }
      const sd = Math.sqrt(Math.max(0, squares / size - (sum / size) ** 2) * (size / (size - 1)));
      if (sd <= bound) continue;
      const factor = bound / sd;
      for (let i = n * perImage; i < (n + 1) * perImage; i += 1) this.parameters[i] = (this.parameters[i] as number) * factor;
    }
  }
}
