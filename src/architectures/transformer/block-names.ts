/** What the libraries call the parts of a block, and the paths of its blocks. */
import type { BlockNames } from './block.js';

export const TIMM_BLOCK: BlockNames = {
  norm1: 'norm1', attention: 'attn', qkvWeight: 'attn.qkv.weight', qkvBias: 'attn.qkv.bias', out: 'attn.proj', norm2: 'norm2', mlp: 'mlp', fc1: 'mlp.fc1', activation: 'mlp.act', fc2: 'mlp.fc2',
};

/** facebookresearch/dinov2 names its blocks as timm does, with a layer scale. */
export const DINOV2_BLOCK: BlockNames = { ...TIMM_BLOCK, scales: ['ls1', 'ls2'] };

export const TORCHVISION_BLOCK: BlockNames = {
  norm1: 'ln_1', attention: 'self_attention', qkvWeight: 'self_attention.in_proj_weight', qkvBias: 'self_attention.in_proj_bias', out: 'self_attention.out_proj', norm2: 'ln_2',
  mlp: 'mlp', fc1: 'mlp.0', activation: 'mlp.1', fc2: 'mlp.3',
};

export const CLIP_BLOCK: BlockNames = {
  norm1: 'ln_1', attention: 'attn', qkvWeight: 'attn.in_proj_weight', qkvBias: 'attn.in_proj_bias', out: 'attn.out_proj', norm2: 'ln_2', mlp: 'mlp', fc1: 'mlp.c_fc', activation: 'mlp.gelu', fc2: 'mlp.c_proj',
};

export const range = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);
