import { expect, test } from 'vitest';
import { Breaker } from '../../../src/engine/remote/breaker.js';

test('three failures in a row pause it for a minute; then one attempt decides', () => {
  let now = 0;
  const breaker = new Breaker(() => now);
  expect([breaker.failed(false), breaker.failed(false), breaker.open]).toEqual([false, false, true]);
  breaker.succeeded();
  expect([breaker.failed(false), breaker.failed(false), breaker.open]).toEqual([false, false, true]);
  expect([breaker.failed(false), breaker.open]).toEqual([true, false]);
  expect(breaker.failed(false)).toBe(false); // one that was under way
  now = 61_000;
  expect([breaker.open, breaker.failed(false), breaker.open]).toEqual([true, true, false]);
  now = 122_000;
  breaker.succeeded();
  expect([breaker.failed(false), breaker.open]).toEqual([false, true]);
});

test('a refusal pauses it for good', () => {
  let now = 0;
  const breaker = new Breaker(() => now);
  expect([breaker.failed(true), breaker.open]).toEqual([true, false]);
  breaker.succeeded();
  now = 1e12;
  expect(breaker.open).toBe(false);
});
