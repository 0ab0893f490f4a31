/** Learning rates against torch.optim.lr_scheduler (tools/oracles/optimisers.py). */
import { describe, expect, it } from 'vitest';
import { scheduleFactor, warmupFactor } from '../../../src/graph/training/schedule.js';
import { FIXTURE } from './fixture-network.js';

const { stepsPerEpoch, total } = FIXTURE;

describe('a schedule has the rates of torch.optim.lr_scheduler', () => {
  it.each(FIXTURE.schedules.map((one) => [`${JSON.stringify(one.schedule)} warm-up ${one.warmup}`, one] as const))('%s', (_, { schedule, warmup, rates }) => {
    expect(rates).toHaveLength(total);
    rates.forEach((expected, step) => {
      expect(Math.abs(scheduleFactor(schedule, { step, stepsPerEpoch, total }) * warmupFactor(step, warmup) - expected), `step ${step}`).toBeLessThan(1e-12);
    });
  });
});

it('a cosine with warm-up rises linearly and ends at zero', () => {
  const rate = (step: number): number => 0.003 * warmupFactor(step, 50) * scheduleFactor({ kind: 'cosine' }, { step, stepsPerEpoch: 100, total: 1000 });
  expect(rate(0)).toBeCloseTo(0.003 / 50, 9);
  expect(rate(500)).toBeCloseTo(0.0015, 9);
  expect(rate(1000)).toBeCloseTo(0, 12);
});
