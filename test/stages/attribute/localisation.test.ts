import { describe, expect, it } from 'vitest';
import { boxMask, coverOf, shareOfDifference, sharesInside } from '../../../src/stages/attribute/localisation.js';
import { summarizeCompleteness, summarizeCurves, summarizeInside } from '../../../src/stages/attribute/summary.js';
import type { AttributionEntry, InsideBoxes } from '../../../src/stages/artifacts/attributions.js';

describe('the share of an attribution inside boxes', () => {
  const mask = boxMask([{ label: 'face', x0: 0, y0: 0, x1: 0.5, y1: 0.5 }], 4);

  it('is the positive part inside over all of it, and the contrast subtracts the same of the negative part', () => {
    expect([...mask]).toEqual([1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    const map = new Float32Array(3 * 16);
    map[0] = 2; // inside, red
    map[16 + 1] = 1; // inside, green
    map[10] = 1; // outside
    map[15] = -5; // outside, negative
    map[5] = -5; // inside, negative
    expect(sharesInside(map, mask, 4, 0)).toEqual({ smoothed: 0.75, raw: 0.75, contrast: 0.25, covered: 0.25 });
  });

  it('is null, not NaN, when no pixel is positive', () => {
    expect(sharesInside(new Float32Array(48).fill(-1), mask, 4, 0)).toMatchObject({ smoothed: null, raw: null, contrast: null });
  });

  it('counts every pixel that a box touches, and overlapping boxes once', () => {
    expect(coverOf(boxMask([{ label: 'a', x0: 0.3, y0: 0.3, x1: 0.6, y1: 0.6 }, { label: 'b', x0: 0.4, y0: 0.3, x1: 0.6, y1: 0.6 }], 4))).toBe(4 / 16);
  });

  it('of the difference to the baselines is what no model is needed for', () => {
    const image = new Float32Array(48);
    image[0] = 0.5;
    image[16] = 0.25;
    image[15] = -0.25;
    expect(shareOfDifference(image, [new Float32Array(48)], mask)).toBeCloseTo(0.75, 6);
    expect(shareOfDifference(image, [image], mask)).toBeNaN();
  });
});

describe('the summary over images', () => {
  const entry = (response: number, inside: Partial<InsideBoxes> | null): Pick<AttributionEntry, 'response' | 'inside'> =>
    ({ response, inside: inside === null ? null : { smoothed: null, raw: null, contrast: null, difference: null, covered: 0.1, ...inside } });

  it('takes medians over defined values and counts an undefined map as below the bar', () => {
    const summary = summarizeInside([entry(3, { smoothed: 0.9 }), entry(2, { smoothed: 0.7 }), entry(1, { smoothed: 0.2 }), entry(0, { smoothed: null }), entry(9, null)]);
    expect(summary).toMatchObject({ images: 4, undefined: 1, smoothed: 0.7, aboveBar: 0.5, strongerHalf: 0.8, chance: 0.1, raw: null, rawAboveBar: 0 });
  });

  it('is null everywhere, never NaN, without images', () => {
    const summary = summarizeInside([]);
    expect(JSON.parse(JSON.stringify(summary))).toEqual(summary);
  });

  it('finds the largest gap and the images that miss the tolerance, and nothing where nothing is promised', () => {
    const explained = (completenessGap: number | null, nodes: number | null): AttributionEntry =>
      ({ nsdId: 1, row: 0, overlay: '', response: 1, baselineResponse: 0, nodes, completenessGap, inside: null, curves: null });
    expect(summarizeCompleteness([explained(0.001, 64), explained(0.02, 1024), explained(null, null)], 0.01)).toMatchObject({ largest: 0.02, incomplete: 1, mostNodes: 1024 });
    expect(summarizeCompleteness([explained(null, null)], 0.01)).toEqual({ largest: null, median: null, incomplete: 0, mostNodes: null });
    expect(summarizeCurves([explained(null, null)])).toEqual({ deletion: null, insertion: null });
  });
});
