import { expect, test } from 'vitest';
import type { Digest } from '../../src/core/digest.js';
import type { KeyMaterial, StageKey } from '../../src/engine/record.js';
import { compareStages } from '../../src/engine/reproduction.js';
import type { RunRecord, StageOutcome } from '../../src/engine/run-record.js';

const material = (data: string): KeyMaterial => ({ format: 1, type: 't', version: 1, code: null, params: {}, inputs: {}, externals: { 'data.txt': data as Digest }, services: {}, seed: null });
const stage = (name: string, key: string, digest: string): StageOutcome => ({ name, type: 't', version: 1, params: {}, inputs: {}, word: 'ran', key: key as StageKey, metrics: {}, outputs: { out: { type: 'T', digest: digest as Digest, files: 1, bytes: 1, restricted: false } } });
const run = (...stages: StageOutcome[]): RunRecord => ({ stages }) as unknown as RunRecord;

test('an outside file that changed since is the reason that is named', () => {
  const [only] = compareStages(run(stage('a', 'k1', 'd1')), run(stage('a', 'k2', 'd2')), () => ({ before: { material: material('one') }, after: { material: material('two') } }));
  expect(only).toMatchObject({ word: 'different', unknownMaterial: false });
  expect(only?.changes.map(({ path }) => path)).toEqual(['externals.data.txt']);
});

test('a stage that was asked something else and gave the same bytes counts as the same', () => {
  const [only] = compareStages(run(stage('a', 'k1', 'd1')), run(stage('a', 'k2', 'd1')), () => ({ before: {}, after: { material: material('two') } }));
  expect(only).toMatchObject({ word: 'same', unknownMaterial: true });
});

test('a stage that is no longer there is missing; one that made nothing then is not asked for', () => {
  const skipped = { ...stage('b', 'k', 'd'), outputs: {} };
  expect(compareStages(run(stage('a', 'k1', 'd1'), skipped), run(), () => ({ before: {}, after: {} })).map(({ name, word, failure }) => [name, word, failure])).toEqual([['a', 'missing', 'the pipeline has no such stage now']]);
});
