/** The directory at the end of a zip archive: what is in it and where, with zip64. Strict about everything in which a second reader might see another archive. */
import { formatError, readExactly } from '../bytes.js';

export interface ZipRecord {
  readonly name: string;
  readonly rawName: Buffer;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  /** bytes in the file */
  readonly compressed: number;
  /** bytes of the content */
  readonly size: number;
  /** of the local header */
  readonly offset: number;
  /** where the directory begins: no entry reaches beyond */
  readonly limit: number;
}

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const LONGEST_COMMENT = 0xffff;
const END64_SIGNATURE = 0x06064b50;
const END64_BYTES = 56;
const LOCATOR_SIGNATURE = 0x07064b50;
const LOCATOR_BYTES = 20;
const ENTRY_SIGNATURE = 0x02014b50;
const ENTRY_BYTES = 46;
const ZIP64_FIELD = 1;
const IN_ZIP64 = 0xffffffff;
const COUNT_IN_ZIP64 = 0xffff;
const LARGEST_DIRECTORY = 1 << 26;
const MOST_ENTRIES = 200_000;
const ENCRYPTED = 1 | (1 << 6) | (1 << 13);
const LINK_MODE = 0o120000;
const TYPE_MODE = 0o170000;

export function readDirectory(fd: number, path: string, size: number): ZipRecord[] {
  const end = findEnd(fd, path, size);
  if (end.length > LARGEST_DIRECTORY || end.count > MOST_ENTRIES) throw formatError(path, 'has too large a directory', { expected: `at most ${MOST_ENTRIES} entries in ${LARGEST_DIRECTORY} bytes`, found: `${end.count} in ${end.length}` });
  // Bytes before the archive or between its parts are room for a second archive.
  if (end.start + end.length !== end.at) throw formatError(path, 'has a zip directory that does not lie at its end', { expected: `byte ${end.at}`, found: `byte ${end.start + end.length}` });
  const bytes = Buffer.alloc(end.length);
  readExactly(fd, path, bytes, end.start);
  const records: ZipRecord[] = [];
  const names = new Set<string>();
  let at = 0;
  while (at < bytes.length) {
    if (at + ENTRY_BYTES > bytes.length || bytes.readUInt32LE(at) !== ENTRY_SIGNATURE) throw formatError(path, 'has a damaged zip directory', { expected: `an entry at byte ${end.start + at}`, found: 'something else' });
    const [nameLength, extraLength, commentLength] = [bytes.readUInt16LE(at + 28), bytes.readUInt16LE(at + 30), bytes.readUInt16LE(at + 32)];
    const next = at + ENTRY_BYTES + nameLength + extraLength + commentLength;
    if (next > bytes.length) throw formatError(path, 'has a damaged zip directory', { expected: `${next - bytes.length} bytes more`, found: 'its end' });
    const record = readEntry(path, bytes.subarray(at, next), nameLength, extraLength, end.start);
    if (names.has(record.name)) throw formatError(path, `has two entries "${record.name}"`, { expected: 'every name once', found: record.name });
    names.add(record.name);
    records.push(record);
    at = next;
  }
  if (records.length !== end.count) throw formatError(path, 'has another number of entries than it says', { expected: String(end.count), found: records.length });
  return records;
}

function readEntry(path: string, entry: Buffer, nameLength: number, extraLength: number, limit: number): ZipRecord {
  const rawName = Buffer.from(entry.subarray(ENTRY_BYTES, ENTRY_BYTES + nameLength));
  const name = entryName(path, rawName);
  const flags = entry.readUInt16LE(8);
  if ((flags & ENCRYPTED) !== 0) throw formatError(path, `has an encrypted entry "${name}"`, { expected: 'entries that can be read', found: `flags 0x${flags.toString(16)}` });
  if (entry.readUInt16LE(34) !== 0 && entry.readUInt16LE(34) !== COUNT_IN_ZIP64) throw formatError(path, `has its entry "${name}" on another disk`, { expected: 'one file', found: `disk ${entry.readUInt16LE(34)}` });
  // The upper half holds the mode of Unix.
  if (((entry.readUInt32LE(38) >>> 16) & TYPE_MODE) === LINK_MODE) throw formatError(path, `has a link "${name}"`, { expected: 'files', found: 'a symbolic link' });
  const wide = zip64Fields(path, name, entry.subarray(ENTRY_BYTES + nameLength, ENTRY_BYTES + nameLength + extraLength));
  const field = (at: number): number => {
    const value = entry.readUInt32LE(at);
    if (value !== IN_ZIP64) return value;
    const next = wide.shift();
    if (next === undefined) throw formatError(path, `lacks the size or place of "${name}"`, { expected: 'a zip64 field', found: 'none' });
    return next;
  };
  // In this order in the zip64 field as well.
  const size = field(24);
  const compressed = field(20);
  const offset = field(42);
  return { name, rawName, flags, method: entry.readUInt16LE(10), crc: entry.readUInt32LE(16), compressed, size, offset, limit };
}

function entryName(path: string, raw: Buffer): string {
  let name: string;
  try {
    name = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(raw);
  } catch (cause) {
    throw formatError(path, 'has an entry whose name is not UTF-8', { expected: 'UTF-8', found: raw.toString('hex').slice(0, 80), cause });
  }
  const parts = (name.endsWith('/') ? name.slice(0, -1) : name).split('/');
  const odd = [...name].some((character) => character < ' ' || character === '\\' || character === ':' || character === '\u007f');
  if (odd || parts.some((part) => part === '' || part === '.' || part === '..')) throw formatError(path, `has an entry with an unsafe name ${JSON.stringify(name)}`, { expected: 'a path below the archive', found: JSON.stringify(name) });
  return name;
}

/** The 64-bit numbers of the zip64 field, in their order. */
function zip64Fields(path: string, name: string, extra: Buffer): number[] {
  const out: number[] = [];
  for (let at = 0; at + 4 <= extra.length; ) {
    const [id, length] = [extra.readUInt16LE(at), extra.readUInt16LE(at + 2)];
    if (at + 4 + length > extra.length) throw formatError(path, `has a damaged extra field of "${name}"`, { expected: `${length} bytes`, found: `${extra.length - at - 4}` });
    if (id === ZIP64_FIELD) for (let k = at + 4; k + 8 <= at + 4 + length; k += 8) out.push(safe(path, extra.readBigUInt64LE(k)));
    at += 4 + length;
  }
  return out;
}

function safe(path: string, value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw formatError(path, 'has an impossible number in its zip directory', { expected: 'less than 2^53', found: String(value) });
  return Number(value);
}

interface End {
  readonly count: number;
  readonly start: number;
  readonly length: number;
  /** where the record of the end begins (the zip64 one if there is one): the directory has to end there */
  readonly at: number;
}

function findEnd(fd: number, path: string, size: number): End {
  const tail = Buffer.alloc(Math.min(size, END_BYTES + LONGEST_COMMENT));
  readExactly(fd, path, tail, size - tail.length);
  const fitting: number[] = [];
  for (let at = tail.length - END_BYTES; at >= 0; at -= 1) {
    if (tail.readUInt32LE(at) === END_SIGNATURE && at + END_BYTES + tail.readUInt16LE(at + 20) === tail.length) fitting.push(at);
  }
  // A comment that holds a second end of another directory.
  if (fitting.length !== 1) throw formatError(path, fitting.length === 0 ? 'is no whole zip archive' : 'could be two zip archives', { expected: 'the directory of an archive at the end of the file, once', found: fitting.length === 0 ? `none in ${size} bytes: the end of the file is missing` : `${fitting.length} of them` });
  const at = fitting[0] as number;
  const position = size - tail.length + at;
  const short = { count: tail.readUInt16LE(at + 10), length: tail.readUInt32LE(at + 12), start: tail.readUInt32LE(at + 16) };
  const disks = [tail.readUInt16LE(at + 4), tail.readUInt16LE(at + 6)];
  const needsWide = short.count === COUNT_IN_ZIP64 || short.length === IN_ZIP64 || short.start === IN_ZIP64;
  const wide = position >= LOCATOR_BYTES + END64_BYTES ? wideEnd(fd, path, position) : undefined;
  if (wide === undefined) {
    if (needsWide) throw formatError(path, 'lacks its zip64 directory', { expected: `one before byte ${position}`, found: 'none' });
    if (disks.some((disk) => disk !== 0) || tail.readUInt16LE(at + 8) !== short.count) throw formatError(path, 'is a part of a split archive', { expected: 'one file', found: `disk ${disks.join(' of ')}` });
    return { ...short, at: position };
  }
  const agrees = (narrow: number, full: number, mark: number): boolean => narrow === mark || narrow === full;
  if (!agrees(short.count, wide.count, COUNT_IN_ZIP64) || !agrees(short.length, wide.length, IN_ZIP64) || !agrees(short.start, wide.start, IN_ZIP64)) {
    throw formatError(path, 'says two things of its zip directory', { expected: `${wide.count} entries at byte ${wide.start}`, found: `${short.count} at byte ${short.start}` });
  }
  return wide;
}

function wideEnd(fd: number, path: string, end: number): End | undefined {
  const locator = Buffer.alloc(LOCATOR_BYTES);
  readExactly(fd, path, locator, end - LOCATOR_BYTES);
  if (locator.readUInt32LE(0) !== LOCATOR_SIGNATURE) return undefined;
  const at = safe(path, locator.readBigUInt64LE(8));
  const record = Buffer.alloc(END64_BYTES);
  if (at + END64_BYTES !== end - LOCATOR_BYTES) throw formatError(path, 'has a zip64 directory that does not lie at its end', { expected: `byte ${end - LOCATOR_BYTES - END64_BYTES}`, found: `byte ${at}` });
  readExactly(fd, path, record, at);
  if (record.readUInt32LE(0) !== END64_SIGNATURE) throw formatError(path, 'has a damaged zip64 directory', { expected: `its record at byte ${at}`, found: 'something else' });
  const [onDisk, count] = [safe(path, record.readBigUInt64LE(24)), safe(path, record.readBigUInt64LE(32))];
  if (onDisk !== count || record.readUInt32LE(16) !== 0 || record.readUInt32LE(20) !== 0) throw formatError(path, 'is a part of a split archive', { expected: 'one file', found: `${onDisk} of ${count} entries` });
  return { count, length: safe(path, record.readBigUInt64LE(40)), start: safe(path, record.readBigUInt64LE(48)), at };
}
