/** Parameters that explaining a model and explaining the true brain have in common. */
import { Type, type Static } from '@sinclair/typebox';
import { PipelineError } from '../../core/errors.js';
import { choice } from '../define.js';
import { BASELINES } from './baselines.js';
import { METHODS } from './methods.js';

export const explainingParameters = Type.Object(
  {
    roi: Type.String({ minLength: 1, description: 'region: `set` or `set/label`' }),
    minus: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { minItems: 1, description: 'regions whose mean response is subtracted' })),
    weight: Type.Optional(Type.Number({ minimum: 0, description: 'weight of the subtracted mean (default 1)' })),
    nsd_ids: Type.Optional(Type.Array(Type.Integer({ minimum: 0 }), { minItems: 1, uniqueItems: true, description: 'these held-out images (0-based nsdId) instead' })),
    method: choice(METHODS, { default: 'integrated-gradients', description: 'integrated gradients; SmoothGrad (mean gradient of noisy copies); the plain gradient; gradient × input; occlusion by a sliding patch of the baseline (no gradient)' }),
    baseline: choice(BASELINES, { default: 'blur', description: 'where the path of integrated gradients starts, and what occlusion and the curves put in: the image blurred, the mean training image, `references` training images one by one (expected gradients), grey or black' }),
    blur_sd: Type.Number({ exclusiveMinimum: 0, default: 12, description: 'of the blurred baseline, pixels of the maps' }),
    references: Type.Integer({ minimum: 1, maximum: 1000, default: 8, description: 'training images of the baseline `training`' }),
    nodes: Type.Integer({ minimum: 1, maximum: 4096, default: 64, description: 'quadrature nodes to start with' }),
    max_nodes: Type.Integer({ minimum: 1, maximum: 16384, default: 1024, description: 'quadrature nodes at most, not fewer than `nodes`' }),
    tolerance: Type.Number({ exclusiveMinimum: 0, default: 0.01, description: 'largest relative completeness gap' }),
    incomplete: choice(['fail', 'report'], { default: 'fail', description: 'what to do when an image misses `tolerance` at `max_nodes`: fail the stage, or keep the map, warn, and say so in the report' }),
    samples: Type.Integer({ minimum: 1, maximum: 10_000, default: 48, description: 'noisy copies of SmoothGrad' }),
    noise: Type.Number({ minimum: 0, default: 0.15, description: 'standard deviation of SmoothGrad\'s noise; pixels lie in [0, 1]' }),
    patch: Type.Integer({ minimum: 1, default: 16, description: 'side of the patch of occlusion, pixels of the maps' }),
    stride: Type.Integer({ minimum: 1, default: 8, description: 'distance from one patch to the next, pixels; not above `patch`' }),
    curve_steps: Type.Integer({ minimum: 0, maximum: 1000, default: 0, description: 'steps of the deletion and insertion curves; 0: none, at least 2 otherwise' }),
    smoothing: Type.Number({ minimum: 0, default: 2, description: 'standard deviation of the smoothing of overlays, curves and shares, pixels' }),
  },
  { additionalProperties: false },
);
export type ExplainingOptions = Static<typeof explainingParameters>;

/** Errors: E_OUT_OF_RANGE for bounds that contradict each other, which a schema cannot say. */
export function checkExplainingOptions(params: ExplainingOptions): void {
  const refuse = (subject: string, expected: string, found: number, hint: string): never => {
    throw new PipelineError('E_OUT_OF_RANGE', subject, { facts: { expected, found }, hint });
  };
  if (params.max_nodes < params.nodes) refuse('"max_nodes" is below "nodes"', `at least ${params.nodes}`, params.max_nodes, 'Raise max_nodes, or start with fewer nodes.');
  if (params.stride > params.patch) refuse('"stride" is above "patch"', `at most ${params.patch}`, params.stride, 'Lower stride: pixels between the patches would never be covered.');
  if (params.curve_steps === 1) refuse('"curve_steps" is 1', '0, or at least 2', 1, 'Give more steps, or 0 for no curves.');
}
