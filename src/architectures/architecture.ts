/**
 * What a built-in architecture is: a published network that can be made from its published weights. `build` is the only description of it; the
 * list of its parameters is what `build` asks for (parametersOf), so the two can never disagree.
 *
 * Names are the original framework's: parameters by their key in its state dict, layers by the path of their module (`features.12`,
 * `layer4.2.relu`, `blocks.11`), which are the names of the values in the graph.
 */
import type { Tensor } from '../core/tensor.js';
import type { Shape } from '../core/tensor.js';
import type { Graph } from '../graph/ir.js';

/** Where `build` takes its weights from, one after the other. */
export interface Weights {
  /** The parameter of that name. Errors: E_WEIGHTS naming it, with the nearest names, if it is missing or of another shape. */
  take(name: string, shape: Shape): Tensor<'float32'>;
  /** Shape of what is there under a name, undefined if nothing is: for a classifier that may be missing or have other classes. Where the method is absent, everything is there as published. */
  shapeOf?(name: string): Shape | undefined;
}

/** How one parameter of an untrained network is drawn. */
export type Initialisation =
  | { readonly kind: 'normal'; readonly sd: number }
  /** in [−bound, bound) */
  | { readonly kind: 'uniform'; readonly bound: number }
  | { readonly kind: 'constant'; readonly value: number };

/** How the values of a layer are laid out. Consumers see [batch, channel, height, width] whatever the layout (stages/artifacts/backbone.ts). */
export type LayerLayout =
  /** [batch, channel, height, width] */
  | 'map'
  /** [batch, height, width, channel] */
  | 'channels-last'
  /** [batch, token, channel]: extra tokens (class, registers) first, then the patches row by row */
  | 'tokens'
  /** [batch, channel] */
  | 'vector';

export interface ArchitectureLayer {
  readonly name: string;
  readonly layout: LayerLayout;
}

export interface ImagePreprocessing {
  /** side of the square input for which the weights were published, pixels */
  readonly size: number;
  /** per colour (R, G, B) in units of [0, 1]: the model sees (x − mean)/std */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  /** how the original pipeline resizes; always antialiased */
  readonly interpolation: 'bilinear' | 'bicubic';
}

/** Another library's names for the same parameters (timm, Hugging Face, open_clip …). */
export interface Dialect {
  readonly name: string;
  /** the checkpoint's keys are of this dialect */
  matches(names: ReadonlySet<string>): boolean;
  /** weights under the original names, made from the checkpoint's; may split or join tensors */
  translate(weights: Weights): Weights;
  /** what differs in the preparation of images for weights of this dialect, which were trained elsewhere */
  readonly preprocessing?: Partial<ImagePreprocessing>;
}

interface Common {
  /** lower-case, as its library calls it: `resnet50`, `clip-vit-b-32` */
  readonly id: string;
  readonly title: string;
  /** paper, and the upstream function it reproduces */
  readonly source: string;
  /** the published checkpoint files that fit, in words: `torchvision resnet50-*.pth`, … */
  readonly checkpoints: readonly string[];
  readonly dialects: readonly Dialect[];
  /** keys of a checkpoint that belong to something this graph leaves out (classifier behind the last layer wanted, counters, the other tower) */
  ignores(name: string): boolean;
  /** the layers worth extracting, in the order of computation */
  readonly layers: readonly ArchitectureLayer[];
  /**
   * How its authors draw a parameter before training; without it, as PyTorch's layers do (initial-weights.ts).
   * @param fanIn of the weight, for a bias that of the weight beside it
   */
  initial?(name: string, shape: Shape, fanIn: number): Initialisation;
}

export interface ImageArchitecture extends Common {
  readonly kind: 'image';
  readonly preprocessing: ImagePreprocessing;
  /** The sides it can be built for: a multiple of `step`, at least `least`. */
  readonly sizes: { readonly step: number; readonly least: number };
  /**
   * The graph must not depend on the batch but by its input: built for 1 and written with a symbolic batch it must decode, bound to n, to what
   * `build` gives for n (Reshape with 0 for "as it is" instead of the number; a class token by Pad and the position embedding instead of Expand).
   * @shape input `input`: float32 [batch, 3, size, size], normalised; the outputs are the last values of the network, every layer of `layers` is a value.
   */
  build(weights: Weights, options: { readonly batch: number; readonly size: number }): Graph;
}

export interface TextArchitecture extends Common {
  readonly kind: 'text';
  /** tokens of one text, padding included */
  readonly contextLength: number;
  readonly vocabulary: number;
  /**
   * What stands behind the end of a text plays no part, so texts of fewer tokens may be given to a graph of a smaller `length` (default: contextLength).
   * @shape input `input`: int64 [batch, length], token numbers; output: the embedding, float32 [batch, channel]
   */
  build(weights: Weights, options: { readonly batch: number; readonly length?: number }): Graph;
}

export type Architecture = ImageArchitecture | TextArchitecture;

/** Name of the only input of every built graph. */
export const MODEL_INPUT = 'input';
