/**
 * What `torch.save` writes since PyTorch 1.6 and `torch.jit.save` always: a zip archive with one folder, in it data.pkl and the storages as data/<key>. A TorchScript
 * archive has its code beside them, of which nothing is read but which attributes are parameters and buffers.
 */
import { formatError } from '../bytes.js';
import { ByteCursor } from './byte-cursor.js';
import { chooseMapping } from './choose-mapping.js';
import { isKnownGlobal, isScriptGlobal } from './known-globals.js';
import { LazyCheckpoint, lazyEntry } from './lazy-checkpoint.js';
import { readPickle } from './pickle.js';
import type { PickleObject, PickleValue } from './pickle-values.js';
import { rebuildTensor, storageReference, type StorageBytes, type StorageReference } from './rebuild-tensor.js';
import { scriptTensors } from './torchscript.js';
import { ZipArchive } from './zip.js';

const LARGEST_PICKLE = 1 << 28;
const LARGEST_NOTE = 64;

/** Errors: E_UNSAFE_PICKLE, E_FORMAT, E_DATA, E_WEIGHTS as of openCheckpoint. */
export function openTorchZip(path: string, mapping: string | undefined): LazyCheckpoint {
  const zip = new ZipArchive(path);
  try {
    const folders = [...zip.entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name)).map((name) => name.slice(0, name.indexOf('/')));
    if (folders.length !== 1) throw formatError(path, 'is a zip archive but not one of PyTorch', { expected: 'one data.pkl in a folder', found: [...zip.entries.keys()].slice(0, 5).join(', ') });
    const folder = folders[0] as string;
    const scripted = zip.entries.has(`${folder}/constants.pkl`);
    const pickle = zip.readWhole(`${folder}/data.pkl`, LARGEST_PICKLE);
    const source = { path, size: pickle.length, read: (target: Uint8Array, at: number): void => target.set(pickle.subarray(at, at + target.length)) };
    const root = readPickle(new ByteCursor(source), { path, allowed: scripted ? isScriptGlobal : isKnownGlobal });
    const bigEndian = byteOrder(zip, folder) === 'big';
    const storageOf = (id: PickleValue): { reference: StorageReference; bytes: StorageBytes } => {
      const reference = storageReference(path, id);
      const entry = zip.entries.get(`${folder}/data/${reference.key}`);
      if (entry === undefined) throw formatError(path, `lacks the storage "${reference.key}"`, { expected: `${folder}/data/${reference.key}`, found: 'nothing' });
      return { reference, bytes: { source: entry, start: 0, bytes: entry.size, bigEndian } };
    };
    const tensors: Map<string, PickleObject> = scripted ? scriptTensors(zip, folder, root) : chooseMapping(path, root, mapping);
    const entries = [...tensors].map(([name, value]) => [name, lazyEntry(path, name, rebuildTensor(path, name, value, storageOf))] as const);
    return new LazyCheckpoint(path, scripted ? 'torchscript' : 'torch', new Map(entries), () => zip.close());
  } catch (error) {
    zip.close();
    throw error;
  }
}

/** Files before PyTorch 2.0 do not say it and are little-endian. */
function byteOrder(zip: ZipArchive, folder: string): 'little' | 'big' {
  const name = `${folder}/byteorder`;
  if (!zip.entries.has(name)) return 'little';
  const word = Buffer.from(zip.readWhole(name, LARGEST_NOTE)).toString('latin1');
  if (word !== 'little' && word !== 'big') throw formatError(zip.path, 'has an unknown byte order', { expected: 'little or big', found: word.slice(0, 20) });
  return word;
}
