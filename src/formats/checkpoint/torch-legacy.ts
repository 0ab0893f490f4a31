/**
 * What `torch.save` wrote before PyTorch 1.6, and still writes on request: five pickles (a magic number, the protocol, the machine, the object, the keys of the
 * storages), then each storage as its number of elements and its bytes. torchvision's older files are of this kind. Source: torch/serialization.py, _legacy_save.
 */
import { closeSync } from 'node:fs';
import { formatError, openForReading, readExactly } from '../bytes.js';
import { ByteCursor, type ByteSource } from './byte-cursor.js';
import { chooseMapping } from './choose-mapping.js';
import { isKnownGlobal } from './known-globals.js';
import { LazyCheckpoint, lazyEntry } from './lazy-checkpoint.js';
import { readPickle } from './pickle.js';
import { isKind, textKeys, type PickleValue } from './pickle-values.js';
import { rebuildTensor, storageReference, type StorageBytes, type StorageReference } from './rebuild-tensor.js';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;
const LARGEST_PICKLES = 1 << 28;
const COUNT_BYTES = 8;

/** Errors: E_UNSAFE_PICKLE, E_FORMAT, E_DATA, E_WEIGHTS as of openCheckpoint. */
export function openTorchLegacy(path: string, mapping: string | undefined): LazyCheckpoint {
  const { fd, size } = openForReading(path);
  try {
    const source: ByteSource = { path, size, read: (target, position) => readExactly(fd, path, target, position) };
    const cursor = new ByteCursor(source, 0, Math.min(size, LARGEST_PICKLES));
    const references = new Map<string, StorageReference>();
    const note = (id: PickleValue): void => {
      const reference = storageReference(path, id);
      if (!references.has(reference.key)) references.set(reference.key, reference);
    };
    const read = (): PickleValue => readPickle(cursor, { path, allowed: isKnownGlobal });
    if (read() !== MAGIC) throw formatError(path, 'is a pickle but not one that torch.save wrote', { expected: 'the magic number of torch.save', found: 'another object', hint: 'Save it with torch.save, or as .safetensors.' });
    const protocol = read();
    if (protocol !== PROTOCOL) throw formatError(path, 'is of a protocol that is not read', { expected: String(PROTOCOL), found: String(protocol) });
    const machine = read();
    if (isKind(machine, 'dict') && textKeys(machine).get('little_endian') === false) throw formatError(path, 'was written on a big-endian machine', { expected: 'a little-endian file', found: 'big-endian' });
    const ids: PickleValue[] = [];
    const root = readPickle(cursor, { path, allowed: isKnownGlobal, stored: (id) => ids.push(id) });
    const keys = read();
    for (const id of ids) note(id);
    const places = storagePlaces(source, cursor.position, keys, references);
    const storageOf = (id: PickleValue): { reference: StorageReference; bytes: StorageBytes } => {
      const reference = storageReference(path, id);
      const bytes = places.get(reference.key);
      if (bytes === undefined) throw formatError(path, `lacks the storage "${reference.key}"`, { expected: 'a storage for every tensor', found: [...places.keys()].slice(0, 5).join(', ') });
      return { reference, bytes };
    };
    const entries = [...chooseMapping(path, root, mapping)].map(([name, value]) => [name, lazyEntry(path, name, rebuildTensor(path, name, value, storageOf))] as const);
    return new LazyCheckpoint(path, 'torch-legacy', new Map(entries), () => closeSync(fd));
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Storages follow each other without names; how long one is follows from the type of its elements, which the object's pickle has told. */
function storagePlaces(source: ByteSource, from: number, keys: PickleValue, references: ReadonlyMap<string, StorageReference>): Map<string, StorageBytes> {
  const { path, size } = source;
  const places = new Map<string, StorageBytes>();
  let at = from;
  for (const key of isKind(keys, 'list') ? keys.items : []) {
    const reference = typeof key === 'string' ? references.get(key) : undefined;
    if (reference === undefined || places.has(reference.key)) throw formatError(path, 'has a storage that no tensor is in', { expected: [...references.keys()].slice(0, 5).join(', '), found: String(key).slice(0, 40) });
    const count = new Uint8Array(COUNT_BYTES);
    source.read(count, at);
    const elements = Number(new DataView(count.buffer).getBigInt64(0, true));
    const bytes = elements * (reference.element === 'untyped' ? 1 : reference.element.width);
    if (elements < 0 || elements !== reference.count || at + COUNT_BYTES + bytes > size) throw formatError(path, `has a storage "${reference.key}" of another length`, { expected: `${reference.count} elements`, found: `${elements} elements, ${size - at - COUNT_BYTES} bytes to the end` });
    places.set(reference.key, { source, start: at + COUNT_BYTES, bytes, bigEndian: false });
    at += COUNT_BYTES + bytes;
  }
  if (at !== size) throw formatError(path, 'has another length than its storages', { expected: `${at} bytes`, found: `${size} bytes` });
  return places;
}
