/** Zip archives as a test wants them, right or wrong: every field of the headers can be set apart from what the content says. */
import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipPart {
  readonly name: string;
  readonly content?: Uint8Array | string;
  readonly deflate?: boolean;
  /** what the headers say, if not the truth */
  readonly says?: { readonly size?: number; readonly compressed?: number; readonly crc?: number; readonly localName?: string; readonly localSize?: number; readonly offset?: number; readonly flags?: number; readonly method?: number; readonly mode?: number };
  /** raw bytes of the extra field in the directory */
  readonly extra?: Uint8Array;
}

export interface ZipOptions {
  readonly comment?: Uint8Array;
  readonly prefix?: Uint8Array;
  /** entries that the end record claims */
  readonly count?: number;
  /** moves the directory that the end record claims */
  readonly shift?: number;
  readonly zip64?: boolean;
}

export function zipOf(parts: readonly ZipPart[], options: ZipOptions = {}): Buffer {
  const chunks: Buffer[] = [Buffer.from(options.prefix ?? [])];
  const directory: Buffer[] = [];
  let at = chunks[0]?.length ?? 0;
  for (const { name, content = '', deflate = false, says = {}, extra = new Uint8Array() } of parts) {
    const bytes = Buffer.from(content as string);
    const packed = deflate ? deflateRawSync(bytes) : bytes;
    const method = says.method ?? (deflate ? 8 : 0);
    const crc = says.crc ?? crc32(bytes);
    const size = says.size ?? bytes.length;
    const compressed = says.compressed ?? packed.length;
    const localName = Buffer.from(says.localName ?? name);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(says.flags ?? 0, 6);
    local.writeUInt16LE(method, 8);
    local.writeUInt32LE(crc, 14);
    local.writeUInt32LE(compressed, 18);
    local.writeUInt32LE(says.localSize ?? size, 22);
    local.writeUInt16LE(localName.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(says.flags ?? 0, 8);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(crc, 16);
    entry.writeUInt32LE(compressed, 20);
    entry.writeUInt32LE(size, 24);
    entry.writeUInt16LE(Buffer.byteLength(name), 28);
    entry.writeUInt16LE(extra.length, 30);
    entry.writeUInt32LE(((says.mode ?? 0) << 16) >>> 0, 38);
    entry.writeUInt32LE(says.offset ?? at, 42);
    directory.push(entry, Buffer.from(name), Buffer.from(extra));
    chunks.push(local, localName, packed);
    at += local.length + localName.length + packed.length;
  }
  const listed = Buffer.concat(directory);
  chunks.push(listed, endOf(options, parts.length, at, listed.length));
  return Buffer.concat(chunks);
}

function endOf({ comment = new Uint8Array(), count, shift = 0, zip64 = false }: ZipOptions, parts: number, start: number, length: number): Buffer {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(zip64 ? 0xffff : (count ?? parts), 8);
  end.writeUInt16LE(zip64 ? 0xffff : (count ?? parts), 10);
  end.writeUInt32LE(zip64 ? 0xffffffff : length, 12);
  end.writeUInt32LE(zip64 ? 0xffffffff : start + shift, 16);
  end.writeUInt16LE(comment.length, 20);
  if (!zip64) return Buffer.concat([end, comment]);
  const wide = Buffer.alloc(56);
  wide.writeUInt32LE(0x06064b50, 0);
  wide.writeBigUInt64LE(44n, 4);
  wide.writeBigUInt64LE(BigInt(count ?? parts), 24);
  wide.writeBigUInt64LE(BigInt(count ?? parts), 32);
  wide.writeBigUInt64LE(BigInt(length), 40);
  wide.writeBigUInt64LE(BigInt(start + shift), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(start + length), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([wide, locator, end, comment]);
}
