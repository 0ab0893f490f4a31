/** Checkpoints that PyTorch 1.13 and 2.15 and safetensors wrote themselves (tools/oracles/checkpoints.py), against what these libraries read from them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesOfCheckpoint, openCheckpoint } from '../../../src/formats/checkpoint/index.js';
import { expectFailure } from '../support.js';

interface Expected {
  readonly format: string;
  readonly mapping?: string;
  readonly tensors: Readonly<Record<string, { readonly dtype: string; readonly shape: readonly number[]; readonly values: readonly number[] }>>;
}

const FOLDER = join(import.meta.dirname, '..', '..', 'fixtures', 'checkpoints');

describe.each(readdirSync(FOLDER))('%s', (version) => {
  const file = (name: string): string => join(FOLDER, version, name);
  const expected = JSON.parse(readFileSync(file('expected.json'), 'utf8')) as Record<string, Expected>;

  test.each(Object.keys(expected))('%s holds what its library reads from it', (name) => {
    const { format, mapping, tensors } = expected[name] as Expected;
    const checkpoint = openCheckpoint(file(name), mapping === undefined ? {} : { mapping });
    expect(checkpoint.format).toBe(format);
    const names = [...checkpoint.entries.keys()];
    expect(format === 'safetensors' || format === 'sharded' ? names.sort() : names).toEqual(format === 'safetensors' || format === 'sharded' ? Object.keys(tensors).sort() : Object.keys(tensors));
    for (const [key, { dtype, shape, values }] of Object.entries(tensors)) {
      expect(checkpoint.entries.get(key)).toMatchObject({ dtype, shape });
      expect(checkpoint.read(key), key).toEqual({ dtype: 'float32', shape, data: Float32Array.from(values) });
    }
    checkpoint.close();
  });

  test('several sets of weights are named, and one is chosen by its name', async () => {
    await expectFailure(() => openCheckpoint(file('two.pth')), /2 sets of weights[^]*teacher, student/, 'E_WEIGHTS');
    await expectFailure(() => openCheckpoint(file('two.pth'), { mapping: 'pupil' }), /no weights under "pupil"[^]*teacher, student/, 'E_WEIGHTS');
    expect(openCheckpoint(file('two.pth'), { mapping: 'student' }).entries.has('conv1.weight')).toBe(true);
  });

  test('tensors that are not dense and real are refused by name', async () => {
    await expectFailure(() => openCheckpoint(file('quantized.pth')), /"w".*quantised/, 'E_DATA');
    await expectFailure(() => openCheckpoint(file('sparse.pth')), /"w".*sparse/, 'E_DATA');
    const complex = openCheckpoint(file('complex.pth'));
    expect(complex.entries.get('w')).toMatchObject({ dtype: 'complex64', shape: [3, 3] });
    await expectFailure(() => complex.read('w'), /"w".*complex64/, 'E_DATA');
    await expectFailure(() => complex.read('v'), /"v" is not in/, 'E_DATA');
  });

  test('a whole module and a tensor that was pickled without torch.save would run code: refused with every name', async () => {
    await expectFailure(() => openCheckpoint(file('whole-module.pth')), /__main__\.Block, .*torch\.nn\.modules\.conv\.Conv2d, .*torch\.nn\.modules\.linear\.Linear/, 'E_UNSAFE_PICKLE');
    await expectFailure(() => openCheckpoint(file('plain-pickle.pth')), /torch\.storage\._load_from_bytes/, 'E_UNSAFE_PICKLE');
  });
});

test('8-bit floating point weights are refused by their type', async () => {
  await expectFailure(() => openCheckpoint(join(FOLDER, 'torch-2.15', 'float8.pth')).read('w'), /"w".*float8_e4m3fn/, 'E_DATA');
  await expectFailure(() => openCheckpoint(join(FOLDER, 'torch-2.15', 'float8.safetensors')), /type that is not read[^]*F8_E4M3/);
});

test('an index belongs to the files that it names, another checkpoint to itself', () => {
  const index = join(FOLDER, 'torch-2.15', 'model.safetensors.index.json');
  expect(filesOfCheckpoint(index)).toEqual([index, ...[1, 2].map((part) => join(FOLDER, 'torch-2.15', `model-0000${part}-of-00002.safetensors`))]);
  expect(filesOfCheckpoint(join(FOLDER, 'torch-2.15', 'types.pth'))).toHaveLength(1);
});
