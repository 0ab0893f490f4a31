/** `prior.train`: learns what pictures look like, as a denoiser, so that dreams can be kept plausible (dream.guided). It knows no brain and no backbone. */
import { Type } from '@sinclair/typebox';
import { PipelineError } from '../../core/errors.js';
import type { ReportBlock } from '../../core/report-block.js';
import type { Tensor } from '../../core/tensor.js';
import { GraphBuilder } from '../../graph/builder.js';
import { encodeModel } from '../../graph/encode.js';
import type { Graph } from '../../graph/ir.js';
import { scheduleFactor, warmupFactor } from '../../graph/training/schedule.js';
import { trainingStep } from '../../graph/training/step.js';
import { PRIOR, writePrior } from '../artifacts/prior.js';
import { defineStage } from '../define.js';
import { contactSheet } from '../images/contact-sheet.js';
import { planesToPixels } from '../images/pixels.js';
import { train } from '../training/loop.js';
import { denoise, initialWeights, loss, SIZE_UNIT } from './network.js';
import { NoisyBatches, TARGETS } from './noisy-batches.js';
import { labelledPictures, trainingStimuli, type Pictures } from './pictures.js';

/** of Adam */
const BETA1 = 0.9;
const BETA2 = 0.99;
/** steps, of a tenth of a second and more */
const CHECKPOINT_EVERY = 100;
/** pictures in one run of the finished model: those of one target are dreamt together */
const BATCH = 4;

export default defineStage({
  type: 'prior.train',
  version: 2,
  summary: 'Trains a denoiser on pictures: what pictures look like, for dream.guided.',
  description: [
    'D(y; σ) = ½ + ¼·F(z/√(1 + s²)), z = (y − ½)/¼, s = σ/¼: a convolutional network F with four scales (half to a sixteenth of the side) and sums across them, given a picture with Gaussian noise of standard deviation σ (pixels in [0, 1]), returns its guess of the picture. Loss: mean squared error, weighted by min(10, 1 + (¼/σ)²); ln σ uniform. Adam (β 0.9, 0.99), linear warm-up, half-cosine to 0. About 560,000 weights.',
    'Learns from labelled pictures (half of them mirrored, words never) or from the training part of stimuli, of which `pictures` are chosen; images held out are never looked at. It is trained on no response and knows nothing of the brain.',
    'Source: Karras et al. 2022 for noise levels and input scaling; Ronneberger et al. 2015 for the shape of the network.',
  ].join('\n\n'),
  params: Type.Object(
    {
      epochs: Type.Integer({ minimum: 1, maximum: 1000, default: 2, description: 'passes over the pictures' }),
      batch: Type.Integer({ minimum: 1, maximum: 1024, default: 16, description: 'pictures in a step' }),
      learning_rate: Type.Number({ exclusiveMinimum: 0, default: 0.002, description: 'largest learning rate' }),
      warmup: Type.Integer({ minimum: 1, default: 50, description: 'steps of linear warm-up' }),
      lowest_noise: Type.Number({ exclusiveMinimum: 0, default: 0.025, description: 'weakest noise, standard deviation, pixels in [0, 1]' }),
      highest_noise: Type.Number({ exclusiveMinimum: 0, default: 1, description: 'strongest noise' }),
      size: Type.Integer({ minimum: 32, maximum: 512, multipleOf: SIZE_UNIT, default: 128, description: 'side of the pictures, pixels: that of the backbone; labelled pictures must have it' }),
      pictures: Type.Integer({ minimum: 1, default: 10_000, description: 'of stimuli: so many of the training part at most (they are kept in memory, 3·size² bytes each: more than half of the machine’s is refused, E_ENVIRONMENT)' }),
    },
    { additionalProperties: false },
  ),
  inputs: {
    images: { type: 'LabelledImages', description: 'pictures to learn from', optional: true },
    stimuli: { type: 'Stimuli', description: 'or the images of a data set, its training part', optional: true },
  },
  outputs: { prior: { type: 'Prior', description: 'denoiser.onnx', publish: ['*.png'] } },
  needs: ['tensor'],
  random: true,
  runs: 'worker',
  resources: { cpus: 2, memoryMb: 2500 },
  async run(context) {
    const { params, inputs, outputs, services, random, signal } = context;
    const range = { lowest: params.lowest_noise, highest: params.highest_noise };
    if (range.highest <= range.lowest) {
      throw new PipelineError('E_DATA', 'the strongest noise is not stronger than the weakest', { facts: { expected: `highest_noise above ${range.lowest}`, found: range.highest }, hint: 'Raise highest_noise, or lower lowest_noise.' });
    }
    let pictures: Pictures;
    if (inputs.images !== undefined && inputs.stimuli === undefined) pictures = labelledPictures(inputs.images);
    else if (inputs.stimuli !== undefined && inputs.images === undefined) pictures = trainingStimuli(inputs.stimuli, params.size, params.pictures, random.fork('pictures'), signal);
    else {
      throw new PipelineError('E_DATA', 'pictures come from one place', {
        facts: { expected: 'either images or stimuli', found: inputs.images === undefined ? 'neither' : 'both' }, hint: 'Connect one of the two inputs.',
      });
    }
    const { size } = pictures;
    if (size !== params.size) {
      throw new PipelineError('E_DATA', 'the pictures do not have the size of the prior', { facts: { expected: `${params.size} pixels`, found: `${size} pixels` }, hint: 'Give both the same size.' });
    }
    const batches = new NoisyBatches(pictures, range, random.fork('batches'));
    const untrained = initialWeights(random.fork('weights'));
    const step = trainingStep(lossGraph(params.batch, size, untrained), { loss: 'loss', groups: [{ parameters: [...untrained.keys()] }], optimiser: { kind: 'adam', beta1: BETA1, beta2: BETA2 }, poolIndices: services.tensor.poolIndices });
    const program = await services.tensor.compile(encodeModel(step.graph), { label: 'training step' });
    const trained = await train(program, step, {
      count: pictures.count, batch: params.batch, epochs: params.epochs, random: random.fork('order'), checkpointEvery: CHECKPOINT_EVERY,
      rate: (when) => params.learning_rate * warmupFactor(when.step, params.warmup) * scheduleFactor({ kind: 'cosine' }, when),
      *feeds(order, first) {
        for (const [k, indices] of order.entries()) yield batches.feeds(indices, first + k);
      },
    }, context);
    await program.dispose();
    const weights = step.weights(trained.state);
    const model = encodeModel(denoiserGraph(BATCH, size, weights));
    writePrior(outputs.prior, { size, batch: BATCH, ...range }, model);
    const last = trained.losses.at(-1) as number;
    context.metric('loss', last);

    const shown = await services.tensor.compile(model, { label: 'denoiser' });
    // A few pictures once more, under noise of their own: what the denoiser makes of them.
    const example = batches.feeds(Int32Array.from({ length: BATCH }, (_, b) => b % pictures.count), -1);
    const result = await shown.run({ [PRIOR.noisy]: example[PRIOR.noisy] as Tensor, [PRIOR.sigma]: example[PRIOR.sigma] as Tensor });
    await shown.dispose();
    const sigmas = example[PRIOR.sigma]?.data as Float32Array;
    const rows = [example[PRIOR.noisy]?.data, result[PRIOR.clean]?.data].flatMap((planes, row) =>
      Array.from(sigmas.subarray(0, BATCH), (sigma, b) => ({
        pixels: planesToPixels((planes as Float32Array).subarray(b * 3 * size * size, (b + 1) * 3 * size * size), size, size),
        caption: row === 0 ? `noise ${sigma.toFixed(2)}` : 'denoised',
      })),
    );
    outputs.prior.write(EXAMPLES, await contactSheet(rows, size, sigmas.length));
    const blocks: ReportBlock[] = [
      { kind: 'metrics', title: 'Denoiser', values: { pictures: pictures.count, epochs: params.epochs, weights: [...weights.values()].reduce((sum, { data }) => sum + data.length, 0), 'mean loss of the last epoch': last } },
      { kind: 'images', title: 'Pictures with noise, and denoised', items: [{ file: EXAMPLES }] },
      { kind: 'table', title: 'Mean loss', columns: ['epoch', 'loss'], rows: trained.losses.map((value, epoch) => [epoch + 1, value]) },
    ];
    outputs.prior.json('report.json', blocks);
  },
});

const EXAMPLES = 'denoised.png';

function denoiserGraph(batch: number, size: number, weights: ReadonlyMap<string, Tensor>): Graph {
  const builder = new GraphBuilder();
  const noisy = builder.input(PRIOR.noisy, 'float32', [batch, 3, size, size]);
  const sigma = builder.input(PRIOR.sigma, 'float32', [batch, 1, 1, 1]);
  builder.output(PRIOR.clean, denoise(builder, noisy, sigma, weights));
  return builder.build();
}

function lossGraph(batch: number, size: number, weights: ReadonlyMap<string, Tensor>): Graph {
  const builder = new GraphBuilder();
  const noisy = builder.input(PRIOR.noisy, 'float32', [batch, 3, size, size]);
  const sigma = builder.input(PRIOR.sigma, 'float32', [batch, 1, 1, 1]);
  const picture = builder.input(TARGETS.picture, 'float32', [batch, 3, size, size]);
  const weight = builder.input(TARGETS.weight, 'float32', [batch, 1, 1, 1]);
  builder.output('loss', loss(builder, denoise(builder, noisy, sigma, weights), picture, weight));
  return builder.build();
}
