/** `backbone.train`: a small convolutional network trained on labelled pictures by our own gradients, so that the main job needs no download. */
import { Type } from '@sinclair/typebox';
import { PipelineError } from '../../core/errors.js';
import type { ReportBlock } from '../../core/report-block.js';
import { tensor, type Tensor } from '../../core/tensor.js';
import type { TensorService } from '../../core/tensor-service.js';
import { GraphBuilder } from '../../graph/builder.js';
import { encodeModel } from '../../graph/encode.js';
import type { Graph } from '../../graph/ir.js';
import { div, sub } from '../../graph/layers.js';
import { scheduleFactor, warmupFactor } from '../../graph/training/schedule.js';
import { trainingStep } from '../../graph/training/step.js';
import { writeBackbone, type Preprocessing } from '../artifacts/backbone.js';
import { CELL_CLASSES, CELL_GRID, readLabelledImages } from '../artifacts/labelled-images.js';
import { defineStage } from '../define.js';
import { train } from '../training/loop.js';
import { Augmenter, type Batch } from './augment.js';
import { CONV_LAYERS, HEAD, IMAGE_CLASSES, imageLogits, initialWeights, loss, network } from './network.js';

/** the model sees (x − ½)/¼. @source reference recipe, section 3 */
const MEAN = [0.5, 0.5, 0.5] as const;
const STD = [0.25, 0.25, 0.25] as const;
const INPUT = 'input';
/** names of the training graph's own inputs */
const FEEDS = { images: 'images', imageTargets: 'imageTargets', cellTargets: 'cellTargets' } as const;
/** Adam as the recipe has it */
const BETA1 = 0.9;
const BETA2 = 0.98;
/** steps, of a tenth of a second and more */
const CHECKPOINT_EVERY = 100;
/** images in one run when accuracy is measured */
const TEST_BATCH = 50;
/** the network halves its input four times down to the cells */
const SIZE = 128;

export default defineStage({
  type: 'backbone.train',
  version: 1,
  summary: 'Trains a small convolutional network on labelled pictures.',
  description: [
    'Six convolutions (24 5×5 stride 2, 32, 48, 64, 96, 128 3×3; ReLU; 2×2 max pooling behind the second, third and fifth) and a 1×1 head with seven classes on an 8×8 grid of cells. Loss: cross-entropy of the image class (logsumexp over cells) plus `cell_weight` times the mean cross-entropy of the cell classes. Adam (β 0.9, 0.98), linear warm-up, half-cosine to 0.',
    'Augmentation: mirroring (not of words), contrast, brightness, and Gaussian pixel noise with a standard deviation drawn per image from noise·U(0, 1). The noise is what makes image gradients, and so dreams, follow objects instead of texture.',
    'The last `validation` pictures are never trained on; accuracy on them is reported. With `epochs: 0` the network stays untrained: a baseline. Layers conv1 … conv6 are the outputs of the ReLUs.',
  ].join('\n\n'),
  params: Type.Object(
    {
      epochs: Type.Integer({ minimum: 0, maximum: 1000, default: 4, description: 'passes over the training pictures' }),
      batch: Type.Integer({ minimum: 1, maximum: 1024, default: 32, description: 'pictures in a step' }),
      learning_rate: Type.Number({ exclusiveMinimum: 0, default: 0.003, description: 'largest learning rate' }),
      warmup: Type.Integer({ minimum: 1, default: 50, description: 'steps of linear warm-up' }),
      cell_weight: Type.Number({ minimum: 0, default: 1, description: 'weight of the cell loss' }),
      noise: Type.Number({ minimum: 0, default: 0.4, description: 'largest standard deviation of the pixel noise' }),
      contrast: Type.Number({ minimum: 0, maximum: 1, default: 0.3, description: 'contrast factor is within 1 ± this' }),
      brightness: Type.Number({ minimum: 0, maximum: 1, default: 0.12, description: 'offset is within ± this' }),
      validation: Type.Integer({ minimum: 1, default: 600, description: 'pictures held out, from the end' }),
    },
    { additionalProperties: false },
  ),
  inputs: { images: { type: 'LabelledImages', description: 'pictures with image and cell classes, 128 pixels' } },
  outputs: { backbone: { type: 'Backbone', description: 'model.onnx with its preprocessing' } },
  needs: ['tensor'],
  random: true,
  runs: 'worker',
  resources: { cpus: 2, memoryMb: 2500 },
  async run(context) {
    const { params, inputs, outputs, services, random } = context;
    const data = readLabelledImages(inputs.images);
    if (data.size !== SIZE || data.count <= params.validation) {
      throw new PipelineError('E_DATA', 'the pictures do not fit the network', {
        facts: { expected: `${SIZE} pixels and more than ${params.validation} pictures`, found: `${data.size} pixels, ${data.count} pictures` },
        hint: 'Set size: 128 and a larger count in stimuli.draw, or lower validation.',
      });
    }
    const training = Int32Array.from({ length: data.count - params.validation }, (_, i) => i);
    const held = Int32Array.from({ length: params.validation }, (_, i) => training.length + i);
    const augmenter = new Augmenter(data, { mirror: 0.5, contrast: params.contrast, brightness: params.brightness, noise: params.noise }, random.fork('augmentation'));
    let weights: ReadonlyMap<string, Tensor> = initialWeights(random.fork('weights'));
    let losses: readonly number[] = [];
    if (params.epochs > 0) {
      const step = trainingStep(lossGraph(params.batch, weights, params.cell_weight), { loss: 'loss', groups: [{ parameters: [...weights.keys()] }], optimiser: { kind: 'adam', beta1: BETA1, beta2: BETA2 }, poolIndices: services.tensor.poolIndices });
      const program = await services.tensor.compile(encodeModel(step.graph), { label: 'training step' });
      const trained = await train(program, step, {
        count: training.length, batch: params.batch, epochs: params.epochs, random: random.fork('order'), checkpointEvery: CHECKPOINT_EVERY,
        rate: (when) => params.learning_rate * warmupFactor(when.step, params.warmup) * scheduleFactor({ kind: 'cosine' }, when),
        *feeds(batches, first) {
          for (const [k, indices] of batches.entries()) yield feedsOf(augmenter.batch(indices, first + k), params.batch);
        },
      }, context);
      await program.dispose();
      losses = trained.losses;
      weights = step.weights(trained.state);
    }
    const accuracy = await measureAccuracy(services.tensor, weights, augmenter, data, held);
    const preprocessing: Preprocessing = { size: SIZE, crop: 'centre', mean: MEAN, std: STD };
    const exported = modelGraph(1, weights);
    const layers = CONV_LAYERS.map((layer) => ({ name: layer.name, shape: exported.values.get(layer.name)?.shape.slice(1) as unknown as readonly [number, number, number] }));
    writeBackbone(outputs.backbone, { name: params.epochs === 0 ? 'untrained small network' : 'small network', input: INPUT, preprocessing, layers }, encodeModel(exported, { batch: 'batch' }));
    context.metric('accuracy', accuracy.images);
    context.metric('cell_accuracy', accuracy.cells);
    const blocks: ReportBlock[] = [
      { kind: 'metrics', title: 'Backbone', values: { 'training pictures': training.length, epochs: params.epochs, 'accuracy on unseen pictures (6 classes)': accuracy.images, 'accuracy of cells (7 classes)': accuracy.cells, 'unseen pictures': held.length } },
      { kind: 'table', title: 'Mean loss', columns: ['epoch', 'loss'], rows: losses.map((value, epoch) => [epoch + 1, value]) },
    ];
    outputs.backbone.json('report.json', blocks);
  },
});

function modelGraph(batch: number, weights: ReadonlyMap<string, Tensor>): Graph {
  const builder = new GraphBuilder();
  builder.output(HEAD, network(builder, builder.input(INPUT, 'float32', [batch, 3, SIZE, SIZE]), weights));
  return builder.build();
}

function lossGraph(batch: number, weights: ReadonlyMap<string, Tensor>, cellWeight: number): Graph {
  const builder = new GraphBuilder();
  const images = builder.input(FEEDS.images, 'float32', [batch, 3, SIZE, SIZE]);
  const imageTargets = builder.input(FEEDS.imageTargets, 'float32', [batch, IMAGE_CLASSES.length]);
  const cellTargets = builder.input(FEEDS.cellTargets, 'float32', [batch, CELL_CLASSES.length, CELL_GRID, CELL_GRID]);
  const cells = network(builder, normalise(builder, images), weights);
  builder.output('loss', loss(builder, cells, imageTargets, cellTargets, cellWeight));
  return builder.build();
}

function feedsOf(batch: Batch, count: number): Record<string, Tensor> {
  return {
    [FEEDS.images]: tensor('float32', [count, 3, SIZE, SIZE], batch.images),
    [FEEDS.imageTargets]: tensor('float32', [count, IMAGE_CLASSES.length], batch.imageTargets),
    [FEEDS.cellTargets]: tensor('float32', [count, CELL_CLASSES.length, CELL_GRID, CELL_GRID], batch.cellTargets),
  };
}

function normalise(builder: GraphBuilder, images: Parameters<typeof div>[1]): ReturnType<typeof div> {
  const centred = sub(builder, images, builder.floats([1, 3, 1, 1], [...MEAN]));
  return div(builder, centred, builder.floats([1, 3, 1, 1], [...STD]));
}

/** Share of unseen pictures whose most likely image class is right, and share of their cells. */
async function measureAccuracy(
  service: TensorService,
  weights: ReadonlyMap<string, Tensor>,
  augmenter: Augmenter,
  data: { readonly labels: Uint8Array; readonly cells: Uint8Array },
  held: Int32Array,
): Promise<{ readonly images: number; readonly cells: number }> {
  const builder = new GraphBuilder();
  const cells = network(builder, normalise(builder, builder.input(FEEDS.images, 'float32', [TEST_BATCH, 3, SIZE, SIZE])), weights);
  builder.output('cells', cells);
  builder.output('classes', imageLogits(builder, cells));
  const program = await service.compile(encodeModel(builder.build()), { label: 'accuracy' });
  let rightImages = 0;
  let rightCells = 0;
  for (let start = 0; start < held.length; start += TEST_BATCH) {
    const chunk = held.subarray(start, start + TEST_BATCH);
    const images = new Float32Array(TEST_BATCH * 3 * SIZE * SIZE);
    images.set(augmenter.plain(chunk));
    const result = await program.run({ [FEEDS.images]: tensor('float32', [TEST_BATCH, 3, SIZE, SIZE], images) });
    const classes = result['classes']?.data as Float32Array;
    const logits = result['cells']?.data as Float32Array;
    chunk.forEach((index, b) => {
      if (largest(classes, b * IMAGE_CLASSES.length, IMAGE_CLASSES.length, 1) === data.labels[index]) rightImages += 1;
      const plane = CELL_GRID * CELL_GRID;
      for (let cell = 0; cell < plane; cell += 1) {
        if (largest(logits, b * CELL_CLASSES.length * plane + cell, CELL_CLASSES.length, plane) === data.cells[index * plane + cell]) rightCells += 1;
      }
    });
  }
  await program.dispose();
  return { images: rightImages / held.length, cells: rightCells / (held.length * CELL_GRID * CELL_GRID) };
}

function largest(values: Float32Array, from: number, count: number, stride: number): number {
  let best = 0;
  for (let k = 1; k < count; k += 1) if ((values[from + k * stride] as number) > (values[from + best * stride] as number)) best = k;
  return best;
}
