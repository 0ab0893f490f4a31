/**
 * Discrete Fourier transforms of any length in float64: iterative radix 2 for powers of two, Bluestein's chirp for the rest; and the real
 * two-dimensional inverse that dreams are parameterised with, with its adjoint. Plans are made once per length and hold their own work space.
 */
import { PipelineError } from '../core/errors.js';

/** Bluestein: the transform as a convolution with a chirp (w), carried out by a padded transform with a precomputed kernel (k). */
interface Chirp {
  readonly inner: Fft;
  readonly wr: Float64Array;
  readonly wi: Float64Array;
  readonly kr: Float64Array;
  readonly ki: Float64Array;
  readonly ar: Float64Array;
  readonly ai: Float64Array;
}

/**
 * X[k] = Σ_j x[j]·exp(∓2πi·jk/n), in place on separate real and imaginary parts, without normalisation.
 * @source Cooley & Tukey 1965; Bluestein 1970
 */
export class Fft {
  readonly length: number;
  readonly #cos: Float64Array;
  readonly #sin: Float64Array;
  readonly #reversed: Uint32Array | undefined;
  readonly #chirp: Chirp | undefined;

  constructor(length: number) {
    if (!Number.isInteger(length) || length < 1) throw new PipelineError('E_DATA', `Fourier length ${length} is not a positive integer`);
    this.length = length;
    const powerOfTwo = (length & (length - 1)) === 0;
    const table = powerOfTwo ? length / 2 : 0;
    this.#cos = Float64Array.from({ length: table }, (_, i) => Math.cos((2 * Math.PI * i) / length));
    this.#sin = Float64Array.from({ length: table }, (_, i) => Math.sin((2 * Math.PI * i) / length));
    if (powerOfTwo) {
      const bits = Math.round(Math.log2(length));
      this.#reversed = Uint32Array.from({ length }, (_, i) => {
        let reversed = 0;
        for (let bit = 0; bit < bits; bit += 1) reversed |= ((i >> bit) & 1) << (bits - 1 - bit);
        return reversed;
      });
      this.#chirp = undefined;
      return;
    }
    this.#reversed = undefined;
    let padded = 1;
    while (padded < 2 * length - 1) padded *= 2;
    const wr = new Float64Array(length);
    const wi = new Float64Array(length);
    const kr = new Float64Array(padded);
    const ki = new Float64Array(padded);
    for (let j = 0; j < length; j += 1) {
      // j² modulo 2n keeps the angle exact for large j
      const angle = (Math.PI * ((j * j) % (2 * length))) / length;
      wr[j] = Math.cos(angle);
      wi[j] = -Math.sin(angle);
      kr[j] = Math.cos(angle);
      ki[j] = Math.sin(angle);
      if (j > 0) {
        kr[padded - j] = Math.cos(angle);
        ki[padded - j] = Math.sin(angle);
      }
    }
    const inner = new Fft(padded);
    inner.forward(kr, ki);
    this.#chirp = { inner, wr, wi, kr, ki, ar: new Float64Array(padded), ai: new Float64Array(padded) };
  }

  /** exponent −2πi·jk/n */
  forward(re: Float64Array, im: Float64Array): void {
    if (this.#chirp === undefined) this.#radix2(re, im);
    else this.#bluestein(re, im);
  }

  /** exponent +2πi·jk/n, not divided by n: swapping the parts conjugates twice */
  inverse(re: Float64Array, im: Float64Array): void {
    this.forward(im, re);
  }

  #radix2(re: Float64Array, im: Float64Array): void {
    const n = this.length;
    const reversed = this.#reversed as Uint32Array;
    for (let i = 0; i < n; i += 1) {
      const j = reversed[i] as number;
      if (j <= i) continue;
      const r = re[i] as number;
      const m = im[i] as number;
      re[i] = re[j] as number;
      im[i] = im[j] as number;
      re[j] = r;
      im[j] = m;
    }
    for (let size = 2; size <= n; size *= 2) {
      const half = size / 2;
      const step = n / size;
      for (let start = 0; start < n; start += size) {
        for (let k = 0, t = 0; k < half; k += 1, t += step) {
          const c = this.#cos[t] as number;
          const s = this.#sin[t] as number;
          const a = start + k;
          const b = a + half;
          const xr = re[b] as number;
          const xi = im[b] as number;
          const vr = xr * c + xi * s;
          const vi = xi * c - xr * s;
          const ur = re[a] as number;
          const ui = im[a] as number;
          re[a] = ur + vr;
          im[a] = ui + vi;
          re[b] = ur - vr;
          im[b] = ui - vi;
        }
      }
    }
  }

  #bluestein(re: Float64Array, im: Float64Array): void {
    const n = this.length;
    const { inner, wr, wi, kr, ki, ar, ai } = this.#chirp as Chirp;
    const padded = inner.length;
    ar.fill(0);
    ai.fill(0);
    for (let j = 0; j < n; j += 1) {
      const c = wr[j] as number;
      const s = wi[j] as number;
      ar[j] = (re[j] as number) * c - (im[j] as number) * s;
      ai[j] = (re[j] as number) * s + (im[j] as number) * c;
    }
    inner.forward(ar, ai);
    for (let j = 0; j < padded; j += 1) {
      const r = ar[j] as number;
      const m = ai[j] as number;
      ar[j] = r * (kr[j] as number) - m * (ki[j] as number);
      ai[j] = r * (ki[j] as number) + m * (kr[j] as number);
    }
    inner.inverse(ar, ai);
    for (let j = 0; j < n; j += 1) {
      const r = (ar[j] as number) / padded;
      const m = (ai[j] as number) / padded;
      const c = wr[j] as number;
      const s = wi[j] as number;
      re[j] = r * c - m * s;
      im[j] = r * s + m * c;
    }
  }
}

/**
 * Real inverse transform in two dimensions with the orthonormal factor, as `numpy.fft.irfft2(X, s=(h, w), norm='ortho')`:
 * x[y,x] = (1/√(hw))·Σ_{ky} Σ_{kx<w} X̃[ky,kx]·exp(2πi(ky·y/h + kx·x/w)), X̃ the Hermitian completion of X.
 * Imaginary parts that a real signal cannot have (kx = 0 and, for even w, kx = w/2, after the transform over y) are ignored, as NumPy does.
 * @shape spectrum: float64 re, im [height, ⌊width/2⌋+1]; image: float64 [height, width]
 * @source NumPy 1.26 irfft2; adjoint: nsd-and-encoding notes, section 3.1 (checked there by finite differences)
 */
export class RealInverse2d {
  readonly height: number;
  readonly width: number;
  /** kept columns: ⌊width/2⌋+1 */
  readonly columns: number;
  readonly #overY: Fft;
  readonly #overX: Fft;
  readonly #colRe: Float64Array;
  readonly #colIm: Float64Array;
  readonly #rowRe: Float64Array;
  readonly #rowIm: Float64Array;
  readonly #midRe: Float64Array;
  readonly #midIm: Float64Array;

  constructor(height: number, width: number) {
    this.height = height;
    this.width = width;
    this.columns = Math.floor(width / 2) + 1;
    this.#overY = new Fft(height);
    this.#overX = new Fft(width);
    this.#colRe = new Float64Array(height);
    this.#colIm = new Float64Array(height);
    this.#rowRe = new Float64Array(width);
    this.#rowIm = new Float64Array(width);
    this.#midRe = new Float64Array(height * this.columns);
    this.#midIm = new Float64Array(height * this.columns);
  }

  /** Spectrum → image. */
  synthesize(re: Float64Array, im: Float64Array, image: Float64Array): void {
    const { height, width, columns } = this;
    const norm = 1 / Math.sqrt(height * width);
    for (let kx = 0; kx < columns; kx += 1) {
      for (let ky = 0; ky < height; ky += 1) {
        this.#colRe[ky] = re[ky * columns + kx] as number;
        this.#colIm[ky] = im[ky * columns + kx] as number;
      }
      this.#overY.inverse(this.#colRe, this.#colIm);
      for (let y = 0; y < height; y += 1) {
        this.#midRe[y * columns + kx] = this.#colRe[y] as number;
        this.#midIm[y * columns + kx] = this.#colIm[y] as number;
      }
    }
    // Two real rows at once: the transform of R₀ + i·R₁ carries row 0 in its real part and row 1 in its imaginary part.
    for (let y = 0; y < height; y += 2) {
      const paired = y + 1 < height;
      for (let kx = 0; kx < columns; kx += 1) {
        const edge = kx === 0 || 2 * kx === width;
        const a = y * columns + kx;
        const r0 = this.#midRe[a] as number;
        const i0 = edge ? 0 : (this.#midIm[a] as number);
        const r1 = paired ? (this.#midRe[a + columns] as number) : 0;
        const i1 = paired && !edge ? (this.#midIm[a + columns] as number) : 0;
        this.#rowRe[kx] = r0 - i1;
        this.#rowIm[kx] = i0 + r1;
        if (!edge) {
          this.#rowRe[width - kx] = r0 + i1;
          this.#rowIm[width - kx] = r1 - i0;
        }
      }
      this.#overX.inverse(this.#rowRe, this.#rowIm);
      for (let x = 0; x < width; x += 1) {
        image[y * width + x] = (this.#rowRe[x] as number) * norm;
        if (paired) image[(y + 1) * width + x] = (this.#rowIm[x] as number) * norm;
      }
    }
  }

  /** Adjoint (vector-Jacobian product) of `synthesize`: ∂L/∂X = c·rfft2(∂L/∂x)/√(hw), c = 1 in columns 0 and (even width) width/2, else 2. */
  adjoint(image: Float64Array, re: Float64Array, im: Float64Array): void {
    const { height, width, columns } = this;
    const norm = 1 / Math.sqrt(height * width);
    for (let y = 0; y < height; y += 2) {
      const paired = y + 1 < height;
      for (let x = 0; x < width; x += 1) {
        this.#rowRe[x] = image[y * width + x] as number;
        this.#rowIm[x] = paired ? (image[(y + 1) * width + x] as number) : 0;
      }
      this.#overX.forward(this.#rowRe, this.#rowIm);
      for (let kx = 0; kx < columns; kx += 1) {
        const mirror = kx === 0 ? 0 : width - kx;
        const zr = this.#rowRe[kx] as number;
        const zi = this.#rowIm[kx] as number;
        const mr = this.#rowRe[mirror] as number;
        const mi = this.#rowIm[mirror] as number;
        const a = y * columns + kx;
        this.#midRe[a] = (zr + mr) / 2;
        this.#midIm[a] = (zi - mi) / 2;
        if (paired) {
          this.#midRe[a + columns] = (zi + mi) / 2;
          this.#midIm[a + columns] = (mr - zr) / 2;
        }
      }
    }
    for (let kx = 0; kx < columns; kx += 1) {
      const weight = kx === 0 || 2 * kx === width ? norm : 2 * norm;
      for (let y = 0; y < height; y += 1) {
        this.#colRe[y] = this.#midRe[y * columns + kx] as number;
        this.#colIm[y] = this.#midIm[y * columns + kx] as number;
      }
      this.#overY.forward(this.#colRe, this.#colIm);
      for (let ky = 0; ky < height; ky += 1) {
        re[ky * columns + kx] = (this.#colRe[ky] as number) * weight;
        im[ky * columns + kx] = (this.#colIm[ky] as number) * weight;
      }
    }
  }
}

/** Frequencies in cycles per sample, as numpy.fft.fftfreq(n). @shape float64 [n] */
export function fftFrequencies(n: number): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => (i < Math.ceil(n / 2) ? i : i - n) / n);
}
