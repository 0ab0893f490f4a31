import { describe, expect, it } from 'vitest';
import { boxMask, shareInside } from '../../../src/stages/truth-check/localisation.js';

describe('the share of an attribution inside boxes', () => {
  const mask = boxMask([{ label: 'face', x0: 0, y0: 0, x1: 0.5, y1: 0.5 }], 4);

  it('is the positive part inside over all of it, without smoothing', () => {
    expect([...mask]).toEqual([1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    const map = new Float32Array(3 * 16);
    map[0] = 2; // inside, red
    map[16 + 1] = 1; // inside, green
    map[10] = 1; // outside
    map[15] = -5; // negative: not counted
    expect(shareInside(map, mask, 4, 0)).toBeCloseTo(0.75, 6);
  });

  it('is NaN when no pixel is positive', () => {
    expect(shareInside(new Float32Array(48).fill(-1), mask, 4, 0)).toBeNaN();
  });
});
