import { expect, it } from 'vitest';
import { STAGE_MODULES } from '../../src/stages/index.js';
// @ts-expect-error a plain script without types
import { currentLock, lockProblems } from '../../tools/stages-lock.mjs';

it('no stage type changed its code without somebody deciding about its version', () => {
  expect(lockProblems()).toEqual([]);
});

it('every registered stage type is guarded by the lock, and so is what modules of users import', () => {
  expect(Object.keys(currentLock() as object).sort()).toEqual([...Object.keys(STAGE_MODULES), 'pipeline-encoding/stage'].sort());
});
