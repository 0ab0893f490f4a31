/**
 * Weights as training frameworks publish them, recognised by what a file holds and never by its name: what torch.save writes (zip, and the older kind), TorchScript
 * archives, .safetensors, and an index of several files. Nothing in any of them is executed. Tensors are read when they are asked for.
 */
import { closeSync } from 'node:fs';
import { basename } from 'node:path';
import { formatError, openForReading, readExactly } from '../bytes.js';
import type { LazyCheckpoint } from './lazy-checkpoint.js';
import { openSafetensors } from './safetensors-checkpoint.js';
import { openSharded, shardsOf } from './sharded.js';
import { openTorchLegacy } from './torch-legacy.js';
import { openTorchZip } from './torch-zip.js';

export interface CheckpointOptions {
  /** which of several sets of weights: its path of keys (`teacher`, `model.state_dict`; `.` is the top); absent: the only one */
  readonly mapping?: string;
}

type Kind = 'zip' | 'pickle' | 'safetensors' | 'index';

const HEAD_BYTES = 512;
const ZIP = Buffer.from('PK\x03\x04', 'latin1');
const TAR = Buffer.from('ustar', 'latin1');
const TAR_AT = 257;
const PICKLE_PROTOCOL = 0x80;
const BRACE = 0x7b;

/**
 * Errors: E_EXTERNAL_MISSING if it cannot be opened; E_UNSAFE_PICKLE naming everything that a pickle would import; E_WEIGHTS if it holds several sets of
 * weights (the hint names them); E_DATA for a tensor that is sparse or quantised; E_FORMAT for everything else that is not as it should be.
 */
export function openCheckpoint(path: string, options: CheckpointOptions = {}): LazyCheckpoint {
  switch (kindOf(path)) {
    case 'zip':
      return openTorchZip(path, options.mapping);
    case 'pickle':
      return openTorchLegacy(path, options.mapping);
    case 'safetensors':
      return openSafetensors(path);
    case 'index':
      return openSharded(path, (shard) => openShard(shard, options));
  }
}

/** Every file that a checkpoint is read from: itself, and of an index the files that it names. They all belong into a key. */
export function filesOfCheckpoint(path: string): string[] {
  return kindOf(path) === 'index' ? [path, ...shardsOf(path).map((name) => `${path.slice(0, path.length - basename(path).length)}${name}`)] : [path];
}

function openShard(path: string, options: CheckpointOptions): LazyCheckpoint {
  if (kindOf(path) === 'index') throw formatError(path, 'is an index within an index', { expected: 'a file of weights', found: 'an index' });
  return openCheckpoint(path, options);
}

function kindOf(path: string): Kind {
  const head = headOf(path);
  if (head.subarray(0, ZIP.length).equals(ZIP)) return 'zip';
  if (head[0] === PICKLE_PROTOCOL) return 'pickle';
  // A length of eight bytes, then the brace that opens the header.
  if (head[8] === BRACE && head[6] === 0 && head[7] === 0) return 'safetensors';
  if (head[0] === BRACE || /^\s+\{/.test(head.toString('latin1'))) return 'index';
  const tar = head.subarray(TAR_AT, TAR_AT + TAR.length).equals(TAR);
  throw formatError(path, tar ? 'is a checkpoint of PyTorch before 0.2 (a tar archive)' : 'is no checkpoint that is known', {
    expected: 'torch.save, TorchScript, .safetensors, or an index of them', found: tar ? 'tar' : `bytes ${head.subarray(0, 8).toString('hex') || '(none)'}`,
    hint: 'Load it where it comes from and save its state dict as .safetensors.',
  });
}

function headOf(path: string): Buffer {
  const { fd, size } = openForReading(path);
  try {
    const head = Buffer.alloc(Math.min(size, HEAD_BYTES));
    readExactly(fd, path, head, 0);
    return head;
  } finally {
    closeSync(fd);
  }
}
