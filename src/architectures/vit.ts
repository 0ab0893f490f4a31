/**
 * Vision transformers with a class token: torchvision's ViT-B/16 and B/32, timm's ViT-S/16.
 * @source Dosovitskiy et al. 2021, arXiv 2010.11929; torchvision.models.vit_b_16, vit_b_32; timm vit_small_patch16_224
 */
import { GraphBuilder } from '../graph/builder.js';
import type { Graph } from '../graph/ir.js';
import { slice } from '../graph/layers.js';
import type { Dialect, ImageArchitecture, ImagePreprocessing, Weights } from './architecture.js';
import { MODEL_INPUT } from './architecture.js';
import { gelu } from './transformer/activations.js';
import { range, TIMM_BLOCK, TORCHVISION_BLOCK } from './transformer/block-names.js';
import { transformerBlock, type BlockNames } from './transformer/block.js';
import { timmInitial, torchvisionInitial } from './transformer/initial.js';
import { patchTokens, type PatchSpec } from './transformer/patches.js';
import { chained, renaming, type RenamingRule } from './transformer/renaming.js';
import { Tower } from './transformer/tower.js';

/** Blocks of all of them. */
const DEPTH = 12;
const CLASSES = 1000;
const EPSILON = 1e-6;
const PUBLISHED_SIDE = 224;

interface VitNames {
  readonly patches: PatchSpec['names'];
  /** value behind the position embedding */
  readonly tokens: string;
  readonly block: (index: number) => string;
  readonly parts: BlockNames;
  readonly norm: string;
  /** the class token behind the last norm */
  readonly pooled: string;
  readonly head: string;
}

const TORCHVISION: VitNames = {
  patches: { patches: 'conv_proj', bias: true, classToken: 'class_token', positions: 'encoder.pos_embedding' },
  tokens: 'encoder.dropout',
  block: (index) => `encoder.layers.encoder_layer_${index}`,
  parts: TORCHVISION_BLOCK,
  norm: 'encoder.ln',
  pooled: 'getitem_5',
  head: 'heads.head',
};

const TIMM: VitNames = {
  patches: { patches: 'patch_embed.proj', bias: true, classToken: 'cls_token', positions: 'pos_embed' },
  tokens: 'pos_drop',
  block: (index) => `blocks.${index}`,
  parts: TIMM_BLOCK,
  norm: 'norm',
  pooled: 'fc_norm',
  head: 'head',
};

interface VitSpec {
  readonly names: VitNames;
  readonly width: number;
  readonly heads: number;
  readonly patch: number;
  readonly resampling: PatchSpec['resampling'];
}

function build(spec: VitSpec, weights: Weights, { batch, size }: { readonly batch: number; readonly size: number }): Graph {
  const { names, width, patch } = spec;
  const b = new GraphBuilder();
  const t = new Tower(b, weights);
  const image = b.input(MODEL_INPUT, 'float32', [batch, 3, size, size]);
  let x = patchTokens(t, image, { patch, width, grid: PUBLISHED_SIDE / patch, resampling: spec.resampling, names: names.patches, leading: { classToken: 2, positions: 1 } }, names.tokens);
  for (const index of range(DEPTH)) x = transformerBlock(t, x, names.block(index), { names: names.parts, heads: spec.heads, activation: gelu, epsilon: EPSILON });
  const normal = t.norm(x, names.norm, EPSILON);
  const pooled = t.arrange(slice(b, normal, [0], [1], [1]), [-1, width], names.pooled);
  // a checkpoint may come without the classifier, or with other classes
  const classes = weights.shapeOf === undefined ? CLASSES : weights.shapeOf(`${names.head}.weight`)?.[0];
  if (classes === undefined) b.output(names.pooled, pooled);
  else b.output(names.head, t.linear(pooled, `${names.head}.weight`, `${names.head}.bias`, classes, names.head));
  return b.build();
}

const layersOf = (names: VitNames): ImageArchitecture['layers'] => [
  ...range(DEPTH).map((index) => ({ name: names.block(index), layout: 'tokens' as const })),
  { name: names.norm, layout: 'tokens' },
  { name: names.pooled, layout: 'vector' },
  { name: names.head, layout: 'vector' },
];

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;
const CENTRED = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const;

/** Hugging Face's names of ViTForImageClassification, as its files have them, from timm's. */
const HUGGING_FACE: readonly RenamingRule[] = [
  { from: /^cls_token$/, to: ['vit.embeddings.cls_token'] },
  { from: /^pos_embed$/, to: ['vit.embeddings.position_embeddings'] },
  { from: /^patch_embed\.proj\./, to: ['vit.embeddings.patch_embeddings.projection.'] },
  { from: /^blocks\.(\d+)\.norm1\./, to: ['vit.encoder.layer.$1.layernorm_before.'] },
  { from: /^blocks\.(\d+)\.attn\.qkv\./, to: ['query', 'key', 'value'].map((part) => `vit.encoder.layer.$1.attention.attention.${part}.`) },
  { from: /^blocks\.(\d+)\.attn\.proj\./, to: ['vit.encoder.layer.$1.attention.output.dense.'] },
  { from: /^blocks\.(\d+)\.norm2\./, to: ['vit.encoder.layer.$1.layernorm_after.'] },
  { from: /^blocks\.(\d+)\.mlp\.fc1\./, to: ['vit.encoder.layer.$1.intermediate.dense.'] },
  { from: /^blocks\.(\d+)\.mlp\.fc2\./, to: ['vit.encoder.layer.$1.output.dense.'] },
  { from: /^norm\./, to: ['vit.layernorm.'] },
  { from: /^head\./, to: ['classifier.'] },
];

const TORCHVISION_TO_TIMM: readonly RenamingRule[] = [
  { from: /^class_token$/, to: ['cls_token'] },
  { from: /^encoder\.pos_embedding$/, to: ['pos_embed'] },
  { from: /^conv_proj\./, to: ['patch_embed.proj.'] },
  { from: /^encoder\.layers\.encoder_layer_(\d+)\.ln_1\./, to: ['blocks.$1.norm1.'] },
  { from: /^encoder\.layers\.encoder_layer_(\d+)\.self_attention\.in_proj_/, to: ['blocks.$1.attn.qkv.'] },
  { from: /^encoder\.layers\.encoder_layer_(\d+)\.self_attention\.out_proj\./, to: ['blocks.$1.attn.proj.'] },
  { from: /^encoder\.layers\.encoder_layer_(\d+)\.ln_2\./, to: ['blocks.$1.norm2.'] },
  { from: /^encoder\.layers\.encoder_layer_(\d+)\.mlp\.0\./, to: ['blocks.$1.mlp.fc1.'] },
  { from: /^encoder\.layers\.encoder_layer_(\d+)\.mlp\.3\./, to: ['blocks.$1.mlp.fc2.'] },
  { from: /^encoder\.ln\./, to: ['norm.'] },
  { from: /^heads\.head\./, to: ['head.'] },
];

/** The MLP's names before torchvision 0.13: its published files still have them. */
const TORCHVISION_OLD: readonly RenamingRule[] = [
  { from: /\.mlp\.0\./, to: ['.mlp.linear_1.'] },
  { from: /\.mlp\.3\./, to: ['.mlp.linear_2.'] },
];

/** Both were trained on images of mean 1/2, unlike torchvision's. */
const CENTRED_BICUBIC: Partial<ImagePreprocessing> = { ...CENTRED, interpolation: 'bicubic' };
const timm: Dialect = { name: 'timm', matches: (names) => names.has('cls_token'), translate: renaming(TORCHVISION_TO_TIMM), preprocessing: CENTRED_BICUBIC };
const huggingFace = (translate: Dialect['translate']): Dialect => ({ name: 'Hugging Face', matches: (names) => names.has('vit.embeddings.cls_token'), translate, preprocessing: CENTRED_BICUBIC });
const oldTorchvision: Dialect = { name: 'torchvision before 0.13', matches: (names) => names.has('encoder.layers.encoder_layer_0.mlp.linear_1.weight'), translate: renaming(TORCHVISION_OLD) };

/** torchvision's own function for other sizes (interpolate_embeddings) lays the corners of the two grids on each other. */
const torchvisionVit = (patch: 16 | 32): ImageArchitecture => {
  const spec: VitSpec = { names: TORCHVISION, width: 768, heads: 12, patch, resampling: { samples: 'corners', antialias: false } };
  return {
    kind: 'image',
    id: `vit_b_${patch}`,
    title: `ViT-B/${patch}`,
    source: `Dosovitskiy et al. 2021, arXiv 2010.11929; torchvision.models.vit_b_${patch}`,
    checkpoints: [`torchvision vit_b_${patch}-*.pth (IMAGENET1K_V1)`, `timm vit_base_patch${patch}_224`, `Hugging Face google/vit-base-patch${patch}-224`],
    dialects: [oldTorchvision, timm, huggingFace(chained(renaming(TORCHVISION_TO_TIMM), renaming(HUGGING_FACE)))],
    ignores: () => false,
    preprocessing: { size: PUBLISHED_SIDE, ...IMAGENET, interpolation: 'bilinear' },
    sizes: { step: patch, least: patch },
    layers: layersOf(TORCHVISION),
    initial: torchvisionInitial,
    build: (weights, options) => build(spec, weights, options),
  };
};

const small: VitSpec = { names: TIMM, width: 384, heads: 6, patch: 16, resampling: { samples: 'centres', antialias: true } };

export const VISION_TRANSFORMERS: readonly ImageArchitecture[] = [
  {
    kind: 'image',
    id: 'vit_small_patch16_224',
    title: 'ViT-S/16',
    source: 'Dosovitskiy et al. 2021, arXiv 2010.11929; Steiner et al. 2022, arXiv 2106.10270; timm vit_small_patch16_224',
    checkpoints: ['timm vit_small_patch16_224'],
    dialects: [huggingFace(renaming(HUGGING_FACE))],
    ignores: () => false,
    preprocessing: { size: PUBLISHED_SIDE, ...CENTRED, interpolation: 'bicubic' },
    sizes: { step: 16, least: 16 },
    layers: layersOf(TIMM),
    initial: timmInitial,
    build: (weights, options) => build(small, weights, options),
  },
  torchvisionVit(16),
  torchvisionVit(32),
];
