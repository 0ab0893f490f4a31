/**
 * Which files beside an ONNX model hold its weights, found without reading those that are inside: the file is walked field by field, and what is not
 * needed is skipped. For the planner, which asks this of every model before anything runs.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { PipelineError } from '../../core/errors.js';
import { readStored } from './tensors.js';
import { GRAPH, MODEL, TENSOR } from './schema.js';
import { BYTES, FIXED32, FIXED64, VARINT, WireWriter } from './wire.js';

/** What is read at once. */
const WINDOW = 1 << 16;
/** Names, shapes and locations of one tensor end before this. */
const LONGEST_FIELD = 1 << 16;

/** Each path once, sorted, with a tensor that lies there. Errors: E_GRAPH for bytes that are no model and for a path that leads out of the folder. */
export function externalLocations(file: string): readonly { readonly path: string; readonly tensor: string }[] {
  const handle = openSync(file, 'r');
  try {
    const walker = new FileFields(handle);
    const found = new Map<string, string>();
    for (const graph of walker.fields(0, Infinity)) {
      if (graph.number !== MODEL.graph || graph.wireType !== BYTES) continue;
      for (const initializer of walker.fields(graph.start, graph.end)) {
        if (initializer.number !== GRAPH.initializer || initializer.wireType !== BYTES) continue;
        const stored = readStored(withoutData(walker, initializer));
        if (stored !== undefined && !found.has(stored.location.path)) found.set(stored.location.path, stored.name);
      }
    }
    return [...found].map(([path, tensor]) => ({ path, tensor })).sort((a, b) => (a.path < b.path ? -1 : 1));
  } finally {
    closeSync(handle);
  }
}

/** The tensor's message with its short fields only. */
function withoutData(walker: FileFields, tensor: FileField): Uint8Array {
  const message = new WireWriter();
  for (const field of walker.fields(tensor.start, tensor.end)) {
    if (field.number === TENSOR.rawData || field.end - field.start > LONGEST_FIELD) continue;
    if (field.wireType === BYTES) message.bytes(field.number, walker.bytes(field.start, field.end));
    else if (field.wireType === VARINT) message.integer(field.number, field.value);
  }
  return message.finish();
}

interface FileField {
  readonly number: number;
  readonly wireType: number;
  /** of a number */
  readonly value: bigint;
  /** of its content in the file */
  readonly start: number;
  readonly end: number;
}

/** The protobuf wire format of a file, through a window. */
class FileFields {
  #window: Uint8Array = new Uint8Array(0);
  #start = 0;

  constructor(private readonly handle: number) {}

  *fields(start: number, end: number): Generator<FileField> {
    let position = start;
    while (position < end) {
      if (end === Infinity && this.#byte(position) === undefined) return;
      const tag = this.#varint(position);
      const number = Number(tag.value >> 3n);
      const wireType = Number(tag.value & 7n);
      let field: FileField;
      if (wireType === VARINT) {
        const value = this.#varint(tag.end);
        field = { number, wireType, value: value.value, start: tag.end, end: value.end };
      } else if (wireType === BYTES) {
        const length = this.#varint(tag.end);
        field = { number, wireType, value: 0n, start: length.end, end: length.end + Number(length.value) };
      } else if (wireType === FIXED32 || wireType === FIXED64) {
        field = { number, wireType, value: 0n, start: tag.end, end: tag.end + (wireType === FIXED32 ? 4 : 8) };
      } else throw noModel(position);
      if (field.end > end) throw noModel(position);
      yield field;
      position = field.end;
    }
  }

  bytes(start: number, end: number): Uint8Array {
    const bytes = new Uint8Array(end - start);
    if (readSync(this.handle, bytes, 0, bytes.length, start) !== bytes.length) throw noModel(start);
    return bytes;
  }

  #byte(position: number): number | undefined {
    if (position < this.#start || position >= this.#start + this.#window.length) {
      const window = new Uint8Array(WINDOW);
      this.#window = window.subarray(0, readSync(this.handle, window, 0, WINDOW, position));
      this.#start = position;
    }
    return this.#window[position - this.#start];
  }

  #varint(start: number): { readonly value: bigint; readonly end: number } {
    let value = 0n;
    for (let i = 0; i < 10; i += 1) {
      const byte = this.#byte(start + i);
      if (byte === undefined) throw noModel(start + i);
      value |= BigInt(byte & 127) << BigInt(7 * i);
      if (byte < 128) return { value: BigInt.asUintN(64, value), end: start + i + 1 };
    }
    throw noModel(start);
  }
}

function noModel(position: number): PipelineError {
  return new PipelineError('E_GRAPH', 'the file is not a whole ONNX model', { facts: { expected: 'fields of a protobuf message', found: `something else at byte ${position}` }, hint: 'Check that the file is an .onnx model and was copied completely.' });
}
