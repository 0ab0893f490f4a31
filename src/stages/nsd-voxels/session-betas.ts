/** One session's single-trial betas at the voxels of a mask, from either of the two files that NSD has per session. */
import { PipelineError } from '../../core/errors.js';
import { sizeOf } from '../../core/tensor.js';
import { openHdf5 } from '../../formats/hdf5/index.js';
import { readNiftiHeader, streamNiftiFrames } from '../../formats/nifti.js';
import type { BetaFormat } from '../nsd/layout.js';

/** stored integers are percent signal change × 300. @source NSD data manual */
const BETA_SCALE = 300;

/**
 * Percent signal change at the masked voxels.
 * @param voxels positions x + X·(y + Y·z) in the volume, ascending
 * @param grid X, Y, Z
 * @shape result: float32 [trial, voxel]
 * HDF5 holds `/betas` as int16 [trial, z, y, x]; NIfTI as int16 (x, y, z, trial), x fastest: both give the same position per voxel.
 * Errors: E_FORMAT when the volume has another grid; the readers' own for damaged files.
 */
export async function readSessionBetas(path: string, format: BetaFormat, voxels: Int32Array, grid: readonly [number, number, number], signal: AbortSignal): Promise<{ readonly trials: number; readonly betas: Float32Array }> {
  return format === 'hdf5' ? fromHdf5(path, voxels, grid) : fromNifti(path, voxels, grid, signal);
}

function fromHdf5(path: string, voxels: Int32Array, [nx, ny, nz]: readonly [number, number, number]): { trials: number; betas: Float32Array } {
  const file = openHdf5(path);
  try {
    const dataset = file.dataset('betas');
    const [trials, z, y, x] = dataset.shape as readonly [number, number, number, number];
    if (dataset.shape.length !== 4 || z !== nz || y !== ny || x !== nx) throw gridError(path, `[trial, ${nz}, ${ny}, ${nx}]`, `[${dataset.shape.join(', ')}]`);
    const raw = dataset.readColumns(voxels);
    const betas = new Float32Array(raw.length);
    for (let i = 0; i < raw.length; i += 1) betas[i] = Number(raw[i]) / BETA_SCALE;
    return { trials, betas };
  } finally {
    file.close();
  }
}

async function fromNifti(path: string, voxels: Int32Array, [nx, ny, nz]: readonly [number, number, number], signal: AbortSignal): Promise<{ trials: number; betas: Float32Array }> {
  const { shape } = readNiftiHeader(path);
  if (shape[0] !== nx || shape[1] !== ny || shape[2] !== nz) throw gridError(path, `(${nx}, ${ny}, ${nz}, trial)`, `(${shape.join(', ')})`);
  const trials = sizeOf(shape.slice(3));
  const betas = new Float32Array(trials * voxels.length);
  await streamNiftiFrames(path, (t, frame) => {
    signal.throwIfAborted();
    const from = t * voxels.length;
    for (let v = 0; v < voxels.length; v += 1) betas[from + v] = Number(frame[voxels[v] as number]) / BETA_SCALE;
  });
  return { trials, betas };
}

function gridError(path: string, expected: string, found: string): PipelineError {
  return new PipelineError('E_FORMAT', `the betas "${path}" are not on the grid of the regions`, { facts: { expected, found }, hint: 'Take betas and regions of the same subject and space.' });
}
