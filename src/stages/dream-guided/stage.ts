/**
 * `dream.guided`: dreams that look like pictures. A denoiser (prior.train) turns noise into a picture step by step, and the predicted response of a
 * region guides it. The prior adds what pictures look like, not what the area wants: compare with the dreams of `dream`, which know no pictures.
 */
import { Type } from '@sinclair/typebox';
import { PipelineError } from '../../core/errors.js';
import { readBackbone } from '../artifacts/backbone.js';
import { readPrior } from '../artifacts/prior.js';
import { defineStage } from '../define.js';
import { DREAMS_OUTPUT, OBJECTIVE_TEXT, SHARED_PARAMS, synthesize } from '../dream/synthesis.js';
import { BATCH } from '../dream/uphill.js';
import { sampleGuided } from './guided.js';

export default defineStage({
  type: 'dream.guided',
  version: 2,
  summary: 'Synthesises pictures that raise the predicted response of a region, kept plausible by a denoiser.',
  description: [
    'y₀ = ½ + highest_noise·n. In every step of noise σ (falling geometrically to lowest_noise): d = D(y; σ), clipped to [0, 1], is the denoiser’s guess of the picture; g = ∂response(view(d))/∂d, scaled to root mean square 1, is the guide; y ← d + guidance·σ·g + σ_down·(y − d)/σ + σ_up·n with σ_up = churn·σ′·√(1 − σ′²/σ²), σ_down² + σ_up² = σ′², σ′ the next noise. The picture is the last d. A view is a random rotation, zoom and shift with noise, at most that of the step.',
    'What such a dream shows comes from two sources: what the area is predicted to prefer, and what the prior’s training pictures look like. That a dream of a face has two eyes says little about the area. `guidance` is the balance: 0 gives a picture of the prior alone, and what the prior can be pushed to grows with it. The responses are reported as for `dream`; put both side by side.',
    ...OBJECTIVE_TEXT,
    'Source: Song, Meng & Ermon 2021 (DDIM) for the step; Dhariwal & Nichol 2021 for guidance; Luo et al. 2023 (BrainDiVE) for guidance by an encoding model at the denoised picture.',
  ].join('\n\n'),
  params: Type.Object(
    {
      ...SHARED_PARAMS,
      steps: Type.Integer({ minimum: 1, maximum: 100_000, default: 64, description: 'steps from noise to picture' }),
      guidance: Type.Number({ minimum: 0, default: 0.03, description: 'push of the guide, root mean square, in units of the step’s noise' }),
      highest_noise: Type.Number({ exclusiveMinimum: 0, default: 1, description: 'noise of the first step, standard deviation, pixels in [0, 1]; within what the prior was trained with' }),
      lowest_noise: Type.Number({ exclusiveMinimum: 0, default: 0.025, description: 'noise of the last step; likewise' }),
      churn: Type.Number({ minimum: 0, maximum: 1, default: 0.5, description: 'share of fresh noise: 0 none, 1 as much as a step takes away' }),
      rotation: Type.Number({ minimum: 0, maximum: 180, default: 10, description: 'largest rotation of a view, degrees' }),
      zoom: Type.Number({ minimum: 0, exclusiveMaximum: 1, default: 0.15, description: 'zoom of a view is within 1 ± this' }),
      shift: Type.Number({ minimum: 0, default: 8, description: 'largest shift of a view, pixels' }),
      noise: Type.Number({ minimum: 0, default: 0.2, description: 'standard deviation of the noise added to a view, at most that of the step' }),
    },
    { additionalProperties: false },
  ),
  inputs: {
    prior: { type: 'Prior', description: 'the denoiser' },
    backbone: { type: 'Backbone', description: 'the model that the features came from' },
    readout: { type: 'Readout', description: 'the fitted readout' },
    features: { type: 'Features', description: 'features of the natural images, for percentiles' },
  },
  outputs: { dreams: DREAMS_OUTPUT },
  needs: ['tensor'],
  random: true,
  runs: 'worker',
  resources: { cpus: 2, memoryMb: 1500 },
  async run(context) {
    const { params, services } = context;
    const backbone = readBackbone(context.inputs.backbone);
    const prior = readPrior(context.inputs.prior);
    const { size } = backbone.preprocessing;
    requireFit('size of the pictures', prior.size, size, prior.size === size, 'Train the prior at the size of the backbone.');
    requireFit('pictures in one run', prior.batch, BATCH, prior.batch === BATCH, 'Train the prior again with this version.');
    requireFit('range of noise', `${prior.lowest} … ${prior.highest}`, `${params.lowest_noise} … ${params.highest_noise}`,
      params.lowest_noise >= prior.lowest && params.lowest_noise <= params.highest_noise && params.highest_noise <= prior.highest, 'Stay within the noise that the prior was trained with.');
    const denoiser = await services.tensor.compile(prior.model, { label: 'prior' });
    const options = {
      size, steps: params.steps, highest: params.highest_noise, lowest: params.lowest_noise, guidance: params.guidance, churn: params.churn, noise: params.noise,
      view: { rotation: params.rotation, zoom: params.zoom, shift: params.shift },
    };
    try {
      await synthesize(context, backbone, params.steps, (program, templates, streams, onStep, signal) => sampleGuided(program, denoiser, templates, streams, options, onStep, signal));
    } finally {
      await denoiser.dispose();
    }
  },
});

function requireFit(what: string, prior: string | number, wanted: string | number, fits: boolean, hint: string): void {
  if (!fits) throw new PipelineError('E_DATA', `the prior does not fit: ${what}`, { facts: { expected: wanted, found: prior }, hint });
}
