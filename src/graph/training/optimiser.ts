/**
 * Update rules as graphs, on flat vectors: SGD, Adam and AdamW with the arithmetic of torch.optim. What changes from step to step (rate, bias
 * corrections) is an input, so that one compiled program serves a whole training. A rule knows no network and no loss.
 */
import type { Emitter } from '../emitter.js';
import type { Value } from '../ir.js';
import { add, div, mul, sqrt, sub } from '../layers.js';

export type Optimiser =
  | { readonly kind: 'sgd'; readonly momentum?: number; readonly dampening?: number; readonly nesterov?: boolean }
  | { readonly kind: 'adam' | 'adamw'; readonly beta1?: number; readonly beta2?: number; readonly epsilon?: number };

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

/** Names of the vectors, as long as the weights and 0 at first, that an optimiser carries from step to step. */
export function momentsOf(optimiser: Optimiser): readonly string[] {
  if (optimiser.kind !== 'sgd') return ['moment1', 'moment2'];
  return (optimiser.momentum ?? 0) === 0 ? [] : ['momentum'];
}

/** Scalars beside the rate that step t (from 1) is fed, by name. */
export function correctionsOf(optimiser: Optimiser, t: number): Readonly<Record<string, number>> {
  if (optimiser.kind !== 'sgd') return { correction1: 1 / (1 - (optimiser.beta1 ?? BETA1) ** t), correction2: 1 / (1 - (optimiser.beta2 ?? BETA2) ** t) };
  // torch takes the first gradient as it is: damped from the second step on
  return usesShare(optimiser) ? { share: t === 1 ? 1 : 1 - (optimiser.dampening ?? 0) } : {};
}

const usesShare = (optimiser: Optimiser): boolean => optimiser.kind === 'sgd' && (optimiser.momentum ?? 0) !== 0 && (optimiser.dampening ?? 0) !== 0;

export interface UpdateInputs {
  /** float32 [P]: weights, their gradient, the moments in the order of `momentsOf` */
  readonly weights: Value;
  readonly gradient: Value;
  readonly moments: readonly Value[];
  /** scalar */
  readonly rate: Value;
  /** scalars by the names of `correctionsOf` */
  readonly corrections: Readonly<Record<string, Value>>;
  readonly weightDecay: number;
}

export interface Updated {
  readonly weights: Value;
  readonly moments: readonly Value[];
}

/**
 *   SGD      g ← g + λw;  m' = μm + (1 − δ)g (m' = g in step 1);  d = g + μm' (nesterov) or m' or, without momentum, g;  w' = w − ηd
 *   Adam     g ← g + λw;  m' = β₁m + (1 − β₁)g;  v' = β₂v + (1 − β₂)g²;  w' = w − η·(m'c₁)/(√(v'c₂) + ε),  c = 1/(1 − βᵗ)
 *   AdamW    w ← w − ηλw, then as Adam without λ
 * @shape all vectors float32 [P]
 * @source torch.optim.SGD, Adam (Kingma and Ba 2015, algorithm 1), AdamW (Loshchilov and Hutter 2019, algorithm 2)
 */
export function update(b: Emitter, optimiser: Optimiser, inputs: UpdateInputs): Updated {
  const { weights, rate, weightDecay } = inputs;
  if (optimiser.kind === 'adamw') {
    const decayed = weightDecay === 0 ? weights : sub(b, weights, mul(b, weights, mul(b, rate, weightDecay)));
    return adam(b, optimiser, { ...inputs, weights: decayed });
  }
  const gradient = weightDecay === 0 ? inputs.gradient : add(b, inputs.gradient, mul(b, weights, weightDecay));
  return optimiser.kind === 'sgd' ? sgd(b, optimiser, { ...inputs, gradient }) : adam(b, optimiser, { ...inputs, gradient });
}

function adam(b: Emitter, optimiser: Extract<Optimiser, { kind: 'adam' | 'adamw' }>, { weights, gradient: g, moments, rate, corrections }: UpdateInputs): Updated {
  const { beta1 = BETA1, beta2 = BETA2, epsilon = EPSILON } = optimiser;
  const [m, v] = moments as readonly [Value, Value];
  const m1 = add(b, mul(b, m, beta1), mul(b, g, 1 - beta1));
  const v1 = add(b, mul(b, v, beta2), mul(b, mul(b, g, g), 1 - beta2));
  const change = div(b, mul(b, m1, mul(b, rate, corrections['correction1'] as Value)), add(b, sqrt(b, mul(b, v1, corrections['correction2'] as Value)), epsilon));
  return { weights: sub(b, weights, change), moments: [m1, v1] };
}

function sgd(b: Emitter, optimiser: Extract<Optimiser, { kind: 'sgd' }>, { weights, gradient: g, moments, rate, corrections }: UpdateInputs): Updated {
  const [m] = moments;
  if (m === undefined) return { weights: sub(b, weights, mul(b, g, rate)), moments: [] };
  const { momentum = 0, nesterov = false } = optimiser;
  const m1 = add(b, mul(b, m, momentum), usesShare(optimiser) ? mul(b, g, corrections['share'] as Value) : g);
  const direction = nesterov ? add(b, g, mul(b, m1, momentum)) : m1;
  return { weights: sub(b, weights, mul(b, direction, rate)), moments: [m1] };
}
