/**
 * A built-in architecture with formula weights on two runtimes: its last layers as features.extract computes them, and the gradient of a response of the
 * last one as attributions and dreams do (of a text tower by its position embedding, tokens having none). Small inputs; all weights.
 *
 * Near ties: where a ReLU or a max pool is decided in the last bit, two right float32 computations may differ by more than rounding. A gradient further off than
 * GRADIENT is compared with how far that of the reference moves when the image does by NUDGE.
 */
import { MODEL_INPUT, type Architecture, type ImageArchitecture, type TextArchitecture } from '../../src/architectures/architecture.js';
import { sizeOf, tensor, type Tensor } from '../../src/core/tensor.js';
import type { TensorService } from '../../src/core/tensor-service.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { cut } from '../../src/graph/cut.js';
import { encodeModel } from '../../src/graph/encode.js';
import { differentiate, gradientName } from '../../src/graph/gradient.js';
import type { Value } from '../../src/graph/ir.js';
import { IMAGE, layerGraph, layerOutput, type Backbone } from '../../src/stages/artifacts/backbone.js';
import { channelMap } from '../../src/stages/artifacts/channel-map.js';
import { IMAGE_GRADIENT, responseModel, templateInput } from '../../src/stages/response/response-graph.js';
import { formulaUniform, formulaWeights } from './formula-weights.js';

/** of the values of a layer, ‖found − expected‖ / ‖expected‖ */
export const FORWARD = 5e-5;
/** of a gradient, likewise */
export const GRADIENT = 1e-4;
/** how many times as far as the nudged image moves the reference's */
export const NEAR_TIES = 3;
/** of pixel values in [0, 1]: about three times what float32 does to the layers */
const NUDGE = 1e-6;
const NUDGES = 4;
const LAST_LAYERS = 4;
const SIZE = 64;
const TOKENS = 16;
const EMBEDDING = 'positional_embedding';

type Feeds = Readonly<Record<string, Tensor>>;

/** What is computed of one architecture. */
export interface Question {
  readonly id: string;
  /** extent of the input */
  readonly at: string;
  readonly layers: readonly string[];
  /** layers worth extracting that this size does not reach */
  readonly unreached: readonly string[];
  readonly features: { readonly model: Uint8Array; readonly feeds: Feeds };
  readonly gradient: { model(poolIndices: boolean): Uint8Array; readonly feeds: Feeds; readonly output: string; readonly input: string };
}

export interface Answer {
  readonly layers: Readonly<Record<string, Tensor>>;
  readonly gradient: Tensor;
}

export interface Agreement {
  /** the largest of the layers */
  readonly forward: number;
  readonly gradient: number;
  /** how far near ties move the reference's own; undefined where it was not asked for */
  readonly nearTies?: number;
  readonly agrees: boolean;
}

/** @param size side of images, rounded up to one that the architecture can be built for, pixels */
export function question(architecture: Architecture, size = SIZE): Question {
  return architecture.kind === 'image' ? imageQuestion(architecture, size) : textQuestion(architecture);
}

function imageQuestion(architecture: ImageArchitecture, wanted: number): Question {
  const { step, least } = architecture.sizes;
  const size = Math.ceil(Math.max(wanted, least) / step) * step;
  const graph = architecture.build(formulaWeights, { batch: 1, size });
  const scratch = GraphBuilder.from(graph);
  const reached = architecture.layers.filter(({ name }) => graph.values.has(name));
  const chosen = reached.slice(-LAST_LAYERS).map(({ name, layout }) => {
    const [, ...shape] = (channelMap(scratch, graph.values.get(name) as Value, layout) as Value).shape;
    return { name, layout, shape: shape as [number, number, number] };
  });
  const layers = chosen.map(({ name }) => name);
  const { name: last, shape } = chosen.at(-1) as (typeof chosen)[number];
  const { mean, std } = architecture.preprocessing;
  const backbone: Backbone = { name: architecture.id, digest: '', input: MODEL_INPUT, preprocessing: { size, crop: 'none', mean, std }, layers: chosen, model: encodeModel(graph, { batch: 'batch' }) };
  const image = tensor('float32', [1, 3, size, size], Float32Array.from(formulaUniform('image', 3 * size * size), (unit) => (unit + 1) / 2));
  return {
    id: architecture.id, at: `${size} px`, layers, unreached: architecture.layers.filter((layer) => !reached.includes(layer)).map(({ name }) => name),
    features: { model: encodeModel(layerGraph(backbone, 1, layers)), feeds: { [IMAGE]: image } },
    gradient: {
      model: (poolIndices) => responseModel(backbone, 1, [last], { poolIndices }),
      feeds: { [IMAGE]: image, [templateInput(last)]: tensor('float32', [1, ...shape], Float32Array.from(formulaUniform('template', sizeOf(shape)))) },
      output: IMAGE_GRADIENT, input: IMAGE,
    },
  };
}

function textQuestion(architecture: TextArchitecture): Question {
  const graph = architecture.build(formulaWeights, { batch: 1, length: TOKENS });
  const layers = architecture.layers.slice(-LAST_LAYERS).map(({ name }) => name);
  const last = layers.at(-1) as string;
  const shape = (graph.values.get(last) as Value).shape;
  // the end of the text is its largest token
  const tokens = BigInt64Array.from({ length: TOKENS }, (_, i) => BigInt(i === TOKENS - 1 ? architecture.vocabulary - 1 : (i * 7919) % (architecture.vocabulary - 1)));
  const text = { [MODEL_INPUT]: tensor('int64', [1, TOKENS], tokens) };
  return {
    id: architecture.id, at: `${TOKENS} tokens`, layers, unreached: [],
    features: { model: encodeModel(cut(graph, layers)), feeds: text },
    gradient: {
      model: (poolIndices) => encodeModel(differentiate(cut(graph, [last]), { of: last, wrt: [EMBEDDING], seed: 'seed', poolIndices })),
      feeds: { ...text, seed: tensor('float32', shape, Float32Array.from(formulaUniform('template', sizeOf(shape)))) },
      output: gradientName(EMBEDDING), input: EMBEDDING,
    },
  };
}

export async function answer(service: TensorService, asked: Question): Promise<Answer> {
  const found = await run(service, asked.features.model, asked.features.feeds, `layers of ${asked.id}`);
  const layers = Object.fromEntries(asked.layers.map((layer) => [layer, (found[layerOutput(layer)] ?? found[layer]) as Tensor]));
  return { layers, gradient: await gradientOf(service, asked, asked.gradient.feeds) };
}

/** @param reference also finds out how much of a difference between gradients is due to near ties */
export async function agreement(asked: Question, found: Answer, expected: Answer, reference: TensorService): Promise<Agreement> {
  const forward = Math.max(...asked.layers.map((layer) => distance(found.layers[layer] as Tensor, expected.layers[layer] as Tensor)));
  const gradient = distance(found.gradient, expected.gradient);
  if (gradient < GRADIENT || !(forward < FORWARD)) return { forward, gradient, agrees: forward < FORWARD && gradient < GRADIENT };
  const nearTies = await movedByNudges(reference, asked, expected.gradient);
  return { forward, gradient, nearTies, agrees: gradient < NEAR_TIES * nearTies };
}

async function movedByNudges(service: TensorService, asked: Question, gradient: Tensor): Promise<number> {
  const image = asked.gradient.feeds[asked.gradient.input];
  let most = 0;
  for (let k = 0; k < NUDGES && image !== undefined; k += 1) {
    const noise = formulaUniform(`nudge ${k}`, image.data.length);
    const nudged = tensor('float32', image.shape, Float32Array.from(noise, (unit, i) => (image.data[i] as number) + NUDGE * unit));
    most = Math.max(most, distance(await gradientOf(service, asked, { ...asked.gradient.feeds, [asked.gradient.input]: nudged }), gradient));
  }
  return most;
}

async function gradientOf(service: TensorService, asked: Question, feeds: Feeds): Promise<Tensor> {
  const results = await run(service, asked.gradient.model(service.poolIndices), feeds, `gradient of ${asked.id}`);
  return results[asked.gradient.output] as Tensor;
}

async function run(service: TensorService, model: Uint8Array, feeds: Feeds, label: string): Promise<Record<string, Tensor>> {
  const program = await service.compile(model, { label });
  try {
    return await program.run(feeds);
  } finally {
    await program.dispose();
  }
}

/** ‖found − expected‖ / ‖expected‖; Infinity for another shape, NaN where one is, and where everything is 0 */
function distance(found: Tensor, expected: Tensor): number {
  if (found.shape.join() !== expected.shape.join()) return Infinity;
  let [difference, scale] = [0, 0];
  for (let i = 0; i < expected.data.length; i += 1) {
    const y = expected.data[i] as number;
    difference += ((found.data[i] as number) - y) ** 2;
    scale += y ** 2;
  }
  return Math.sqrt(difference / scale);
}
