/** All sessions of single-trial responses into one file, z-scored session by session; memory holds the sessions under way and nothing else. */
import { PipelineError } from '../../core/errors.js';
import { NpyWriter } from '../../formats/npy.js';
import type { BetaFormat } from '../nsd/layout.js';
import { lookAhead } from './look-ahead.js';
import { readSessionBetas } from './session-betas.js';
import { zscoreSession } from './zscore.js';

export interface TrialsTask {
  /** one file a session, in order */
  readonly paths: readonly string[];
  readonly format: BetaFormat;
  readonly trialsPerSession: number;
  /** positions x + X·(y + Y·z), ascending */
  readonly voxels: Int32Array;
  /** X, Y, Z */
  readonly grid: readonly [number, number, number];
  /** whether trial t of all trials counts for its session's mean and deviation; undefined: no z-scoring */
  readonly counts: ((trial: number) => boolean) | undefined;
  /** cores: as many NIfTI sessions are inflated at a time. Never changes a byte. */
  readonly cpus: number;
  readonly signal: AbortSignal;
  readonly progress: (done: number) => void;
}

/**
 * Writes float32 [trial, voxel] to `path`. @returns uint8 [voxel]: 1 where a session left the voxel without variance (its trials are NaN there)
 * Errors: E_FORMAT if a session holds another number of trials; those of `readSessionBetas` and `zscoreSession`.
 */
export async function extractTrials(path: string, task: TrialsTask): Promise<Uint8Array> {
  const { paths, format, trialsPerSession, voxels, grid, counts, signal } = task;
  const invalid = new Uint8Array(voxels.length);
  const writer = new NpyWriter(path, 'float32', [paths.length * trialsPerSession, voxels.length]);
  // Inflating runs beside this thread; HDF5 is read in one piece and would gain nothing.
  const width = format === 'hdf5' ? 1 : Math.max(1, task.cpus);
  try {
    let session = 0;
    for await (const { trials, betas } of lookAhead(paths.length, width, (i) => readSessionBetas(paths[i] as string, format, voxels, grid, signal))) {
      signal.throwIfAborted();
      if (trials !== trialsPerSession) {
        throw new PipelineError('E_FORMAT', `session ${session + 1} does not hold the trials of the design`, { facts: { expected: trialsPerSession, found: trials }, hint: 'Check the file: it may be incomplete.' });
      }
      const first = session * trialsPerSession;
      if (counts !== undefined) zscoreSession(betas, voxels.length, (t) => counts(first + t), invalid);
      writer.append(betas);
      session += 1;
      task.progress(session);
    }
    writer.close();
  } finally {
    writer.abandon();
  }
  return invalid;
}
