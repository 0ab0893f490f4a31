/**
 * safetensors files: a JSON header and raw little-endian tensors. The reader is strict as the format's own: the ranges must tile the
 * data exactly, without gap or overlap, names occur once, and every range has the length of its dtype and shape. Nothing is executed.
 * float16 and bfloat16 are read, exactly, as float32; 8-bit floating point types are refused.
 * Source: huggingface/safetensors, "Format" (header at most 100 MB).
 */
import { closeSync, openSync } from 'node:fs';
import { PipelineError } from '../core/errors.js';
import { bfloat16ToFloat32, float16ToFloat32 } from '../core/half.js';
import { allocate, BYTES_PER_ELEMENT, sizeOf, tensor, type DType, type Shape, type Tensor } from '../core/tensor.js';
import { bytesOf, formatError, openForReading, readExactly, writeFully } from './bytes.js';

const LARGEST_HEADER = 100_000_000;
const LENGTH_BYTES = 8;
const ALIGNMENT = 8;
const METADATA = '__metadata__';

const NAMES: Readonly<Record<DType, string>> = {
  float64: 'F64', float32: 'F32', int64: 'I64', int32: 'I32', int16: 'I16', int8: 'I8', uint32: 'U32', uint16: 'U16', uint8: 'U8', bool: 'BOOL',
};

/** Read as float32, never written. */
const HALVES = { float16: 'F16', bfloat16: 'BF16' } as const;
type Half = keyof typeof HALVES;
const HALF_BYTES = 2;

export interface SafetensorsEntry {
  readonly name: string;
  /** as stored */
  readonly dtype: DType | Half;
  readonly shape: Shape;
  /** first byte in the file */
  readonly offset: number;
}

/** An open file: tensors are read one by one, so that a large model never stands in memory as a whole. */
export class SafetensorsFile {
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly #path: string;
  readonly #fd: number;

  /** Errors: E_FORMAT naming the tensor; E_EXTERNAL_MISSING if it cannot be opened. */
  constructor(path: string) {
    const { fd, size } = openForReading(path);
    try {
      const prefix = new Uint8Array(LENGTH_BYTES);
      readExactly(fd, path, prefix, 0);
      const length = Number(new DataView(prefix.buffer).getBigUint64(0, true));
      if (length < 2 || length > LARGEST_HEADER || LENGTH_BYTES + length > size) {
        throw formatError(path, 'has an impossible safetensors header', { expected: `2 … ${Math.min(LARGEST_HEADER, size - LENGTH_BYTES)} bytes`, found: length });
      }
      const header = new Uint8Array(length);
      readExactly(fd, path, header, LENGTH_BYTES);
      const parsed = parseSafetensorsHeader(path, header, LENGTH_BYTES + length, size);
      this.entries = parsed.entries;
      this.metadata = parsed.metadata;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    this.#path = path;
    this.#fd = fd;
  }

  /** Halves arrive as float32. Errors: E_DATA for an unknown name. */
  read(name: string): Tensor {
    const entry = this.entries.get(name);
    if (entry === undefined) {
      throw new PipelineError('E_DATA', `"${name}" is not in "${this.#path}"`, { facts: { expected: [...this.entries.keys()].slice(0, 10).join(', '), found: name } });
    }
    if (isHalf(entry.dtype)) {
      const bits = new Uint16Array(sizeOf(entry.shape));
      readExactly(this.#fd, this.#path, bytesOf(bits), entry.offset);
      return tensor('float32', entry.shape, entry.dtype === 'float16' ? float16ToFloat32(bits) : bfloat16ToFloat32(bits));
    }
    const data = allocate(entry.dtype, sizeOf(entry.shape));
    readExactly(this.#fd, this.#path, bytesOf(data), entry.offset);
    return tensor(entry.dtype, entry.shape, data);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** All tensors of a small file. */
export function readSafetensors(path: string): Record<string, Tensor> {
  const file = new SafetensorsFile(path);
  try {
    return Object.fromEntries([...file.entries.keys()].map((name) => [name, file.read(name)]));
  } finally {
    file.close();
  }
}

function parseSafetensorsHeader(path: string, bytes: Uint8Array, start: number, size: number): { entries: Map<string, SafetensorsEntry>; metadata: Record<string, string> } {
  const fail = (what: string, expected: string, found: string | number): PipelineError => formatError(path, what, { expected, found });
  let text: string;
  let json: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    json = JSON.parse(text);
  } catch (cause) {
    throw formatError(path, 'has a malformed safetensors header', { expected: 'a JSON object', found: cause instanceof Error ? cause.message : String(cause), cause });
  }
  if (!isObject(json) || !text.startsWith('{')) throw fail('has a malformed safetensors header', 'a JSON object', text.slice(0, 20));
  const repeated = repeatedKey(text);
  if (repeated !== undefined) throw fail(`names "${repeated}" twice`, 'every name once', repeated);
  const entries: SafetensorsEntry[] = [];
  let metadata: Record<string, string> = {};
  const lengths = new Map<string, number>();
  for (const [name, value] of Object.entries(json)) {
    if (name === METADATA) {
      if (!isObject(value) || Object.values(value).some((item) => typeof item !== 'string')) throw fail('has malformed metadata', 'texts by name', JSON.stringify(value).slice(0, 80));
      metadata = value as Record<string, string>;
      continue;
    }
    const entry = isObject(value) ? value : {};
    const { dtype: label, shape, data_offsets: offsets, ...others } = entry as { dtype?: unknown; shape?: unknown; data_offsets?: unknown };
    const dtype = LABELS.get(String(label));
    if (dtype === undefined || Object.keys(others).length > 0) throw fail(`has "${name}" of a type that is not read`, [...LABELS.keys()].join(', '), JSON.stringify(value).slice(0, 80));
    if (!isIntegers(shape) || !isIntegers(offsets) || offsets.length !== 2) throw fail(`describes "${name}" wrongly`, 'shape and data_offsets as lists of integers', JSON.stringify(value).slice(0, 80));
    const length = shape.reduce((product, extent) => product * extent, isHalf(dtype) ? HALF_BYTES : BYTES_PER_ELEMENT[dtype]);
    const [from, to] = offsets as [number, number];
    if (to - from !== length || !Number.isSafeInteger(length)) throw fail(`has another length of "${name}" than its shape`, `${length} bytes for ${dtype} [${shape.join(', ')}]`, `${from} … ${to}`);
    entries.push({ name, dtype, shape, offset: start + from });
    lengths.set(name, length);
  }
  // An empty tensor starts where the next one does, so it comes first.
  const sorted = [...entries].sort((a, b) => a.offset - b.offset || (lengths.get(a.name) as number) - (lengths.get(b.name) as number));
  let end = start;
  for (const { name, offset } of sorted) {
    if (offset !== end) throw fail(`leaves a gap or an overlap before "${name}"`, `byte ${end}`, `byte ${offset}`);
    end += lengths.get(name) as number;
  }
  if (end !== size) throw fail('has another length than its tensors', `${end} bytes`, `${size} bytes`);
  return { entries: new Map(entries.map((entry) => [entry.name, entry])), metadata };
}

const LABELS: ReadonlyMap<string, DType | Half> = new Map([...Object.entries(NAMES), ...Object.entries(HALVES)].map(([dtype, label]) => [label, dtype as DType | Half]));
const isHalf = (dtype: DType | Half): dtype is Half => Object.hasOwn(HALVES, dtype);
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isIntegers = (value: unknown): value is number[] => Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);

/**
 * JSON.parse keeps the last of two equal keys in silence. Character by character: a regular expression runs out of stack on one long text.
 * @param text valid JSON
 * @returns the first key of the outer object that occurs again
 */
function repeatedKey(text: string): string | undefined {
  const seen = new Set<string>();
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') depth -= 1;
    if (character !== '"') continue;
    const start = at;
    for (at += 1; text[at] !== '"'; at += 1) if (text[at] === '\\') at += 1;
    if (depth !== 1 || !isKey(text, at + 1)) continue;
    const key = JSON.parse(text.slice(start, at + 1)) as string;
    if (seen.has(key)) return key;
    seen.add(key);
  }
  return undefined;
}

/** A colon follows, behind blanks at most. */
function isKey(text: string, from: number): boolean {
  let at = from;
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at += 1;
  return text[at] === ':';
}

/** Deterministic: tensors in the order of their names, 8-byte aligned data, no time. Errors: E_DATA for the reserved name. */
export function writeSafetensors(path: string, tensors: Readonly<Record<string, Tensor>>, metadata: Readonly<Record<string, string>> = {}): void {
  const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
  // As the reference writer does: wide elements first, so that every tensor is aligned to its own width.
  const names = Object.keys(tensors).sort((a, b) => BYTES_PER_ELEMENT[(tensors[b] as Tensor).dtype] - BYTES_PER_ELEMENT[(tensors[a] as Tensor).dtype] || byBytes(a, b));
  const header: [string, unknown][] = [];
  const labels = Object.keys(metadata).sort(byBytes);
  if (labels.length > 0) header.push([METADATA, Object.fromEntries(labels.map((label) => [label, metadata[label]]))]);
  let at = 0;
  for (const name of names) {
    if (name === METADATA) throw new PipelineError('E_DATA', `a tensor cannot be called "${METADATA}"`, { facts: { expected: 'another name', found: name } });
    const { dtype, shape, data } = tensors[name] as Tensor;
    header.push([name, { dtype: NAMES[dtype], shape, data_offsets: [at, at + data.byteLength] }]);
    at += data.byteLength;
  }
  // Built by hand: an object would put integer-like names first.
  const json = Buffer.from(`{${header.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`, 'utf8');
  const padded = Buffer.concat([json, Buffer.alloc((ALIGNMENT - (json.length % ALIGNMENT)) % ALIGNMENT, ' ')]);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeBigUInt64LE(BigInt(padded.length));
  const fd = openSync(path, 'w');
  try {
    writeFully(fd, length);
    writeFully(fd, padded);
    for (const name of names) writeFully(fd, bytesOf((tensors[name] as Tensor).data));
  } finally {
    closeSync(fd);
  }
}
