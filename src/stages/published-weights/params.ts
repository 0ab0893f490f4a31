/** The parameters of stages that take published weights: three origins, of which exactly one is given (origin.ts), and which set in the checkpoint. */
import { Type } from '@sinclair/typebox';

export const WEIGHTS_PARAMS = {
  weights: Type.String({ default: '', 'x-external': 'file', description: 'checkpoint file' }),
  download: Type.Optional(
    Type.Object({ url: Type.String({ minLength: 1, description: 'where the checkpoint is' }), sha256: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'what its bytes must be' }) }, { additionalProperties: false, description: 'a checkpoint that is fetched once and kept' }),
  ),
  untrained: Type.Boolean({ default: false, description: 'draw the weights from the seed' }),
  mapping: Type.Optional(Type.String({ minLength: 1, description: 'which of several sets of weights in the checkpoint' })),
};
