/** Parameters of `backbone.finetune`, and what they say as optimiser, schedule and clipping. */
import { Type, type Static } from '@sinclair/typebox';
import type { Clipping } from '../../graph/training/clip.js';
import type { Optimiser } from '../../graph/training/optimiser.js';
import type { Schedule } from '../../graph/training/schedule.js';
import { choice } from '../define.js';

export const FinetuneParams = Type.Object(
  {
    layers: Type.Array(Type.String({ minLength: 1 }), { minItems: 1, uniqueItems: true, description: 'layers that the readout sees, by name' }),
    grid: Type.Array(Type.Integer({ minimum: 1, maximum: 64 }), { minItems: 2, maxItems: 2, default: [4, 4], description: 'rows and columns of the grid that maps are averaged on; a layer smaller than the grid keeps its own size' }),
    readout: choice(['factorised', 'linear-on-grid'], { default: 'factorised', description: 'one receptive field a voxel and grid times channel weights, or a weight for every channel and cell' }),
    trainable: Type.Array(Type.String({ minLength: 1 }), { default: [], uniqueItems: true, description: 'weights of the backbone that are trained, by name or layer: `layer4` is all below it, `*` stands for any characters, `!` before a name leaves it out. Empty: the backbone is frozen' }),
    batch_norm: choice(['evaluation', 'training'], { default: 'evaluation', description: 'batch norms behind the frozen part: by their running statistics, or by those of the batch (and the running ones move)' }),
    targets: choice(['single-trial', 'repeat-mean'], { default: 'single-trial', description: 'responses to fit: one row a trial, or one an image (mean over its repeats)' }),
    standardize: Type.Boolean({ default: true, description: 'train on features with mean 0 and deviation 1 per channel (over training images, before training)' }),
    epochs: Type.Integer({ minimum: 1, maximum: 10_000, default: 10, description: 'passes over the training rows' }),
    batch: Type.Integer({ minimum: 1, maximum: 1024, default: 16, description: 'rows in a step' }),
    optimiser: choice(['adam', 'adamw', 'sgd'], { default: 'adam', description: 'as in torch.optim' }),
    learning_rate: Type.Number({ exclusiveMinimum: 0, default: 0.001, description: 'largest rate, of the readout' }),
    backbone_rate: Type.Number({ exclusiveMinimum: 0, default: 0.1, description: 'rate of weights of the backbone, as a share of learning_rate' }),
    weight_decay: Type.Number({ minimum: 0, default: 0, description: 'of all but norms, biases and intercepts; decoupled in adamw, added to the gradient in adam and sgd' }),
    betas: Type.Array(Type.Number({ minimum: 0, exclusiveMaximum: 1 }), { minItems: 2, maxItems: 2, default: [0.9, 0.999], description: 'of adam and adamw' }),
    epsilon: Type.Number({ exclusiveMinimum: 0, default: 1e-8, description: 'of adam and adamw' }),
    momentum: Type.Number({ minimum: 0, exclusiveMaximum: 1, default: 0.9, description: 'of sgd' }),
    dampening: Type.Number({ minimum: 0, maximum: 1, default: 0, description: 'of sgd' }),
    nesterov: Type.Boolean({ default: false, description: 'of sgd' }),
    schedule: choice(['multi-step', 'constant', 'step', 'exponential', 'linear', 'cosine'], { default: 'multi-step', description: 'the first three and `exponential` change the rate between epochs, `linear` and `cosine` with every step' }),
    milestones: Type.Array(Type.Integer({ minimum: 1 }), { default: [2, 3, 4, 5, 6, 7], description: 'of multi-step: epochs before which the rate is multiplied by gamma' }),
    every: Type.Integer({ minimum: 1, default: 2, description: 'of step: epochs between two changes' }),
    gamma: Type.Number({ exclusiveMinimum: 0, default: 0.8, description: 'of multi-step, step and exponential: factor on the rate' }),
    lowest: Type.Number({ minimum: 0, maximum: 1, default: 0, description: 'of linear and cosine: what is left of the rate in the end, as a share' }),
    warmup: Type.Integer({ minimum: 1, default: 1, description: 'steps of linear warm-up' }),
    clip_norm: Type.Number({ minimum: 0, default: 0, description: 'largest euclidean norm of all gradients together; 0: not clipped' }),
    clip_value: Type.Number({ minimum: 0, default: 0, description: 'largest absolute value of an element of a gradient; 0: not clipped' }),
    early_stopping: Type.Integer({ minimum: 0, default: 0, description: 'epochs without a smaller error on validation images after which training ends and the best epoch is the result; 0: all epochs are trained and the last is the result' }),
    checkpoint_every: Type.Integer({ minimum: 1, default: 200, description: 'steps between checkpoints (there is one after every epoch, too)' }),
    cache_limit_mb: Type.Integer({ minimum: 0, default: 4000, description: 'what the frozen part makes of the images is kept up to this size, and computed again in every step beyond it' }),
  },
  { additionalProperties: false },
);
export type Finetune = Static<typeof FinetuneParams>;

export function optimiserOf({ optimiser, betas, epsilon, momentum, dampening, nesterov }: Finetune): Optimiser {
  return optimiser === 'sgd' ? { kind: 'sgd', momentum, dampening, nesterov } : { kind: optimiser, beta1: betas[0] as number, beta2: betas[1] as number, epsilon };
}

export function scheduleOf({ schedule, milestones, every, gamma, lowest }: Finetune): Schedule {
  switch (schedule) {
    case 'constant':
      return { kind: schedule };
    case 'step':
      return { kind: schedule, every, gamma };
    case 'multi-step':
      return { kind: schedule, milestones, gamma };
    case 'exponential':
      return { kind: schedule, gamma };
    case 'linear':
    case 'cosine':
      return { kind: schedule, lowest };
  }
}

export function clippingOf({ clip_norm: norm, clip_value: value }: Finetune): Clipping {
  return { ...(norm > 0 ? { norm } : {}), ...(value > 0 ? { value } : {}) };
}
