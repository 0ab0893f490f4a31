/** Which channels of a layer are used: those that vary most over the training images. */

export interface ChannelMoments {
  /** training images seen */
  count: number;
  /** per channel, sums over images of the spatial mean activation and of its square */
  readonly sum: Float64Array;
  readonly squares: Float64Array;
}

/**
 * The max(1, ⌊C·percent/100⌋) channels with the largest standard deviation of the spatial mean; ties go to the lower index. Ascending.
 * boldreams floors to 0 channels for narrow layers at 1 %; here a layer always keeps one.
 */
export function selectChannels(moments: ChannelMoments, percent: number): number[] {
  const channels = moments.sum.length;
  const keep = Math.max(1, Math.floor((channels * percent) / 100));
  const variance = Float64Array.from(moments.sum, (sum, c) => (moments.squares[c] as number) / moments.count - (sum / moments.count) ** 2);
  return Array.from({ length: channels }, (_, c) => c)
    .sort((a, b) => (variance[b] as number) - (variance[a] as number) || a - b)
    .slice(0, keep)
    .sort((a, b) => a - b);
}
