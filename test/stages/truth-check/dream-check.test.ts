import { describe, expect, it } from 'vitest';
import { checkDreams, compete, type DreamRegion } from '../../../src/stages/truth-check/dream-check.js';

/** Two stimuli, four voxels: every region's natural responses are 0 and 1. */
const NATURAL = Float32Array.of(0, 0, 0, 0, 1, 1, 1, 1);
const dream = (target: string) => ({ target, file: `${target}.png` });
const region = (name: string, ...members: number[]): DreamRegion => ({ name, roi: name, members });

describe('regions that compete', () => {
  it('are those of which neither holds the other: apart or partly overlapping, whatever their order', () => {
    expect(compete([0, 1], [2, 3])).toBe(true);
    expect(compete([0, 1], [1, 2])).toBe(true);
    expect(compete([0, 1], [1, 0])).toBe(false);
    expect(compete([1], [0, 1])).toBe(false);
    expect(compete([0, 1], [1])).toBe(false);
  });
});

describe('the check of dreams', () => {
  const faces = region('faces', 0, 1);
  const places = region('places', 2, 3);
  const responses = Float32Array.of(2, 4, 1, 0, 0.5, 1, 4, 6);

  it('passes a target whose pictures beat all stimuli in its own region and the other regions', () => {
    const [face, place] = checkDreams([faces, places], [dream('faces'), dream('places')], responses, NATURAL, 4);
    expect(face).toMatchObject({ response: 3, percentile: 100, naturalMax: 1, largest: true, passed: true, others: { faces: 3, places: 0.5 } });
    expect(face?.natural99).toBeCloseTo(0.99, 12);
    expect(place).toMatchObject({ response: 5, largest: true, passed: true, dreams: [{ file: 'places.png', response: 5, percentile: 100 }] });
  });

  it('does not let two targets of one region, or a patch within it, fail each other', () => {
    const again = region('faces-less-places', 1, 0);
    const patch = region('patch', 1); // answers 4, more than the whole region's 3
    const checks = checkDreams([faces, again, patch, places], [dream('faces'), dream('faces-less-places')], Float32Array.of(2, 4, 1, 0, 2, 4, 1, 0), NATURAL, 4);
    expect(checks.slice(0, 2).map((check) => [check.response, check.largest, check.passed])).toEqual([[3, true, true], [3, true, true]]);
  });

  it('fails a target that drives another region as much as its own, or its own no more than a stimulus does', () => {
    const [equal] = checkDreams([faces, places], [dream('faces')], Float32Array.of(3, 3, 3, 3), NATURAL, 4);
    expect(equal).toMatchObject({ response: 3, largest: false, passed: false });
    const [weak] = checkDreams([faces, places], [dream('faces')], Float32Array.of(0.5, 0.5, 0, 0), NATURAL, 4);
    expect(weak).toMatchObject({ percentile: 50, largest: true, passed: false });
  });

  it('calls nothing largest where no other region competes', () => {
    const [only] = checkDreams([faces, region('patch', 0)], [dream('faces')], Float32Array.of(2, 2, 0, 0), NATURAL, 4);
    expect(only).toMatchObject({ largest: null, passed: true });
  });

  it('writes null, never NaN, for a target without dreams', () => {
    const [none] = checkDreams([faces, places], [], new Float32Array(0), NATURAL, 4);
    expect(none).toMatchObject({ response: null, percentile: null, passed: false, dreams: [], others: { faces: null, places: null } });
    expect(JSON.stringify(none)).toBe(JSON.stringify(none, (_, value: unknown) => (typeof value === 'number' && !Number.isFinite(value) ? 'not finite' : value)));
  });
});
