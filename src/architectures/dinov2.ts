/**
 * DINOv2 ViT-S/14 and B/14, with and without registers. Trained at 518 pixels and used at any multiple of 14; at another size than that the position
 * embeddings are interpolated with the offset of 0.1 that the models were published with (registers: without it, antialiased).
 * @source Oquab et al. 2024, arXiv 2304.07193; Darcet et al. 2024, arXiv 2309.16588; facebookresearch/dinov2 dinov2_vits14, dinov2_vitb14, …_reg
 */
import { GraphBuilder } from '../graph/builder.js';
import type { Graph } from '../graph/ir.js';
import { slice } from '../graph/layers.js';
import type { Dialect, ImageArchitecture, Weights } from './architecture.js';
import { MODEL_INPUT } from './architecture.js';
import { gelu } from './transformer/activations.js';
import { DINOV2_BLOCK, range } from './transformer/block-names.js';
import { transformerBlock } from './transformer/block.js';
import { timmInitial } from './transformer/initial.js';
import { patchTokens, type PatchSpec } from './transformer/patches.js';
import { renaming, type RenamingRule } from './transformer/renaming.js';
import { Tower } from './transformer/tower.js';

const DEPTH = 12;
const EPSILON = 1e-6;
const PATCH = 14;
const TRAINED_SIDE = 518;
const OFFSET = 0.1;
const REGISTERS = 4;
/** side at which the original evaluates */
const EVALUATED_SIDE = 224;

const NAMES = { tokens: 'prepare_tokens_with_masks', norm: 'norm', pooled: 'head' } as const;

interface Dinov2Spec {
  readonly width: number;
  readonly heads: number;
  readonly registers: boolean;
}

function build({ width, heads, registers }: Dinov2Spec, weights: Weights, { batch, size }: { readonly batch: number; readonly size: number }): Graph {
  const b = new GraphBuilder();
  const t = new Tower(b, weights);
  const image = b.input(MODEL_INPUT, 'float32', [batch, 3, size, size]);
  const names: PatchSpec['names'] = { patches: 'patch_embed.proj', bias: true, classToken: 'cls_token', positions: 'pos_embed', registers: 'register_tokens' };
  const resampling = registers ? ({ samples: 'centres', antialias: true } as const) : ({ samples: { offset: OFFSET }, antialias: false } as const);
  let x = patchTokens(t, image, { patch: PATCH, width, grid: TRAINED_SIDE / PATCH, resampling, names, ...(registers ? { registers: REGISTERS } : {}), leading: { classToken: 2, positions: 1 } }, NAMES.tokens);
  for (const index of range(DEPTH)) x = transformerBlock(t, x, `blocks.${index}`, { names: DINOV2_BLOCK, heads, activation: gelu, epsilon: EPSILON });
  const normal = t.norm(x, NAMES.norm, EPSILON);
  b.output(NAMES.pooled, t.arrange(slice(b, normal, [0], [1], [1]), [-1, width], NAMES.pooled));
  return b.build();
}

/** Hugging Face's names of Dinov2Model and Dinov2WithRegistersModel, as their files have them. */
const HUGGING_FACE: readonly RenamingRule[] = [
  { from: /^cls_token$/, to: ['embeddings.cls_token'] },
  { from: /^pos_embed$/, to: ['embeddings.position_embeddings'] },
  { from: /^register_tokens$/, to: ['embeddings.register_tokens'] },
  { from: /^patch_embed\.proj\./, to: ['embeddings.patch_embeddings.projection.'] },
  { from: /^blocks\.(\d+)\.attn\.qkv\./, to: ['query', 'key', 'value'].map((part) => `encoder.layer.$1.attention.attention.${part}.`) },
  { from: /^blocks\.(\d+)\.attn\.proj\./, to: ['encoder.layer.$1.attention.output.dense.'] },
  { from: /^blocks\.(\d+)\.ls([12])\.gamma$/, to: ['encoder.layer.$1.layer_scale$2.lambda1'] },
  { from: /^blocks\.(\d+)\./, to: ['encoder.layer.$1.'] },
  { from: /^norm\./, to: ['layernorm.'] },
];

/** timm adds the position of the class token to the token itself and keeps none for it. */
const TIMM_REGISTERS: readonly RenamingRule[] = [
  { from: /^register_tokens$/, to: ['reg_token'] },
  { from: /^pos_embed$/, to: ['pos_embed'], withoutFirst: true },
];

function architecture(letter: 's' | 'b', registers: boolean): ImageArchitecture {
  const spec: Dinov2Spec = letter === 's' ? { width: 384, heads: 6, registers } : { width: 768, heads: 12, registers };
  const [library, long] = letter === 's' ? ['small', 'ViT-S/14'] : ['base', 'ViT-B/14'];
  const id = `dinov2_vit${letter}14${registers ? '_reg' : ''}`;
  const timm: Dialect[] = registers ? [{ name: 'timm', matches: (names) => names.has('reg_token'), translate: renaming(TIMM_REGISTERS) }] : [];
  return {
    kind: 'image',
    id,
    title: `DINOv2 ${long}${registers ? ' with registers' : ''}`,
    source: `Oquab et al. 2024, arXiv 2304.07193${registers ? '; Darcet et al. 2024, arXiv 2309.16588' : ''}; facebookresearch/dinov2 ${id}`,
    checkpoints: [`${id}${registers ? '4' : ''}_pretrain.pth`, `timm vit_${library}_patch14_${registers ? 'reg4_' : ''}dinov2.lvd142m`, `Hugging Face facebook/dinov2${registers ? '-with-registers' : ''}-${library}`],
    dialects: [...timm, { name: 'Hugging Face', matches: (names) => names.has('embeddings.cls_token'), translate: renaming(HUGGING_FACE) }],
    // what stands in for masked patches in training
    ignores: (name) => name === 'mask_token' || name === 'embeddings.mask_token',
    preprocessing: { size: EVALUATED_SIDE, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], interpolation: 'bicubic' },
    sizes: { step: PATCH, least: PATCH },
    initial: timmInitial,
    layers: [
      ...range(DEPTH).map((index) => ({ name: `blocks.${index}`, layout: 'tokens' as const })),
      { name: NAMES.norm, layout: 'tokens' },
      { name: NAMES.pooled, layout: 'vector' },
    ],
    build: (weights, options) => build(spec, weights, options),
  };
}

export const DINOV2: readonly ImageArchitecture[] = [architecture('s', false), architecture('b', false), architecture('s', true), architecture('b', true)];
