/** How the authors of the transformers draw their weights before training. Truncated normals (at two units, a hundred standard deviations) are drawn whole. */
import type { Shape } from '../../core/tensor.js';
import type { Initialisation } from '../architecture.js';
import { layerDefaults } from '../initial-weights.js';

type Rule = (name: string, shape: Shape, fanIn: number) => Initialisation;

const SMALL = 0.02;
const TINY = 1e-6;
const LAYER_SCALE = 1e-5;
const BLOCKS = 12;

const normal = (sd: number): Initialisation => ({ kind: 'normal', sd });
const zero: Initialisation = { kind: 'constant', value: 0 };
/** Glorot and Bengio 2010 */
const xavier = (shape: Shape): Initialisation => ({ kind: 'uniform', bound: Math.sqrt(6 / ((shape[0] as number) + (shape[1] as number))) });

/** @source torchvision.models.vision_transformer, VisionTransformer and EncoderBlock */
export const torchvisionInitial: Rule = (name, shape, fanIn) => {
  if (name === 'class_token' || name.startsWith('heads.') || /(in_proj_bias|out_proj\.bias|conv_proj\.bias)$/.test(name)) return zero;
  if (name === 'encoder.pos_embedding') return normal(SMALL);
  if (name === 'conv_proj.weight') return normal(1 / Math.sqrt(fanIn));
  if (/in_proj_weight$|\.mlp\.\d\.weight$/.test(name)) return xavier(shape);
  if (/\.mlp\.\d\.bias$/.test(name)) return normal(TINY);
  return layerDefaults(name, shape, fanIn);
};

/** @source timm.models.vision_transformer, init_weights_vit_timm; facebookresearch/dinov2 vision_transformer.py and ssl_default_config.yaml */
export const timmInitial: Rule = (name, shape, fanIn) => {
  if (name === 'cls_token' || name === 'register_tokens') return normal(TINY);
  if (name === 'pos_embed') return normal(SMALL);
  if (name.endsWith('.gamma')) return { kind: 'constant', value: LAYER_SCALE };
  if (name.startsWith('patch_embed.')) return layerDefaults(name, shape, fanIn);
  if (name.endsWith('.bias')) return zero;
  return shape.length === 2 ? normal(SMALL) : layerDefaults(name, shape, fanIn);
};

/** @source openai/CLIP clip/model.py, CLIP.initialize_parameters and VisionTransformer */
export const clipInitial: Rule = (name, shape, fanIn) => {
  const width = shape.at(-1) as number;
  if (/(in_proj_bias|out_proj\.bias)$/.test(name)) return zero;
  if (name === 'visual.proj' || name === 'text_projection') return normal((shape[0] as number) ** -0.5);
  if (name.startsWith('visual.')) {
    if (/embedding$/.test(name)) return normal(width ** -0.5);
    return name.endsWith('in_proj_weight') ? xavier(shape) : layerDefaults(name, shape, fanIn);
  }
  if (name === 'token_embedding.weight') return normal(SMALL);
  if (name === 'positional_embedding') return normal(SMALL / 2);
  if (name.endsWith('in_proj_weight')) return normal(width ** -0.5);
  if (name.endsWith('c_fc.weight')) return normal((2 * width) ** -0.5);
  if (/(out_proj|c_proj)\.weight$/.test(name)) {
    const channels = shape[0] as number;
    return normal(channels ** -0.5 * (2 * BLOCKS) ** -0.5);
  }
  return layerDefaults(name, shape, fanIn);
};
