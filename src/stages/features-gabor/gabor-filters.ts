/**
 * The filters of a standard Gabor pyramid: quadrature pairs of one octave bandwidth with a round envelope. Written for the control features and
 * for nothing else: the simulated brain has filters of its own (another bandwidth, other orientations, another grey), and the two share no code.
 */
import { PipelineError } from '../../core/errors.js';

/** wavelengths are halved together with the image until a filter would be shorter than this, in pixels of its level */
const SHORTEST_AT_A_LEVEL = 4;
/** half-amplitude bandwidth, octaves */
const BANDWIDTH = 1;
/** the envelope is cut where it has fallen to exp(−4.5) = 1 % */
const RADIUS_IN_SIGMAS = 3;
/** of the envelope's norm: what is less is the rounding of a filter that vanishes, as the odd one of 2 pixels does, sin(πx) */
const LEAST_SHARE = 0.01;

/** How often the image is halved before a wavelength is measured, and what is left of the wavelength there. */
export function levelOf(wavelength: number): { readonly level: number; readonly pixels: number } {
  const level = Math.max(0, Math.floor(Math.log2(wavelength / SHORTEST_AT_A_LEVEL)));
  return { level, pixels: wavelength / 2 ** level };
}

export interface FilterBank {
  readonly radius: number;
  /** float32 [2 × orientations, 1, side, side], side = 2·radius + 1: the even filters of all orientations, then the odd ones */
  readonly weights: Float32Array;
}

/**
 * g(x, y)·cos(2πu/λ) and g(x, y)·sin(2πu/λ), u = x cosθ + y sinθ, θ_i = πi/n; g Gaussian with σ = λ/π·√(ln2/2)·(2ᵇ+1)/(2ᵇ−1), b = 1 octave
 * (0.56 λ), cut at ⌈3σ⌉. The even filter loses its mean in proportion to g, so that a uniform image gives 0; each has unit L2 norm.
 * @param wavelength λ in pixels; n = orientations
 * Errors: E_OUT_OF_RANGE for a filter that vanishes on the pixel grid; none does from 3 pixels on.
 * @source Daugman 1985 (the functions); Petkov & Kruizinga 1997, equation 5 (σ of a bandwidth)
 */
export function filterBank(wavelength: number, orientations: number): FilterBank {
  const sigma = (wavelength / Math.PI) * Math.sqrt(Math.LN2 / 2) * ((2 ** BANDWIDTH + 1) / (2 ** BANDWIDTH - 1));
  const radius = Math.ceil(RADIUS_IN_SIGMAS * sigma);
  const side = 2 * radius + 1;
  const taps = side * side;
  const weights = new Float32Array(2 * orientations * taps);
  const envelope = new Float64Array(taps);
  for (let i = 0; i < taps; i += 1) {
    const [x, y] = [(i % side) - radius, Math.floor(i / side) - radius];
    envelope[i] = Math.exp(-(x * x + y * y) / (2 * sigma * sigma));
  }
  const mass = envelope.reduce((a, b) => a + b, 0);
  for (let o = 0; o < orientations; o += 1) {
    const theta = (Math.PI * o) / orientations;
    const phase = (i: number): number => (2 * Math.PI * (((i % side) - radius) * Math.cos(theta) + (Math.floor(i / side) - radius) * Math.sin(theta))) / wavelength;
    const even = envelope.map((g, i) => g * Math.cos(phase(i)));
    const share = even.reduce((a, b) => a + b, 0) / mass;
    weights.set(unitNorm(even.map((value, i) => value - share * (envelope[i] as number)), envelope, wavelength), o * taps);
    weights.set(unitNorm(envelope.map((g, i) => g * Math.sin(phase(i))), envelope, wavelength), (orientations + o) * taps);
  }
  return { radius, weights };
}

function normOf(values: Float64Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}

/** Errors: E_OUT_OF_RANGE for a filter that is next to nothing beside its envelope. */
function unitNorm(values: Float64Array, envelope: Float64Array, wavelength: number): Float64Array {
  const norm = normOf(values);
  const share = norm / normOf(envelope);
  if (!(share >= LEAST_SHARE)) {
    throw new PipelineError('E_OUT_OF_RANGE', `a wavelength of ${wavelength} pixels leaves nothing of a filter on the pixel grid`, {
      facts: { expected: `a norm of at least ${LEAST_SHARE} of its envelope's`, found: share.toPrecision(2) }, hint: 'Choose wavelengths of 3 pixels or more.',
    });
  }
  return values.map((value) => value / norm);
}
