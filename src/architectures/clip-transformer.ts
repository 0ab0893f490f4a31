/**
 * CLIP's transformers: the image towers ViT-B/32 and B/16 and the text towers of RN50, RN50x4, ViT-B/32 and ViT-B/16. Parameters and layers have the
 * names of OpenAI's state dict; a layer of an image tower is also reachable without `visual.`.
 *
 * The same shapes were trained with two activations and the weights do not say with which: OpenAI's with QuickGELU (`clip-…`), most of open_clip's
 * own (LAION, DataComp) with GELU (`openclip-…`), except those that open_clip calls `…-quickgelu`. The id chooses.
 * @source Radford et al. 2021, arXiv 2103.00020; openai/CLIP clip/model.py; mlfoundations/open_clip
 */
import { tensor } from '../core/tensor.js';
import { GraphBuilder } from '../graph/builder.js';
import type { Graph, Value } from '../graph/ir.js';
import { add, cast, gather, matMul, mul, reduceMax, slice, sub } from '../graph/layers.js';
import type { Dialect, ImageArchitecture, TextArchitecture, Weights } from './architecture.js';
import { MODEL_INPUT } from './architecture.js';
import { gelu, quickGelu, type Activation } from './transformer/activations.js';
import { CLIP_BLOCK, range } from './transformer/block-names.js';
import { transformerBlock } from './transformer/block.js';
import { clipInitial } from './transformer/initial.js';
import { patchTokens } from './transformer/patches.js';
import { renaming, type RenamingRule } from './transformer/renaming.js';
import { Tower } from './transformer/tower.js';

const DEPTH = 12;
const EPSILON = 1e-5;
const SIDE = 224;
const WIDTH = 768;
const HEADS = 12;
const EMBEDDING = 512;
const CONTEXT = 77;
const VOCABULARY = 49408;
/** all towers have heads of so many channels */
const HEAD_WIDTH = 64;
/** behind a softmax exactly 0, in every runtime; -Infinity is not for all of them a constant */
const MASKED = -1e9;

const imageBlock = (index: number): string => `visual.transformer.resblocks.${index}`;
const textBlock = (index: number): string => `transformer.resblocks.${index}`;

function buildImage(patch: number, activation: Activation, weights: Weights, { batch, size }: { readonly batch: number; readonly size: number }): Graph {
  const b = new GraphBuilder();
  const t = new Tower(b, weights);
  const image = b.input(MODEL_INPUT, 'float32', [batch, 3, size, size]);
  const names = { patches: 'visual.conv1', bias: false, classToken: 'visual.class_embedding', positions: 'visual.positional_embedding' };
  // OpenAI's model takes one size only; at others open_clip's rule holds
  const tokens = patchTokens(t, image, { patch, width: WIDTH, grid: SIDE / patch, resampling: { samples: 'centres', antialias: true }, names, leading: { classToken: 0, positions: 0 } });
  let x = t.norm(tokens, 'visual.ln_pre', EPSILON);
  for (const index of range(DEPTH)) x = transformerBlock(t, x, imageBlock(index), { names: CLIP_BLOCK, heads: HEADS, activation, epsilon: EPSILON });
  // the norm acts on each token alone: that of the class token is enough
  const pooled = t.norm(t.arrange(slice(b, x, [0], [1], [1]), [-1, WIDTH]), 'visual.ln_post', EPSILON);
  b.output('visual', matMul(b, pooled, t.weight('visual.proj', [WIDTH, EMBEDDING]), 'visual'));
  return withShortNames(b.build());
}

/** A node's name is the second name of its layer. */
function withShortNames(graph: Graph): Graph {
  const short = (name: string): string => (name === 'visual' ? 'encode_image' : name.replace(/^visual\./, ''));
  return { ...graph, nodes: graph.nodes.map((node) => (node.name === undefined ? node : { ...node, name: short(node.name) })) };
}

interface TextSpec {
  readonly width: number;
  readonly embedding: number;
  readonly activation: Activation;
}

function buildText({ width, embedding, activation }: TextSpec, weights: Weights, batch: number, length: number): Graph {
  const b = new GraphBuilder();
  const t = new Tower(b, weights);
  const numbers = b.input(MODEL_INPUT, 'int64', [batch, length]);
  const embedded = gather(b, t.weight('token_embedding.weight', [VOCABULARY, width]), numbers, 0, 'token_embedding'); // [batch, token, channel]
  const positions = t.weight('positional_embedding', [CONTEXT, width]);
  let x = add(b, embedded, length === CONTEXT ? positions : slice(b, positions, [0], [length]));
  const mask = b.floats([length, length], Float32Array.from({ length: length * length }, (_, i) => (i % length > Math.floor(i / length) ? MASKED : 0)));
  for (const index of range(DEPTH)) x = transformerBlock(t, x, textBlock(index), { names: CLIP_BLOCK, heads: width / HEAD_WIDTH, activation, epsilon: EPSILON, mask });
  const normal = t.norm(x, 'ln_final', EPSILON);
  const pooled = t.arrange(matMul(b, endOfText(b, numbers, length), normal), [-1, width], 'eot');
  b.output('encode_text', matMul(b, pooled, t.weight('text_projection', [width, embedding]), 'encode_text'));
  return b.build();
}

/**
 * 1 at the first of the largest token numbers, which is the end of the text, else 0: argmax as PyTorch has it. token · 77 − place differs at
 * every place and stays below 2²⁴, so float32 holds it exactly.
 * @shape [batch, token] → float32 [batch, 1, token]
 */
function endOfText(b: GraphBuilder, numbers: Value, length: number): Value {
  const places = b.constant(tensor('float32', [length], Float32Array.from({ length }, (_, place) => place)));
  const order = sub(b, mul(b, cast(b, numbers, 'float32'), CONTEXT), places);
  const first = cast(b, b.op('Equal', [order, reduceMax(b, order, [1], true)]), 'float32');
  return b.op('Unsqueeze', [first, b.ints([1])]);
}

/** Hugging Face's CLIPModel from OpenAI's names. */
const HUGGING_FACE: readonly RenamingRule[] = [
  { from: /^visual\.class_embedding$/, to: ['vision_model.embeddings.class_embedding'] },
  { from: /^visual\.positional_embedding$/, to: ['vision_model.embeddings.position_embedding.weight'] },
  { from: /^visual\.conv1\./, to: ['vision_model.embeddings.patch_embedding.'] },
  // spelled so in the library
  { from: /^visual\.ln_pre\./, to: ['vision_model.pre_layrnorm.'] },
  { from: /^visual\.ln_post\./, to: ['vision_model.post_layernorm.'] },
  { from: /^visual\.proj$/, to: ['visual_projection.weight'], transposed: true },
  { from: /^token_embedding\./, to: ['text_model.embeddings.token_embedding.'] },
  { from: /^positional_embedding$/, to: ['text_model.embeddings.position_embedding.weight'] },
  { from: /^ln_final\./, to: ['text_model.final_layer_norm.'] },
  { from: /^text_projection$/, to: ['text_projection.weight'], transposed: true },
  ...(['visual.', ''] as const).flatMap((tower): RenamingRule[] => {
    const [from, to] = tower === '' ? ['^transformer\\.resblocks\\.(\\d+)\\.', 'text_model.encoder.layers.$1.'] : ['^visual\\.transformer\\.resblocks\\.(\\d+)\\.', 'vision_model.encoder.layers.$1.'];
    return [
      { from: new RegExp(`${from}attn\\.in_proj_`), to: ['q', 'k', 'v'].map((part) => `${to}self_attn.${part}_proj.`) },
      { from: new RegExp(`${from}attn\\.out_proj\\.`), to: [`${to}self_attn.out_proj.`] },
      { from: new RegExp(`${from}ln_([12])\\.`), to: [`${to}layer_norm$2.`] },
      { from: new RegExp(`${from}mlp\\.c_fc\\.`), to: [`${to}mlp.fc1.`] },
      { from: new RegExp(`${from}mlp\\.c_proj\\.`), to: [`${to}mlp.fc2.`] },
    ];
  }),
];

const huggingFace: Dialect = {
  name: 'Hugging Face',
  matches: (names) => names.has('text_model.final_layer_norm.weight') || names.has('vision_model.post_layernorm.weight'),
  translate: renaming(HUGGING_FACE),
};

/** numbers that the archives hold beside the weights, and the temperature of training */
const BESIDE = new Set(['logit_scale', 'input_resolution', 'context_length', 'vocab_size', 'text_model.embeddings.position_ids', 'vision_model.embeddings.position_ids']);
const ofTextTower = (name: string): boolean => /^(transformer\.|token_embedding\.|positional_embedding$|ln_final\.|text_projection|text_model\.)/.test(name);
const ofImageTower = (name: string): boolean => /^(visual\.|vision_model\.|visual_projection\.)/.test(name);

const SOURCE = 'Radford et al. 2021, arXiv 2103.00020';
const CLIP_COLOURS = { mean: [0.48145466, 0.4578275, 0.40821073], std: [0.26862954, 0.26130258, 0.27577711] } as const;

interface Family {
  readonly prefix: 'clip' | 'openclip';
  readonly title: string;
  readonly activation: Activation;
  readonly source: string;
  checkpoints(model: string): readonly string[];
}

const OPENAI: Family = {
  prefix: 'clip', title: 'CLIP', activation: quickGelu, source: 'openai/CLIP',
  checkpoints: (model) => [`OpenAI ${model}.pt`, `open_clip ${model} (openai) and ${model}-quickgelu`, ...(model.startsWith('ViT') ? [`Hugging Face openai/clip-${model.toLowerCase().replace('b-', 'base-patch')}`] : [])],
};
const OPEN_CLIP: Family = {
  prefix: 'openclip', title: 'OpenCLIP', activation: gelu, source: 'mlfoundations/open_clip',
  checkpoints: (model) => [`open_clip ${model} (laion, datacomp)`, `Hugging Face laion/CLIP-${model}-*`],
};

const imageTower = (family: Family, patch: 16 | 32): ImageArchitecture => ({
  kind: 'image',
  id: `${family.prefix}-vit-b-${patch}`,
  title: `${family.title} ViT-B/${patch}`,
  source: `${SOURCE}; ${family.source} ViT-B/${patch}`,
  checkpoints: family.checkpoints(`ViT-B-${patch}`),
  dialects: [huggingFace],
  ignores: (name) => BESIDE.has(name) || ofTextTower(name),
  preprocessing: { size: SIDE, ...CLIP_COLOURS, interpolation: 'bicubic' },
  sizes: { step: patch, least: patch },
  layers: [...range(DEPTH).map((index) => ({ name: imageBlock(index), layout: 'tokens' as const })), { name: 'visual.ln_post', layout: 'vector' }, { name: 'visual', layout: 'vector' }],
  initial: clipInitial,
  build: (weights, options) => buildImage(patch, family.activation, weights, options),
});

const textTower = (family: Family, model: string, width: number, embedding: number): TextArchitecture => ({
  kind: 'text',
  id: `${family.prefix}-${model.toLowerCase()}-text`,
  title: `${family.title} ${model} text`,
  source: `${SOURCE}; ${family.source} ${model}`,
  checkpoints: family.checkpoints(model),
  dialects: [huggingFace],
  ignores: (name) => BESIDE.has(name) || ofImageTower(name),
  contextLength: CONTEXT,
  vocabulary: VOCABULARY,
  layers: [...range(DEPTH).map((index) => ({ name: textBlock(index), layout: 'tokens' as const })), { name: 'ln_final', layout: 'tokens' }, { name: 'eot', layout: 'vector' }, { name: 'encode_text', layout: 'vector' }],
  initial: clipInitial,
  build: (weights, { batch, length = CONTEXT }) => buildText({ width, embedding, activation: family.activation }, weights, batch, length),
});

export const CLIP_TRANSFORMERS: readonly ImageArchitecture[] = [imageTower(OPENAI, 32), imageTower(OPENAI, 16), imageTower(OPEN_CLIP, 32), imageTower(OPEN_CLIP, 16)];

export const CLIP_TEXT_TOWERS: readonly TextArchitecture[] = [
  textTower(OPENAI, 'RN50', 512, 1024),
  textTower(OPENAI, 'RN50x4', 640, 640),
  textTower(OPENAI, 'ViT-B-32', 512, 512),
  textTower(OPENAI, 'ViT-B-16', 512, 512),
  textTower(OPEN_CLIP, 'ViT-B-32', 512, 512),
  textTower(OPEN_CLIP, 'ViT-B-16', 512, 512),
];
