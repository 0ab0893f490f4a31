/**
 * A zip archive, read by range: the directory at its end, and entries that are stored or deflated. Nothing is unpacked to disk, so there are no paths to escape by; names
 * that try are refused all the same, and so is whatever two readers could understand differently: two directories, names that occur twice, headers that
 * contradict the directory, entries that lie over each other, sizes that lie. Sources: PKWARE APPNOTE 6.3.10; caffe2/serialize/inline_container.cc for what torch writes.
 */
import { closeSync } from 'node:fs';
import { crc32, inflateRawSync } from 'node:zlib';
import { formatError, openForReading, readExactly } from '../bytes.js';
import type { ByteSource } from './byte-cursor.js';
import { readDirectory, type ZipRecord } from './zip-directory.js';

const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;
const STREAMED = 1 << 3;
const IN_ZIP64 = 0xffffffff;
const STORED = 0;
const DEFLATED = 8;
/** Deflate reaches 1032:1; weights and code do not come near. */
const LARGEST_RATIO = 200;
const RATIO_FROM = 10_000_000;
const LARGEST_INFLATED = 2 ** 31 - 1;
const CHECKED_AT_ONCE = 1 << 22;

export class ZipArchive {
  readonly path: string;
  /** by name; folders are left out */
  readonly entries: ReadonlyMap<string, ByteSource>;
  readonly #fd: number;

  /** Errors: E_FORMAT naming the entry; E_EXTERNAL_MISSING if it cannot be opened. */
  constructor(path: string) {
    const { fd, size } = openForReading(path);
    try {
      this.path = path;
      this.#fd = fd;
      const records = readDirectory(fd, path, size);
      const placed = records.map((record) => ({ record, start: dataStart(fd, path, record) }));
      refuseOverlaps(path, placed);
      const files = placed.filter(({ record }) => !record.name.endsWith('/'));
      this.entries = new Map(files.map(({ record, start }) => [record.name, record.method === STORED ? new StoredEntry(fd, path, record, start) : new DeflatedEntry(fd, path, record, start)]));
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** All bytes of a small entry. Errors: E_FORMAT if it is missing or longer than `most`. */
  readWhole(name: string, most: number): Uint8Array {
    const entry = this.entries.get(name);
    if (entry === undefined) throw formatError(this.path, `has no entry "${name}"`, { expected: name, found: [...this.entries.keys()].slice(0, 5).join(', ') });
    if (entry.size > most) throw formatError(this.path, `has an entry "${name}" that is too long`, { expected: `at most ${most} bytes`, found: entry.size });
    const bytes = new Uint8Array(entry.size);
    entry.read(bytes, 0);
    return bytes;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Bytes as they are in the file. Their checksum is compared once, when they are first read. */
class StoredEntry implements ByteSource {
  readonly path: string;
  readonly size: number;
  readonly #fd: number;
  readonly #record: ZipRecord;
  readonly #start: number;
  #checked: boolean;

  constructor(fd: number, path: string, record: ZipRecord, start: number) {
    this.path = path;
    this.size = record.size;
    this.#fd = fd;
    this.#record = record;
    this.#start = start;
    // torch.serialization.set_crc32_options(False) writes zero.
    this.#checked = record.crc === 0;
  }

  read(target: Uint8Array, position: number): void {
    requireRange(this, this.#record.name, target, position);
    if (!this.#checked && target.length < this.size) {
      let crc = 0;
      for (let at = 0; at < this.size; at += CHECKED_AT_ONCE) {
        const part = new Uint8Array(Math.min(CHECKED_AT_ONCE, this.size - at));
        readExactly(this.#fd, this.path, part, this.#start + at);
        crc = crc32(part, crc);
      }
      requireChecksum(this.path, this.#record, crc);
      this.#checked = true;
    }
    readExactly(this.#fd, this.path, target, this.#start + position);
    if (!this.#checked) requireChecksum(this.path, this.#record, crc32(target));
    this.#checked = true;
  }
}

/** torch does not compress tensors, but an archive that was packed again may. Unpacked as a whole, and kept while something refers to it. */
class DeflatedEntry implements ByteSource {
  readonly path: string;
  readonly size: number;
  readonly #fd: number;
  readonly #record: ZipRecord;
  readonly #start: number;
  #unpacked: WeakRef<Uint8Array> | undefined;

  constructor(fd: number, path: string, record: ZipRecord, start: number) {
    this.path = path;
    this.size = record.size;
    this.#fd = fd;
    this.#record = record;
    this.#start = start;
  }

  read(target: Uint8Array, position: number): void {
    requireRange(this, this.#record.name, target, position);
    const bytes = this.#unpacked?.deref() ?? this.#unpack();
    target.set(bytes.subarray(position, position + target.length));
  }

  #unpack(): Uint8Array {
    const { name, size, compressed } = this.#record;
    if (size > LARGEST_INFLATED || (size > RATIO_FROM && size > LARGEST_RATIO * compressed)) {
      throw formatError(this.path, `has an entry "${name}" that unpacks to too much`, { expected: `at most ${LARGEST_RATIO} times its ${compressed} bytes`, found: `${size} bytes` });
    }
    const packed = new Uint8Array(compressed);
    readExactly(this.#fd, this.path, packed, this.#start);
    let bytes: Uint8Array;
    try {
      // One byte more than promised is room to notice that the promise was a lie.
      bytes = inflateRawSync(packed, { maxOutputLength: size + 1 });
    } catch (cause) {
      throw formatError(this.path, `has an entry "${name}" that cannot be unpacked`, { expected: `deflated data of ${size} bytes`, found: cause instanceof Error ? cause.message : String(cause), cause });
    }
    if (bytes.length !== size) throw formatError(this.path, `has an entry "${name}" of another length`, { expected: `${size} bytes`, found: `${bytes.length} bytes` });
    requireChecksum(this.path, this.#record, crc32(bytes));
    this.#unpacked = new WeakRef(bytes);
    return bytes;
  }
}

function requireRange(entry: ByteSource, name: string, target: Uint8Array, position: number): void {
  if (position < 0 || position + target.length > entry.size) throw formatError(entry.path, `has a shorter entry "${name}" than is asked for`, { expected: `bytes ${position} to ${position + target.length}`, found: `${entry.size} bytes` });
}

function requireChecksum(path: string, { name, crc }: ZipRecord, found: number): void {
  if (found !== crc) throw formatError(path, `has a damaged entry "${name}"`, { expected: `CRC-32 ${crc.toString(16)}`, found: found.toString(16) });
}

/** The first byte after the local header, which has to say what the directory says. */
function dataStart(fd: number, path: string, record: ZipRecord): number {
  const header = new Uint8Array(LOCAL_BYTES + record.rawName.length);
  readExactly(fd, path, header, record.offset);
  const fields = new DataView(header.buffer);
  const contradiction = (what: string, expected: string | number, found: string | number): ReturnType<typeof formatError> => formatError(path, `says two things of the ${what} of "${record.name}"`, { expected: String(expected), found });
  if (fields.getUint32(0, true) !== LOCAL_SIGNATURE) throw contradiction('place', `a header at byte ${record.offset}`, 'something else');
  if (fields.getUint16(6, true) !== record.flags) throw contradiction('flags', record.flags, fields.getUint16(6, true));
  if (fields.getUint16(8, true) !== record.method) throw contradiction('method', record.method, fields.getUint16(8, true));
  const nameLength = fields.getUint16(26, true);
  const name = Buffer.from(header.subarray(LOCAL_BYTES));
  if (nameLength !== record.rawName.length || !name.equals(record.rawName)) throw contradiction('name', record.name, name.toString('latin1').slice(0, 80));
  if ((record.flags & STREAMED) === 0) {
    const sizes = [[fields.getUint32(18, true), record.compressed], [fields.getUint32(22, true), record.size]] as const;
    for (const [found, expected] of sizes) if (found !== IN_ZIP64 && found !== expected) throw contradiction('size', expected, found);
  }
  return record.offset + LOCAL_BYTES + nameLength + fields.getUint16(28, true);
}

interface Placed {
  readonly record: ZipRecord;
  readonly start: number;
}

/** A bomb can let thousands of entries share the same compressed bytes. */
function refuseOverlaps(path: string, placed: readonly Placed[]): void {
  let end = 0;
  let before = 'the beginning';
  for (const { record, start } of [...placed].sort((a, b) => a.record.offset - b.record.offset)) {
    if (record.offset < end) throw formatError(path, `has entries that lie over each other: "${before}" and "${record.name}"`, { expected: `byte ${end} or later`, found: `byte ${record.offset}` });
    end = start + record.compressed;
    before = record.name;
    if (end > record.limit) throw formatError(path, `has an entry "${record.name}" that reaches into the directory`, { expected: `at most byte ${record.limit}`, found: `byte ${end}` });
    if (record.method !== STORED && record.method !== DEFLATED) throw formatError(path, `has an entry "${record.name}" in a compression that is not read`, { expected: 'stored or deflated', found: `method ${record.method}` });
    if (record.method === STORED && record.compressed !== record.size) throw formatError(path, `says two things of the size of "${record.name}"`, { expected: `${record.compressed} bytes`, found: record.size });
  }
}
