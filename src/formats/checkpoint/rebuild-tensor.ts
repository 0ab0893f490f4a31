/**
 * From what a pickle says of a tensor (`torch._utils._rebuild_tensor_v2(storage, offset, size, stride, …)`) to where its elements lie.
 * Source: torch/_utils.py of PyTorch 1.13 and 2.15.
 */
import { PipelineError } from '../../core/errors.js';
import { formatError } from '../bytes.js';
import type { ByteSource } from './byte-cursor.js';
import { elementType, storageElement, type ElementType } from './elements.js';
import { isKind, type PickleGlobal, type PickleObject, type PickleValue } from './pickle-values.js';
import { checkPlace, type StoredTensor } from './stored-tensor.js';

/** Where the bytes of a storage lie; `elements` as its reference says. */
export interface StorageBytes {
  readonly source: ByteSource;
  readonly start: number;
  /** that are there */
  readonly bytes: number;
  readonly bigEndian: boolean;
}

/** What a persistent id says: ('storage', class, key, place, elements, view). */
export interface StorageReference {
  readonly key: string;
  readonly element: ElementType | 'untyped';
  /** of the storage, in elements (bytes if it is untyped) */
  readonly count: number;
  /** older files: a part of the storage [offset, count] in elements */
  readonly view: readonly [number, number] | undefined;
}

const UTILS = 'torch._utils';
/** Tensors that are known and not read, in words. */
const OTHER_KINDS: Readonly<Record<string, string>> = {
  _rebuild_qtensor: 'quantised', _rebuild_sparse_tensor: 'sparse', _rebuild_sparse_csr_tensor: 'sparse (compressed rows)', _rebuild_nested_tensor: 'nested',
  _rebuild_meta_tensor_no_storage: 'without values (meta)', _rebuild_device_tensor_from_numpy: 'on a device that is not read', _rebuild_device_tensor_from_cpu_tensor: 'on a device that is not read',
};

const isFunction = (value: PickleObject, module: string, name: string): boolean => value.maker.module === module && value.maker.name === name;

/** True for what would become a tensor, of any kind. */
export function isTensor(value: PickleValue): value is PickleObject {
  return isKind(value, 'object') && ((value.maker.module === UTILS && value.maker.name.startsWith('_rebuild_')) || isFunction(value, 'torch._tensor', '_rebuild_from_type_v2'));
}

/** Rank or size that tells a weight from a score saved beside them: more than one element. Of kinds that are not read: true. */
export function isWeight(value: PickleObject): boolean {
  const inner = unwrapped(value);
  const size = inner?.args[2];
  return !isKind(size, 'tuple') || size.items.reduce<number>((product, extent) => product * Number(extent), 1) !== 1;
}

/** Errors: E_DATA naming the tensor for a kind that is not read; E_FORMAT if it does not lie in its storage. */
export function rebuildTensor(path: string, name: string, value: PickleObject, storageOf: (id: PickleValue) => { reference: StorageReference; bytes: StorageBytes }): StoredTensor {
  const inner = unwrapped(value);
  const kind = inner?.maker.module === UTILS ? OTHER_KINDS[inner.maker.name] : undefined;
  const malformed = (what: string): PipelineError => formatError(path, `describes the tensor "${name}" wrongly`, { expected: what, found: inner === undefined ? 'something else' : `${inner.maker.name} of ${inner.args.length} arguments` });
  if (kind !== undefined) throw notRead(path, name, `a tensor that is ${kind}`);
  if (inner === undefined) throw malformed('a tensor within');
  const [storage, offset, size, strides] = inner.args;
  if (!isKind(storage, 'stored') || typeof offset !== 'number' || !isKind(size, 'tuple') || !isKind(strides, 'tuple')) throw malformed('storage, offset, size and strides');
  const third = inner.maker.name === '_rebuild_tensor_v3';
  const metadata = inner.args[third ? 7 : 6];
  // A negated or conjugated view: its storage holds other numbers than it means.
  if (isKind(metadata, 'dict') && metadata.pairs.length > 0) throw notRead(path, name, 'a view that is negated or conjugated');
  const { reference, bytes } = storageOf(storage.id);
  const element = third ? elementOf(inner.args[6]) : reference.element;
  if (element === undefined || element === 'untyped') throw third ? notRead(path, name, 'of a type that is not read') : malformed('a type of elements');
  const count = reference.element === 'untyped' ? Math.floor(reference.count / element.width) : reference.count;
  const [viewOffset, viewCount] = reference.view ?? [0, count];
  if (count * element.width > bytes.bytes || viewOffset + viewCount > count) throw formatError(path, `has a shorter storage of "${name}" than it says`, { expected: `${count} elements of ${element.name}`, found: `${bytes.bytes} bytes` });
  const stored: StoredTensor = { shape: size.items as number[], element, source: bytes.source, start: bytes.start + viewOffset * element.width, offset, strides: strides.items as number[], bigEndian: bytes.bigEndian };
  return checkPlace(name, stored, viewCount);
}

/** Errors: E_FORMAT for an id that names no storage; E_DATA for a storage of quantised numbers. */
export function storageReference(path: string, id: PickleValue): StorageReference {
  const items = isKind(id, 'tuple') ? id.items : [];
  const [word, type, key, , count, view] = items;
  if (word !== 'storage' || !isKind(type, 'global') || typeof key !== 'string' || !Number.isSafeInteger(count) || (count as number) < 0) {
    throw formatError(path, 'refers to something outside its pickle that is no storage', { expected: "('storage', type, key, device, size)", found: String(word).slice(0, 40) });
  }
  const element = storageElement(type.name);
  if (element === undefined) throw notRead(path, key, `a storage of ${type.module}.${type.name}`);
  return { key, element, count: count as number, view: viewOf(path, view) };
}

function viewOf(path: string, view: PickleValue | undefined): StorageReference['view'] {
  if (view === undefined || view === null) return undefined;
  const [, offset, count] = isKind(view, 'tuple') ? view.items : [];
  if (![offset, count].every((value) => Number.isSafeInteger(value) && (value as number) >= 0)) throw formatError(path, 'has a malformed view of a storage', { expected: '(key, offset, size)', found: 'something else' });
  return [offset as number, count as number];
}

function elementOf(value: PickleValue | undefined): ElementType | undefined {
  return isKind(value, 'global') && value.module === 'torch' ? elementType((value as PickleGlobal).name) : undefined;
}

/** Parameters and tensors with attributes stand around a tensor. */
function unwrapped(value: PickleObject): PickleObject | undefined {
  let inner: PickleValue | undefined = value;
  for (let depth = 0; depth < 8; depth += 1) {
    if (!isKind(inner, 'object')) return undefined;
    if (isFunction(inner, UTILS, '_rebuild_parameter') || isFunction(inner, UTILS, '_rebuild_parameter_with_state')) inner = inner.args[0];
    else if (isFunction(inner, 'torch._tensor', '_rebuild_from_type_v2')) {
      const [maker, , args]: readonly (PickleValue | undefined)[] = inner.args;
      if (!isKind(maker, 'global') || !isKind(args, 'tuple')) return undefined;
      inner = { kind: 'object', maker: maker as PickleGlobal, args: args.items, items: [], pairs: [] };
    } else return inner;
  }
  return undefined;
}

function notRead(path: string, name: string, what: string): PipelineError {
  return new PipelineError('E_DATA', `"${name}" in "${path}" is ${what}`, { facts: { expected: 'a dense tensor of real numbers', found: what }, hint: 'Convert it where the checkpoint was made (dequantize, to_dense), and save it again.' });
}
