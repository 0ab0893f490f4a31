/**
 * `dream`: images that drive a region's predicted response as far as it goes. Each target is a region's mean (or its contrast with others); each
 * has several dreams from different starting points. What the true response is, only a second model or the true brain can say: see truth.check.
 */
import { Type } from '@sinclair/typebox';
import type { TensorService } from '../../core/tensor-service.js';
import type { ArtifactReader } from '../../engine/stage.js';
import type { Convolutions } from '../artifacts/convolutions.js';
import { readBackbone, type Backbone } from '../artifacts/backbone.js';
import { readReadout } from '../artifacts/readout.js';
import { choice, defineStage } from '../define.js';
import { responseModel } from '../response/response-graph.js';
import { ascend, type AscentPrograms } from './ascent.js';
import { fourierModel } from './fourier-model.js';
import { DREAMS_OUTPUT, OBJECTIVE_TEXT, SHARED_PARAMS, synthesize } from './synthesis.js';
import { BATCH } from './uphill.js';

export default defineStage({
  type: 'dream',
  version: 4,
  summary: 'Synthesises the images that maximise the predicted response of a region.',
  description: [
    'Gradient ascent with Adam on the Fourier coefficients of an image in a decorrelated colour space: x = sigmoid(C·irfft2(s·z)/4), s(f) = 1/max(f, 1/size)^decay. Every step sees the image under a random rotation, zoom and shift (bilinear, reflected at the border) and with Gaussian noise. After each step the contrast is bounded.',
    ...OBJECTIVE_TEXT,
    'A starting point may lie where every unit of a layer is off, so that no gradient comes back. `relu_gradient: redirected` lets through, for such an image only, what does not push a unit that is off further down, in the first `redirected_steps` steps. `guided` is guided backpropagation in every step: only what raises the response through units that are on. Both need a backbone with ReLUs.',
    'Source: Olah, Mordvintsev & Schubert 2017 (Feature Visualization); tensorflow/lucid (with its redirected ReLU); Springenberg et al. 2015 (guided).',
  ].join('\n\n'),
  params: Type.Object(
    {
      ...SHARED_PARAMS,
      steps: Type.Integer({ minimum: 1, maximum: 100_000, default: 64, description: 'steps of ascent' }),
      learning_rate: Type.Number({ exclusiveMinimum: 0, default: 0.05, description: 'of Adam' }),
      decay: Type.Number({ minimum: 0, maximum: 3, default: 1.5, description: 'exponent of the 1/f scale' }),
      contrast: Type.Number({ minimum: 0, default: 1.5, description: 'bound on the standard deviation before colour and sigmoid; 0: none' }),
      rotation: Type.Number({ minimum: 0, maximum: 180, default: 15, description: 'largest rotation of a view, degrees' }),
      zoom: Type.Number({ minimum: 0, exclusiveMaximum: 1, default: 0.3, description: 'zoom of a view is within 1 ± this' }),
      shift: Type.Number({ minimum: 0, default: 16, description: 'largest shift of a view, pixels' }),
      noise: Type.Number({ minimum: 0, default: 0.1, description: 'standard deviation of the noise added to a view' }),
      relu_gradient: Type.Optional(choice(['exact', 'redirected', 'guided'], { description: 'gradient of ReLUs (default exact)' })),
      redirected_steps: Type.Optional(Type.Integer({ minimum: 1, description: 'steps with a redirected gradient (default 16, as in lucid)' })),
    },
    { additionalProperties: false },
  ),
  inputs: {
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
    const { params } = context;
    const backbone = readBackbone(context.inputs.backbone);
    const { size } = backbone.preprocessing;
    const options = {
      size, steps: params.steps, learningRate: params.learning_rate, decay: params.decay, contrast: params.contrast, noise: params.noise,
      view: { rotation: params.rotation, zoom: params.zoom, shift: params.shift },
    };
    const early = await earlyProgram(context, backbone);
    const fourier = await context.services.tensor.compile(fourierModel(BATCH, { height: size, width: size, decay: params.decay, contrast: params.contrast }), { label: 'image of a dream' });
    try {
      await synthesize(context, backbone, params.steps, (response, templates, streams, onStep, signal) => ascend({ response, fourier, ...(early === undefined ? {} : { early }) }, templates, streams, options, onStep, signal));
    } finally {
      await fourier.dispose();
      await early?.response.dispose();
    }
  },
});

/** lucid: global_step <= 16 */
const REDIRECTED_STEPS = 16;

interface EarlyContext {
  readonly params: { readonly relu_gradient?: 'exact' | 'redirected' | 'guided'; readonly redirected_steps?: number; readonly steps: number; readonly convolutions: Convolutions };
  readonly inputs: { readonly readout: ArtifactReader };
  readonly services: { readonly tensor: TensorService };
}

/** The response with the gradient that `relu_gradient` asks for, and in how many steps it is used. */
async function earlyProgram({ params, inputs, services }: EarlyContext, backbone: Backbone): Promise<AscentPrograms['early']> {
  const rule = params.relu_gradient ?? 'exact';
  if (rule === 'exact') return undefined;
  const layers = readReadout(inputs.readout).layers.map((layer) => layer.name);
  const response = await services.tensor.compile(responseModel(backbone, BATCH, layers, { poolTies: 'every', poolIndices: services.tensor.poolIndices, reluGradient: rule, convolutions: params.convolutions }), { label: `dream with ${rule} gradients` });
  return { response, steps: rule === 'guided' ? params.steps : (params.redirected_steps ?? REDIRECTED_STEPS) };
}
