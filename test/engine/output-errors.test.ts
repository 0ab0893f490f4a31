import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PipelineError } from '../../src/core/errors.js';
import { outputError, WRITING_OUTPUTS } from '../../src/engine/output-errors.js';
import { Hdf5Writer } from '../../src/formats/hdf5/index.js';
import { writeNifti } from '../../src/formats/nifti-writer.js';

/** /dev/full takes nothing: the staging folder is its folder. */
const JOB = { stage: 's', staging: '/dev', store: { directory: '/cache' } };

async function thrownBy(work: () => unknown): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new PipelineError('E_DATA', '"work" did not fail');
}

function systemError(code: string, more: object): Error {
  return Object.assign(new Error(`${code}: as the system says`), { code, ...more });
}

describe('an error of a stage whose disk is full', () => {
  test.each<[string, () => unknown]>([
    ['HDF5', () => {
      const writer = new Hdf5Writer('/dev/full');
      writer.createDataset('a', { dtype: 'uint8', shape: [1 << 20] });
      writer.writeSlice('a', [[0, 1 << 20]], { dtype: 'uint8', shape: [1 << 20], data: new Uint8Array(1 << 20) });
      writer.close();
    }],
    ['NIfTI', () => writeNifti('/dev/full', { shape: [2, 2, 2], dtype: 'float32', affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], gzip: false }, new Float32Array(8))],
    ['plain', () => writeFileSync('/dev/full', 'x')],
  ])('is told from a mistake of the stage, whoever wrote: %s', async (_, work) => {
    const found = outputError(JOB, await thrownBy(work));
    expect(found).toMatchObject({ code: 'E_NO_SPACE', message: expect.stringContaining('"s" could not write its outputs: ENOSPC'), facts: { action: WRITING_OUTPUTS, system: 'ENOSPC', folder: '/dev', freeBytes: expect.any(Number) }, hint: expect.stringContaining('TMPDIR') });
  });

  test.each(['ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS', 'EIO'])('%s of a write counts behind words of a format, elsewhere it does not', (code) => {
    const wrapped = (path: string, more: object): PipelineError => new PipelineError('E_STORE_IO', '"x.h5" cannot be written', { facts: { path }, cause: systemError(code, more) });
    expect(outputError(JOB, wrapped('/dev/x.h5', { syscall: 'write' }))).toMatchObject({ facts: { action: WRITING_OUTPUTS, system: code } });
    for (const other of [wrapped('/data/x.h5', { syscall: 'read' }), systemError(code, { syscall: 'read' }), systemError(code, { syscall: 'open', path: '/development/x' })]) expect(outputError(JOB, other)).toBe(other);
  });

  test('is left alone if the store has been to the scratch folder already', () => {
    const error = new PipelineError('E_NO_SPACE', '"x" could not be written', { facts: { action: 'storing a file in the scratch folder' }, cause: systemError('ENOSPC', { syscall: 'write' }) });
    expect(outputError(JOB, error)).toBe(error);
  });

  test('is not assumed of a program that fails with room left', () => {
    const staging = mkdtempSync(join(tmpdir(), 'output-errors-'));
    try {
      const error = new PipelineError('E_COMMAND_FAILED', '"make" ended with 1');
      expect(outputError({ ...JOB, staging }, error)).toBe(error);
    } finally {
      rmSync(staging, { recursive: true });
    }
  });
});
