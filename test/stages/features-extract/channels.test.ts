import { describe, expect, it } from 'vitest';
import { selectChannels } from '../../../src/stages/features-extract/channels.js';

/** moments of channels with the given standard deviations, mean 1 */
const moments = (sds: readonly number[]) => ({ count: 2, sum: Float64Array.from(sds, () => 2), squares: Float64Array.from(sds, (sd) => 2 * (1 + sd * sd)) });

describe('selectChannels', () => {
  it('keeps the channels that vary most, in their own order', () => {
    expect(selectChannels(moments([1, 5, 2, 4]), 50)).toEqual([1, 3]);
  });

  it('never leaves a layer without a channel', () => {
    expect(selectChannels(moments([1, 3, 2]), 1)).toEqual([1]);
  });

  it('keeps all at 100 percent and prefers lower indices among equals', () => {
    expect(selectChannels(moments([1, 1, 1, 1]), 100)).toEqual([0, 1, 2, 3]);
    expect(selectChannels(moments([1, 1, 1, 1]), 50)).toEqual([0, 1]);
  });
});
