import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readMgh } from '../../src/formats/mgh.js';
import { expectFailure, fixture, ramp, survivesDamage, temporary } from './support.js';

const file = (name: string): string => fixture(`mgh/${name}`);

test.each(['surface.f4.mgh', 'surface.f4.mgz'])('%s: a map over vertices and frames that nibabel wrote', (name) => {
  const image = readMgh(file(name));
  expect(image.shape).toEqual([10, 1, 1, 4]);
  expect(image.data).toEqual({ dtype: 'float32', shape: [4, 1, 1, 10], data: ramp([40], 'float32') });
});

test('volumes of integers and bytes', () => {
  expect(readMgh(file('volume.i4.mgz')).data.data).toEqual(ramp([60], 'int32'));
  expect(readMgh(file('volume.u1.mgh')).data.data).toEqual(ramp([60], 'uint8'));
  expect(readMgh(file('volume.u1.mgh')).shape).toEqual([5, 4, 3, 1]);
});

const valid = readFileSync(file('surface.f4.mgh'));
const changed = (offset: number, value: number): string => {
  const bytes = Buffer.from(valid);
  bytes.writeInt32BE(value, offset);
  return temporary('a.mgh', bytes);
};

test.each([
  ['another version', changed(0, 2), /version/],
  ['an unknown type', changed(20, 7), /type 7/],
  ['extents beyond the file', changed(4, 2_000_000_000), /shorter/],
  ['extents whose product overflows', changed(8, 2_000_000_000), /shorter/],
  ['a negative extent', changed(4, -10), /shorter/],
  ['a file cut short', temporary('a.mgh', valid.subarray(0, 290)), /shorter/],
  ['a header cut short', temporary('a.mgh', valid.subarray(0, 90)), /too short/],
  ['a truncated gzip stream', temporary('a.mgz', readFileSync(file('surface.f4.mgz')).subarray(0, -12)), /gzip/],
])('%s is refused', (_, path, words) => expectFailure(() => readMgh(path), words));

test('damage ends in a result or E_FORMAT', async () => {
  for (const name of ['surface.f4.mgh', 'surface.f4.mgz', 'volume.i4.mgz']) expect(await survivesDamage(file(name), 200, readMgh)).toBeGreaterThan(30);
});
