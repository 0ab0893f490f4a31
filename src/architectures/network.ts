/**
 * What the built-in convolutional networks are written with: a graph builder and the weights it draws from. A module's output carries the module's
 * path as its name, its parameters the path with `.weight`, `.bias` …, as in the original framework. Nothing emitted depends on the batch.
 */
import type { Shape } from '../core/tensor.js';
import { GraphBuilder } from '../graph/builder.js';
import type { Attributes } from '../graph/emitter.js';
import type { Value } from '../graph/ir.js';
import { add } from '../graph/layers.js';
import type { OpType } from '../graph/ops/op-types.js';
import { MODEL_INPUT, type Weights } from './architecture.js';

/** classes of the published classifiers. @source ImageNet-1k */
const CLASSES = 1000;
/** @source torch.nn.BatchNorm2d */
const BATCH_NORM_EPSILON = 1e-5;

export interface ConvSetting {
  readonly kernel: number;
  readonly stride?: number;
  readonly pads?: number;
  readonly group?: number;
  /** default true */
  readonly bias?: boolean;
}

export class Network {
  readonly b = new GraphBuilder();
  readonly image: Value;
  readonly #weights: Weights;
  readonly #prefix: string;

  /** @param prefix stands before every path in the names of values and parameters; the bare path stays as the name of the node, and reaches the layer too */
  constructor(weights: Weights, batch: number, size: number, prefix = '') {
    this.#weights = weights;
    this.#prefix = prefix;
    this.image = this.b.input(MODEL_INPUT, 'float32', [batch, 3, size, size]);
  }

  parameter(path: string, shape: Shape): Value {
    const name = this.#prefix + path;
    return this.b.constant(this.#weights.take(name, shape), name);
  }

  /** Classes of the linear layer `path` in these weights: undefined if the checkpoint comes without it. */
  classes(path: string): number | undefined {
    if (this.#weights.shapeOf === undefined) return CLASSES;
    return this.#weights.shapeOf(`${this.#prefix}${path}.weight`)?.[0];
  }

  /** One operator whose result is the layer `path`. `alias` is a second name of it, by default the path without the prefix. */
  layer(op: OpType, inputs: readonly Value[], attributes: Attributes, path: string, alias = path): Value {
    return this.b.node({ op, outputs: [this.#prefix + path], attributes, name: alias }, inputs)[0] as Value;
  }

  relu(x: Value, path: string, alias = path): Value {
    return this.layer('Relu', [x], {}, path, alias);
  }

  add(x: Value, y: Value, path: string): Value {
    return this.layer('Add', [x, y], {}, path);
  }

  /** torch.nn.Conv2d with `channels` outputs. */
  conv(x: Value, path: string, channels: number, { kernel, stride = 1, pads = 0, group = 1, bias = true }: ConvSetting): Value {
    const weight = this.parameter(`${path}.weight`, [channels, (x.shape[1] as number) / group, kernel, kernel]);
    const attributes = { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pads, pads, pads, pads], dilations: [1, 1], group };
    return this.layer('Conv', bias ? [x, weight, this.parameter(`${path}.bias`, [channels])] : [x, weight], attributes, path);
  }

  /** torch.nn.BatchNorm2d with stored statistics. */
  batchNorm(x: Value, path: string): Value {
    const statistics = ['weight', 'bias', 'running_mean', 'running_var'].map((name) => this.parameter(`${path}.${name}`, [x.shape[1] as number]));
    return this.layer('BatchNormalization', [x, ...statistics], { epsilon: BATCH_NORM_EPSILON }, path);
  }

  /** torch.nn.MaxPool2d (floor mode) */
  maxPool(x: Value, path: string, kernel: number, stride = kernel, pads = 0): Value {
    return this.layer('MaxPool', [x], { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pads, pads, pads, pads], ceil_mode: 0 }, path);
  }

  /** torch.nn.AvgPool2d with stride = kernel */
  averagePool(x: Value, path: string, kernel: number): Value {
    return this.layer('AveragePool', [x], { kernel_shape: [kernel, kernel], strides: [kernel, kernel], pads: [0, 0, 0, 0], ceil_mode: 0, count_include_pad: 0 }, path);
  }

  /** torch.nn.Linear over x [batch, channel]. `name` is what the result is called where it is not the module. */
  linear(x: Value, path: string, channels: number, name = path): Value {
    return this.layer('Gemm', [x, ...this.#linearParameters(path, channels, x.shape[1] as number)], { alpha: 1, beta: 1, transA: 0, transB: 1 }, name);
  }

  /** torch.nn.Linear over the last axis of x [batch, …, channel]: one product over all rows. */
  linearLast(x: Value, path: string, channels: number): Value {
    const inner = x.shape.at(-1) as number;
    const rows = this.reshape(x, [-1, inner]);
    const product = this.b.op('Gemm', [rows, ...this.#linearParameters(path, channels, inner)], { alpha: 1, beta: 1, transA: 0, transB: 1 });
    return this.layer('Reshape', [product, this.b.ints([-1, ...x.shape.slice(1, -1), channels])], {}, path);
  }

  flatten(x: Value, path: string): Value {
    return this.layer('Flatten', [x], { axis: 1 }, path);
  }

  globalAveragePool(x: Value, path: string): Value {
    return this.layer('GlobalAveragePool', [x], {}, path);
  }

  /** 0 keeps an axis, −1 takes what is left: the shape must not name the batch. */
  reshape(x: Value, shape: Shape): Value {
    return this.b.op('Reshape', [x, this.b.ints(shape)], {});
  }

  /** x + a parameter of the same last axes, broadcast over the batch */
  addParameter(x: Value, path: string, shape: Shape): Value {
    return add(this.b, x, this.parameter(path, shape));
  }

  #linearParameters(path: string, channels: number, inner: number): Value[] {
    return [this.parameter(`${path}.weight`, [channels, inner]), this.parameter(`${path}.bias`, [channels])];
  }
}
