import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { tensor, type DType, type Tensor } from '../../src/core/tensor.js';
import { readSafetensors, SafetensorsFile, writeSafetensors } from '../../src/formats/safetensors.js';
import { expectFailure, fixture, NPY_CODES, ramp, survivesDamage, temporary } from './support.js';

const file = (name: string): string => fixture(`safetensors/${name}.safetensors`);

test('tensors and metadata are read', () => {
  const tensors = readSafetensors(file('good'));
  expect(tensors['a']).toEqual(tensor('float32', [2, 3], ramp([6], 'float32')));
  expect(tensors['b']).toEqual(tensor('int64', [5], ramp([5], 'int64')));
  const open = new SafetensorsFile(file('good'));
  expect(open.metadata).toEqual({ format: 'pt' });
  open.close();
});

test('what is written is read back, in every type, and gives the same bytes in any order of names', () => {
  const tensors: Record<string, Tensor> = { '10': tensor('uint8', [3]), empty: tensor('float32', [0, 4]) };
  for (const dtype of Object.keys(NPY_CODES) as DType[]) tensors[`layer.${dtype}`] = tensor(dtype, [2, 3], ramp([2, 3], dtype));
  const [first, second] = [temporary('a'), temporary('b')];
  writeSafetensors(first, tensors, { b: '1', a: '2' });
  writeSafetensors(second, Object.fromEntries(Object.entries(tensors).reverse()), { a: '2', b: '1' });
  expect(readSafetensors(first)).toEqual(tensors);
  expect(readFileSync(first).equals(readFileSync(second))).toBe(true);
});

test('a name of any length, with braces, quotes and colons in it, is one name', () => {
  const path = temporary('names');
  const names = ['a'.repeat(20_000_000), '{"a": 1}', '\\":', '__proto__'];
  writeSafetensors(path, Object.fromEntries(names.map((name) => [name, tensor('uint8', [1])])));
  const open = new SafetensorsFile(path);
  expect([...open.entries.keys()].sort()).toEqual([...names].sort());
  open.close();
});

describe('files that are refused', () => {
  test.each([
    ['gap', /gap or an overlap/],
    ['overlap', /gap or an overlap/],
    ['length', /another length of "a"/],
    ['trailing', /another length than its tensors/],
    ['twice', /twice/],
    ['header', /impossible/],
  ])('%s', (name, words) => expectFailure(() => readSafetensors(file(name)), words));

  test('damage ends in a result or E_FORMAT', async () => {
    expect(await survivesDamage(file('good'), 500, readSafetensors)).toBeGreaterThan(200);
  });
});
