/**
 * ONNX operators that our table does not hold, or holds with fewer settings, spelled in those that it holds. Each is one entry: what a runtime
 * or a gradient rule must know stays small. The last node keeps the name of the original, so layers are found as the file names them.
 */
import type { CompoundRule } from './compound/call.js';
import { activationCompounds } from './compound/activations.js';
import { arrangementCompounds } from './compound/arrangement.js';
import { attention, rotaryEmbedding } from './compound/attention.js';
import { einsum } from './compound/einsum.js';
import { normalizationCompounds } from './compound/normalizations.js';
import { reductionCompounds } from './compound/reductions.js';
import { resizeCompound } from './compound/resize.js';
import { windowCompounds } from './compound/windows.js';

export { CompoundCall } from './compound/call.js';

export const COMPOUNDS: ReadonlyMap<string, CompoundRule> = new Map(
  Object.entries<CompoundRule>({
    ...activationCompounds,
    ...arrangementCompounds,
    ...normalizationCompounds,
    ...reductionCompounds,
    ...windowCompounds,
    Attention: attention,
    Einsum: einsum,
    Resize: resizeCompound,
    RotaryEmbedding: rotaryEmbedding,
  }),
);
