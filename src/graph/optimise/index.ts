/**
 * Makes a graph that computes the same with less: weights-only arithmetic is done once, batch normalisation goes into the layer before it, what does nothing
 * is dropped, and patterns that exporters spell out become the one operator they mean. Features, dreams and attributions run what comes out; it is also what
 * is differentiated, because gradients of the short forms are shorter too.
 *
 * Values named in `keep`, inputs and outputs keep their names and their meaning; float32 results move by rounding only (1e-6 of the largest value).
 */
import type { Graph } from '../ir.js';
import { mergeArrangements, mergeTransposes } from './arrangement.js';
import { foldConstants } from './constants.js';
import { unifyGlobalAverage } from './global-average.js';
import { matchHardSigmoid } from './hard-sigmoid.js';
import { matchLayerNormalization, takeBias, takeScale } from './layer-normalization.js';
import { dropNoOps } from './no-ops.js';
import { foldBatchNormalization } from './batch-normalization.js';
import { rewrite } from './rewriting.js';
import { winograd } from './winograd.js';

export interface OptimiseOptions {
  /** Names of initializers that will be trained: nothing is folded into them or computed from them, and they stay. */
  readonly trained?: readonly string[];
  /** Large 3×3 convolutions by Winograd's algorithm: faster for networks like VGG, ten times the rounding (1e-6 to 3e-6). Differentiate first, so that gradients gain too. */
  readonly winograd?: boolean;
}

/** Constants first: the others recognise weights only as constants. */
const RULES = [
  foldConstants, dropNoOps, mergeTransposes, mergeArrangements, foldBatchNormalization, matchHardSigmoid, matchLayerNormalization, takeScale, takeBias, unifyGlobalAverage,
];
/** One round lets the next see fewer readers; real models need two. */
const ROUNDS = 4;

export function optimise(graph: Graph, keep: readonly string[], { trained = [], winograd: byWinograd = false }: OptimiseOptions = {}): Graph {
  let current = graph;
  for (let round = 0; round < ROUNDS; round += 1) {
    const next = rewrite(current, RULES, { keep, trained });
    const unchanged = next.nodes.length === current.nodes.length && next.nodes.every((node, i) => node.op === current.nodes[i]?.op && node.inputs.join() === current.nodes[i]?.inputs.join());
    current = next;
    if (unchanged) break;
  }
  return byWinograd ? rewrite(current, [winograd], { keep, trained }) : current;
}
