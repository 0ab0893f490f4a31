/**
 * Denoising that is guided: from pure noise to a picture in steps of falling noise, where every step is drawn to what pictures look like (the prior)
 * and to what raises a predicted response (the guide). Without files and without a stage.
 */
import type { Random } from '../../core/random.js';
import { tensor, type Tensor } from '../../core/tensor.js';
import type { TensorProgram } from '../../core/tensor-service.js';
import { PRIOR } from '../artifacts/prior.js';
import type { AffineRange } from '../dream/affine.js';
import type { Ascent } from '../dream/ascent.js';
import { BATCH, uphill } from '../dream/uphill.js';
import { Views } from '../dream/views.js';

export interface GuidedOptions {
  readonly size: number;
  readonly steps: number;
  /** noise of the first and the last step, standard deviation, pixels in [0, 1] */
  readonly highest: number;
  readonly lowest: number;
  /** root mean square of the guide's push, in units of the step's noise */
  readonly guidance: number;
  /** share of fresh noise in a step, 0 … 1 (η of DDIM) */
  readonly churn: number;
  readonly view: AffineRange;
  /** noise added to a view, at most that of the step */
  readonly noise: number;
}

const MIDDLE = 0.5;

/** σ_k = highest·(lowest/highest)^(k/(steps−1)), k = 0 … steps−1; one step alone has the highest. */
export function noiseLevels({ steps, highest, lowest }: Pick<GuidedOptions, 'steps' | 'highest' | 'lowest'>): Float64Array {
  return Float64Array.from({ length: steps }, (_, k) => (k === 0 ? highest : highest * (lowest / highest) ** (k / (steps - 1))));
}

/**
 * y₀ = ½ + σ₀·n; d = clip(D(y_k; σ_k), 0, 1); g = ∂response(view(d))/∂d, scaled to root mean square 1 (0 where it vanishes);
 * y_{k+1} = d + guidance·σ_k·g + σ_down·(y_k − d)/σ_k + σ_up·n, σ_up = churn·σ_{k+1}·√(1 − σ_{k+1}²/σ_k²), σ_down = √(σ_{k+1}² − σ_up²).
 * The picture is the last d: nothing is pushed that the prior does not see afterwards.
 * @param program from `responseModel` with batch size `BATCH`; denoiser: a `Prior`, the same batch
 * @param streams one an image, at most `BATCH`: a picture does not depend on its neighbours
 * Errors: E_NOT_CONVERGED as for `ascend`.
 * @source Song et al. 2021 (DDIM) for the step; guidance at the denoised picture as in Luo et al. 2023 (BrainDiVE)
 */
export async function sampleGuided(
  program: TensorProgram,
  denoiser: TensorProgram,
  templates: Readonly<Record<string, Tensor>>,
  streams: readonly Random[],
  options: GuidedOptions,
  onStep: (step: number, response: number) => void,
  signal: AbortSignal,
): Promise<Ascent> {
  const { size } = options;
  const pixels = 3 * size * size;
  const shape = [BATCH, 3, size, size] as const;
  const levels = noiseLevels(options);
  const curves = streams.map((): number[] => []);
  const noisy = new Float32Array(BATCH * pixels).fill(MIDDLE);
  streams.forEach((stream, b) => {
    const start = stream.fork('start');
    for (let i = b * pixels; i < (b + 1) * pixels; i += 1) noisy[i] = MIDDLE + start.normal(0, options.highest);
  });
  const views = new Views(streams, BATCH, size, options.view, options.noise);
  let clean = new Float32Array(0);
  for (const [k, sigma] of levels.entries()) {
    signal.throwIfAborted();
    const denoised = await denoiser.run({ [PRIOR.noisy]: tensor('float32', shape, noisy), [PRIOR.sigma]: tensor('float32', [BATCH, 1, 1, 1], new Float32Array(BATCH).fill(sigma)) }, [PRIOR.clean]);
    clean = (denoised[PRIOR.clean]?.data as Float32Array<ArrayBuffer>).map((x) => Math.min(1, Math.max(0, x)));
    const { responses, gradient } = await uphill(program, templates, views.draw(clean, sigma), streams.length, k + 1);
    responses.forEach((response, b) => curves[b]?.push(response));
    onStep(k + 1, responses.reduce((sum, x) => sum + x, 0) / streams.length);
    const guide = views.pullBack(gradient);
    const next = levels[k + 1] ?? 0;
    const up = options.churn * next * Math.sqrt(1 - (next / sigma) ** 2);
    const down = Math.sqrt(next * next - up * up) / sigma;
    streams.forEach((stream, b) => {
      const push = options.guidance * sigma * inverseRootMeanSquare(guide.subarray(b * pixels, (b + 1) * pixels));
      for (let i = b * pixels; i < (b + 1) * pixels; i += 1) {
        const d = clean[i] as number;
        noisy[i] = d + push * (guide[i] as number) + down * ((noisy[i] as number) - d) + (up > 0 ? stream.normal(0, up) : 0);
      }
    });
  }
  return { images: clean.slice(0, streams.length * pixels), curves };
}

/** 1/√(mean of squares); 0 for zeros. */
function inverseRootMeanSquare(values: Float32Array): number {
  const squares = values.reduce((sum, x) => sum + x * x, 0);
  return squares === 0 ? 0 : Math.sqrt(values.length / squares);
}
