/**
 * The protobuf wire format, as much of it as ONNX needs: varints, fixed 32 and 64 bit numbers and length-delimited fields. Our own, because
 * integers of 64 bits must be exact, tensors must be views of the file instead of copies, and every length of a hostile file must be checked
 * against the bytes that are there. It knows no message. Source: https://protobuf.dev/programming-guides/encoding/
 */
import { PipelineError } from '../../core/errors.js';

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
export const FIXED32 = 5;

const text = new TextDecoder('utf-8', { fatal: true });
const utf8 = new TextEncoder();

/** Collects fields in the order in which they are written; the bytes depend on nothing else. */
export class WireWriter {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  integer(field: number, value: bigint | number): this {
    return this.#tag(field, VARINT).#push(varint(BigInt(value)));
  }
  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.#tag(field, FIXED32).#push(bytes);
  }
  /** A number of fixed width, from its raw bits. */
  fixed(field: number, wireType: typeof FIXED32 | typeof FIXED64, bits: bigint): this {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, bits, true);
    return this.#tag(field, wireType).#push(bytes.subarray(0, wireType === FIXED32 ? 4 : 8));
  }
  bytes(field: number, value: Uint8Array): this {
    return this.#tag(field, BYTES).#push(varint(BigInt(value.length))).#push(value);
  }
  string(field: number, value: string): this {
    return this.bytes(field, utf8.encode(value));
  }
  /** A field as it was read. */
  copy(field: WireField): this {
    if (field.wireType === BYTES) return this.bytes(field.number, field.bytes);
    if (field.wireType === VARINT) return this.integer(field.number, field.bits);
    const width = field.wireType === FIXED64 ? 8 : 4;
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, field.bits, true);
    return this.#tag(field.number, field.wireType).#push(bytes.subarray(0, width));
  }
  message(field: number, value: WireWriter): this {
    this.#tag(field, BYTES).#push(varint(BigInt(value.#length)));
    for (const part of value.#parts) this.#push(part);
    return this;
  }
  packedIntegers(field: number, values: readonly (bigint | number)[]): this {
    const parts = values.map((value) => varint(BigInt(value)));
    this.#tag(field, BYTES).#push(varint(BigInt(parts.reduce((sum, part) => sum + part.length, 0))));
    for (const part of parts) this.#push(part);
    return this;
  }
  packedFloats(field: number, values: readonly number[]): this {
    const bytes = new Uint8Array(values.length * 4);
    const view = new DataView(bytes.buffer);
    values.forEach((value, i) => view.setFloat32(4 * i, value, true));
    return this.bytes(field, bytes);
  }

  finish(): Uint8Array {
    const whole = new Uint8Array(this.#length);
    let offset = 0;
    for (const part of this.#parts) {
      whole.set(part, offset);
      offset += part.length;
    }
    return whole;
  }

  #tag(field: number, wireType: number): this {
    return this.#push(varint(BigInt(field * 8 + wireType)));
  }
  #push(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    this.#length += bytes.length;
    return this;
  }
}

function varint(value: bigint): Uint8Array {
  let rest = BigInt.asUintN(64, value);
  const bytes: number[] = [];
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    bytes.push(rest === 0n ? low : low | 128);
  } while (rest !== 0n);
  return Uint8Array.from(bytes);
}

/** One field: an integer (varint and fixed formats, as raw bits) or a view of bytes. */
export interface WireField {
  readonly number: number;
  readonly wireType: number;
  readonly bits: bigint;
  readonly bytes: Uint8Array;
}

const NOTHING = new Uint8Array(0);

/** Reads one message, field by field. Nested messages are read only when somebody asks for them, so depth is the caller's. */
export function* wireFields(message: Uint8Array): Generator<WireField> {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  let offset = 0;
  const readVarint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[offset];
      if (byte === undefined) throw truncated('a number', offset);
      offset += 1;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, value);
    }
    throw truncated('a number of at most 10 bytes', offset);
  };
  const need = (length: number): void => {
    if (offset + length > message.length) throw truncated(`${length} bytes from byte ${offset} of a message on`, offset, `${message.length - offset}: the rest is missing, or the file is something else`);
  };
  while (offset < message.length) {
    const tag = Number(readVarint());
    const number = Math.floor(tag / 8);
    const wireType = tag % 8;
    let bits = 0n;
    let bytes: Uint8Array = NOTHING;
    switch (wireType) {
      case VARINT:
        bits = readVarint();
        break;
      case FIXED64:
        need(8);
        bits = view.getBigUint64(offset, true);
        offset += 8;
        break;
      case FIXED32:
        need(4);
        bits = BigInt(view.getUint32(offset, true));
        offset += 4;
        break;
      case BYTES: {
        const length = Number(readVarint());
        need(length);
        bytes = message.subarray(offset, offset + length);
        offset += length;
        break;
      }
      default:
        throw truncated(`a field of a known wire type, not ${wireType},`, offset);
    }
    yield { number, wireType, bits, bytes };
  }
}

export function signed(field: WireField): bigint {
  return BigInt.asIntN(64, field.bits);
}

export function floatOf(field: WireField): number {
  const scratch = new DataView(new ArrayBuffer(4));
  scratch.setUint32(0, Number(field.bits & 0xffffffffn), true);
  return scratch.getFloat32(0, true);
}

export function stringOf(field: WireField): string {
  try {
    return text.decode(field.bytes);
  } catch (cause) {
    throw new PipelineError('E_GRAPH', 'the model holds a text that is not UTF-8', { hint: 'Export the model again.', cause });
  }
}

/** A repeated integer field: packed in one block, or one element of it. */
export function integersOf(field: WireField): bigint[] {
  if (field.wireType !== BYTES) return [signed(field)];
  const values: bigint[] = [];
  let value = 0n;
  let shift = 0n;
  for (const byte of field.bytes) {
    value |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (byte < 128) {
      values.push(BigInt.asIntN(64, value));
      value = 0n;
      shift = 0n;
    } else if (shift > 63n) throw truncated('a number of at most 10 bytes', 0);
  }
  if (shift !== 0n) throw truncated('the rest of a number', field.bytes.length);
  return values;
}

/** A repeated float field: packed, or one element. */
export function floatsOf(field: WireField): number[] {
  if (field.wireType !== BYTES) return [floatOf(field)];
  if (field.bytes.length % 4 !== 0) throw truncated('whole 4-byte numbers', field.bytes.length);
  const view = new DataView(field.bytes.buffer, field.bytes.byteOffset, field.bytes.byteLength);
  return Array.from({ length: field.bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

function truncated(expected: string, offset: number, found = `byte ${offset} of a message`): PipelineError {
  return new PipelineError('E_GRAPH', 'the bytes are not a whole ONNX model', { facts: { expected, found }, hint: 'Check that the file is an .onnx model and was copied completely.' });
}
