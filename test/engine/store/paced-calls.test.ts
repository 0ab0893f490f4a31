import { describe, expect, test } from 'vitest';
import { PacedCalls } from '../../../src/engine/store/paced-calls.js';

/** Questions that take so many ms here; how many of them were asked in this thread. */
async function askedHere(calls: PacedCalls, clock: { ms: number }, count: number, takes: number): Promise<number> {
  let here = 0;
  for (let i = 0; i < count; i += 1) {
    await calls.call(
      () => {
        here += 1;
        clock.ms += takes;
      },
      () => Promise.resolve(),
    );
  }
  return here;
}

describe('small questions to the file system', () => {
  test('are asked in this thread while the answers come at once', async () => {
    const clock = { ms: 0 };
    expect(await askedHere(new PacedCalls(() => clock.ms), clock, 1000, 0.02)).toBe(1000);
  });

  test('are asked of threads when they are slow, tried here now and then, and asked here again when they are quick', async () => {
    const clock = { ms: 0 };
    const calls = new PacedCalls(() => clock.ms);
    const slow = await askedHere(calls, clock, 1000, 2);
    expect(slow).toBeGreaterThan(0);
    expect(slow).toBeLessThan(50);
    expect(await askedHere(calls, clock, 1000, 0.02)).toBeGreaterThan(800);
  });

  test('one hiccup changes nothing', async () => {
    const clock = { ms: 0 };
    const calls = new PacedCalls(() => clock.ms);
    await askedHere(calls, clock, 100, 0.02);
    await askedHere(calls, clock, 1, 3000);
    expect(await askedHere(calls, clock, 100, 0.02)).toBe(100);
  });

  test('let timers and signals in between', async () => {
    const calls = new PacedCalls();
    let fired = 0;
    const timer = setInterval(() => (fired += 1), 1);
    const began = performance.now();
    while (performance.now() - began < 300) await calls.call(() => undefined, () => Promise.resolve());
    clearInterval(timer);
    expect(fired).toBeGreaterThan(2);
  });

  test('errors of either way pass', async () => {
    const calls = new PacedCalls();
    await expect(calls.call(() => { throw new TypeError('here'); }, () => Promise.resolve())).rejects.toThrow('here');
  });
});
