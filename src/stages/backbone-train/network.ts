/**
 * The small convolutional network that the main job trains, and its loss, as tensor graphs. One definition serves both: the exported model is the
 * network, the training graph is the same network with a loss behind it.
 */
import type { Random } from '../../core/random.js';
import { tensor, type Tensor } from '../../core/tensor.js';
import type { GraphBuilder } from '../../graph/builder.js';
import type { Value } from '../../graph/ir.js';
import { CELL_CLASSES, CELL_GRID } from '../artifacts/labelled-images.js';
import { add, conv2d, gather, logSoftmax, logSumExp, maxPool2d, mul, reduceSum, relu, reshape } from '../../graph/layers.js';

/** the cell classes that an image as a whole can have: all but background */
export const IMAGE_CLASSES = [0, 1, 2, 3, 4, 6] as const;

interface ConvLayer {
  readonly name: string;
  readonly channels: number;
  readonly kernel: number;
  readonly stride: number;
  readonly poolBehind: boolean;
}

/** 128 → 64 → 32 → 16 → 16 → 8 pixels, about 78 million multiply-adds an image. @source reference recipe, section 3 */
export const CONV_LAYERS: readonly ConvLayer[] = [
  { name: 'conv1', channels: 24, kernel: 5, stride: 2, poolBehind: false },
  { name: 'conv2', channels: 32, kernel: 3, stride: 1, poolBehind: true },
  { name: 'conv3', channels: 48, kernel: 3, stride: 1, poolBehind: true },
  { name: 'conv4', channels: 64, kernel: 3, stride: 1, poolBehind: false },
  { name: 'conv5', channels: 96, kernel: 3, stride: 1, poolBehind: true },
  { name: 'conv6', channels: 128, kernel: 3, stride: 1, poolBehind: false },
];
export const HEAD = 'head';
/** the last layer starts small, so that the first loss is near log(classes). @source the same */
const HEAD_SCALE = 0.3;
const COLOURS = 3;

/** He initialisation N(0, 2/fan_in), biases 0, keyed by initializer name. @source He et al. 2015 */
export function initialWeights(random: Random): Map<string, Tensor> {
  const weights = new Map<string, Tensor>();
  const fill = (name: string, out: number, into: number, kernel: number, scale: number): void => {
    const stream = random.fork(name);
    const sd = scale * Math.sqrt(2 / (into * kernel * kernel));
    weights.set(`${name}.weight`, tensor('float32', [out, into, kernel, kernel], Float32Array.from({ length: out * into * kernel * kernel }, () => stream.normal(0, sd))));
    weights.set(`${name}.bias`, tensor('float32', [out]));
  };
  let into = COLOURS;
  for (const layer of CONV_LAYERS) {
    fill(layer.name, layer.channels, into, layer.kernel, 1);
    into = layer.channels;
  }
  fill(HEAD, CELL_CLASSES.length, into, 1, HEAD_SCALE);
  return weights;
}

/**
 * @param image normalised, float32 [batch, 3, 128, 128]
 * @returns cell logits float32 [batch, class, 8, 8]; every layer's ReLU output carries the layer's name
 */
export function network(builder: GraphBuilder, image: Value, weights: ReadonlyMap<string, Tensor>): Value {
  const parameter = (name: string): Value => builder.constant(weights.get(name) as Tensor, name);
  let x = image;
  for (const layer of CONV_LAYERS) {
    const pads = Math.floor(layer.kernel / 2);
    x = relu(builder, conv2d(builder, x, parameter(`${layer.name}.weight`), parameter(`${layer.name}.bias`), { stride: layer.stride, pads }), layer.name);
    if (layer.poolBehind) x = maxPool2d(builder, x, { kernel: 2 });
  }
  return conv2d(builder, x, parameter(`${HEAD}.weight`), parameter(`${HEAD}.bias`), {}, HEAD);
}

/** logsumexp over the cells of each image class. @shape float32 [batch, 6] */
export function imageLogits(builder: GraphBuilder, cells: Value): Value {
  const batch = cells.shape[0] as number;
  const classes = gather(builder, cells, builder.ints([...IMAGE_CLASSES]), 1);
  return logSumExp(builder, reshape(builder, classes, [batch, IMAGE_CLASSES.length, CELL_GRID * CELL_GRID]), [2], false);
}

/**
 * loss = mean over images of −log p(image class) + cellWeight · mean over images and cells of −log p(cell class).
 * @param imageTargets one-hot float32 [batch, 6]; cellTargets one-hot float32 [batch, 7, 8, 8]
 */
export function loss(builder: GraphBuilder, cells: Value, imageTargets: Value, cellTargets: Value, cellWeight: number): Value {
  const batch = cells.shape[0] as number;
  const imagePart = reduceSum(builder, mul(builder, logSoftmax(builder, imageLogits(builder, cells), 1), imageTargets));
  const cellPart = reduceSum(builder, mul(builder, logSoftmax(builder, cells, 1), cellTargets));
  return add(builder, mul(builder, imagePart, -1 / batch), mul(builder, cellPart, -cellWeight / (batch * CELL_GRID * CELL_GRID)), 'loss');
}
