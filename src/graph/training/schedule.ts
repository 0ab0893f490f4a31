/** Learning-rate schedules as pure functions of the step: nothing is carried along, so a resumed training has the rates of the uninterrupted one. */
import { unreachable } from '../../core/unreachable.js';

/** `step`, `multi-step` and `exponential` count epochs; `linear` and `cosine` go on with every step and end at `lowest` (a share of the rate, default 0). */
export type Schedule =
  | { readonly kind: 'constant' }
  | { readonly kind: 'step'; readonly every: number; readonly gamma: number }
  | { readonly kind: 'multi-step'; readonly milestones: readonly number[]; readonly gamma: number }
  | { readonly kind: 'exponential'; readonly gamma: number }
  | { readonly kind: 'linear'; readonly lowest?: number }
  | { readonly kind: 'cosine'; readonly lowest?: number };

export interface When {
  /** from 0 */
  readonly step: number;
  readonly stepsPerEpoch: number;
  /** steps of the whole training */
  readonly total: number;
}

/**
 * Factor on the largest rate in step t of T, epoch e = ⌊t / steps per epoch⌋:
 *   step γ^⌊e/every⌋ · multi-step γ^(milestones ≤ e) · exponential γ^e · linear 1 − (1 − low)·t/T · cosine low + (1 − low)·½(1 + cos(πt/T))
 * @source torch.optim.lr_scheduler: StepLR, MultiStepLR, ExponentialLR (stepped once an epoch), LinearLR, CosineAnnealingLR (stepped every step)
 */
export function scheduleFactor(schedule: Schedule, { step, stepsPerEpoch, total }: When): number {
  const epoch = Math.floor(step / stepsPerEpoch);
  switch (schedule.kind) {
    case 'constant':
      return 1;
    case 'step':
      return schedule.gamma ** Math.floor(epoch / schedule.every);
    case 'multi-step':
      return schedule.gamma ** schedule.milestones.filter((milestone) => milestone <= epoch).length;
    case 'exponential':
      return schedule.gamma ** epoch;
    case 'linear':
      return 1 - (1 - (schedule.lowest ?? 0)) * (step / total);
    case 'cosine': {
      const low = schedule.lowest ?? 0;
      return low + (1 - low) * (0.5 * (1 + Math.cos((Math.PI * step) / total)));
    }
    default:
      return unreachable(schedule);
  }
}

/** min(1, (t + 1)/warmup), on top of any schedule. @source torch.optim.lr_scheduler.LinearLR(1/warmup, total_iters = warmup − 1), chained */
export function warmupFactor(step: number, warmup: number): number {
  return Math.min(1, (step + 1) / warmup);
}
