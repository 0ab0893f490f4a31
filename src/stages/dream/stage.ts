/**
 * `dream`: images that drive a region's predicted response as far as it goes. Each target is a region's mean (or its contrast with others); each
 * has several dreams from different starting points. What the true response is, only a second model or the true brain can say: see truth.check.
 */
import { Type } from '@sinclair/typebox';
import { readBackbone } from '../artifacts/backbone.js';
import { defineStage } from '../define.js';
import { ascend } from './ascent.js';
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
    'Source: Olah, Mordvintsev & Schubert 2017 (Feature Visualization); tensorflow/lucid.',
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
    const fourier = await context.services.tensor.compile(fourierModel(BATCH, { height: size, width: size, decay: params.decay, contrast: params.contrast }), { label: 'image of a dream' });
    try {
      await synthesize(context, backbone, params.steps, (response, templates, streams, onStep, signal) => ascend({ response, fourier }, templates, streams, options, onStep, signal));
    } finally {
      await fourier.dispose();
    }
  },
});
