/**
 * Checkpoints of a training: everything that the next step depends on, in one file that is there as a whole or not at all. Random numbers are not
 * among it: every batch has a stream of its own, named by its step.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf } from '../../core/digest.js';
import { PipelineError } from '../../core/errors.js';
import { tensor } from '../../core/tensor.js';
import { bytesOf } from '../../formats/bytes.js';
import { SafetensorsFile, writeSafetensors } from '../../formats/safetensors.js';
import type { State } from '../../graph/training/step.js';

/** Where a training stands between two steps. */
export interface Progress {
  /** steps done */
  readonly step: number;
  /** sum of the losses of the epoch that has begun */
  readonly sum: number;
  /** mean loss of every epoch that is over */
  readonly losses: readonly number[];
  /** score of the untrained state and after every epoch; lower is better */
  readonly scores: readonly number[];
  readonly state: State;
  /** the state with the best score so far, where it is kept */
  readonly best?: State;
}

const FILE = 'training.safetensors';
const STATE = 'state/';
const BEST = 'best/';

/** Replaces the checkpoint of the folder. After a crash of the machine, too, the old one or the new one is there. */
export function writeCheckpoint(folder: string, { state, best, ...numbers }: Progress): void {
  mkdirSync(folder, { recursive: true });
  const vectors = { ...prefixed(STATE, state), ...prefixed(BEST, best ?? {}) };
  const text = JSON.stringify(numbers);
  const path = join(folder, FILE);
  const part = `${path}.part`;
  writeSafetensors(part, Object.fromEntries(Object.entries(vectors).map(([name, data]) => [name, tensor('float32', [data.length], data)])), { numbers: text, digest: digestOfAll(text, vectors) });
  sync(part);
  renameSync(part, path);
  sync(folder);
}

/**
 * The checkpoint of the folder, if there is one that is whole and of a training with these vectors; `warn` is told of one that is not.
 * @param sizes elements of every vector of the state, by name
 */
export function readCheckpoint(folder: string, sizes: Readonly<Record<string, number>>, warn: (message: string) => void): Progress | undefined {
  const path = join(folder, FILE);
  if (!existsSync(path)) return undefined;
  try {
    const file = new SafetensorsFile(path);
    try {
      const vectors = Object.fromEntries([...file.entries.keys()].sort().map((name) => [name, file.read(name).data as Float32Array]));
      const { numbers = '', digest } = file.metadata;
      const state = stripped(STATE, vectors);
      const best = stripped(BEST, vectors);
      const fits = Object.keys(sizes).length === Object.keys(state).length && Object.entries(sizes).every(([name, size]) => state[name]?.length === size);
      if (digest === digestOfAll(numbers, vectors) && fits) {
        return { ...(JSON.parse(numbers) as Omit<Progress, 'state' | 'best'>), state, ...(Object.keys(best).length === 0 ? {} : { best }) };
      }
    } finally {
      file.close();
    }
  } catch (error) {
    if (!(error instanceof PipelineError)) throw error;
  }
  warn('The checkpoint of an earlier run is damaged or of another training: begins anew.');
  return undefined;
}

function prefixed(prefix: string, state: State): Record<string, Float32Array> {
  return Object.fromEntries(Object.entries(state).map(([name, data]) => [prefix + name, data]));
}

function stripped(prefix: string, vectors: State): State {
  return Object.fromEntries(Object.entries(vectors).filter(([name]) => name.startsWith(prefix)).map(([name, data]) => [name.slice(prefix.length), data]));
}

function digestOfAll(text: string, vectors: State): string {
  const parts = Object.keys(vectors).sort().map((name) => `${name} ${digestOf(bytesOf(vectors[name] as Float32Array))}`);
  return digestOf([text, ...parts].join('\n'));
}

function sync(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
