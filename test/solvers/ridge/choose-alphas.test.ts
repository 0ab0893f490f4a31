import { describe, expect, it } from 'vitest';
import { chooseAlphas } from '../../../src/solvers/ridge/choose-alphas.js';

const ALPHAS = Float64Array.of(1, 10, 100);

describe('chooseAlphas', () => {
  it('takes means over the folds in which a score is defined, by penalty', () => {
    const scores = Float64Array.of(1, 4, 2, 6, 3, 5);
    const choice = chooseAlphas(scores, Int32Array.of(2, 2, 2, 2, 2, 2), ALPHAS, new Uint8Array(2));
    expect([...scores]).toEqual([0.5, 2, 1, 3, 1.5, 2.5]);
    expect([...choice.alpha]).toEqual([100, 10]);
    expect(choice).toMatchObject({ unscored: 0, edgeCount: { lowest: 0, highest: 1 } });
  });

  it('never chooses a penalty that was scored in fewer folds than another', () => {
    // The largest penalty is defined in one easy fold only.
    const scores = Float64Array.of(0.8, 1, 0.9);
    const choice = chooseAlphas(scores, Int32Array.of(2, 2, 1), ALPHAS, new Uint8Array(1));
    expect([...scores]).toEqual([0.4, 0.5, 0.9]);
    expect([...choice.alpha]).toEqual([10]);
    expect(choice.score[0]).toBe(0.5);
  });

  it('tells targets without a score from constant ones', () => {
    const choice = chooseAlphas(new Float64Array(6), new Int32Array(6), ALPHAS, Uint8Array.of(0, 1));
    expect([...choice.index]).toEqual([-1, -1]);
    expect(choice.unscored).toBe(1);
  });
});
