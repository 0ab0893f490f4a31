/**
 * The bytes of a record: one line of JSON with sorted keys that carries a hash of itself, so that a torn, edited or swapped file is told
 * from a good one without trusting its parser. Two records with the same content have the same bytes.
 *
 *   {"format":1,"selfHash":"<sha256 of format and record text>","record":{…}}
 */
import { digestOf, isDigest } from '../../core/digest.js';
import { sortedJson } from '../canonical.js';
import type { ArtifactFile } from '../artifact.js';
import type { MemoRecord, StageKey, StageRecord } from '../record.js';
import { isPlainObject } from './plain.js';

export const RECORD_FORMAT = 1;
const HEAD = /^\{"format":(\d{1,6}),"selfHash":"([0-9a-f]{64})","record":/;
/** Longest possible head: more than this is never looked at to find it. */
const HEAD_BYTES = 128;
const TAIL = '}\n';

export type AnyRecord = StageRecord | MemoRecord;

export type Decoded =
  | { readonly kind: 'record'; readonly record: AnyRecord }
  /** whole, but of a format that this program does not know */
  | { readonly kind: 'newer'; readonly format: number }
  | { readonly kind: 'damaged'; readonly why: string };

export function encodeRecord(record: AnyRecord): Buffer {
  const text = sortedJson(record);
  return Buffer.from(`{"format":${RECORD_FORMAT},"selfHash":"${selfHash(RECORD_FORMAT, Buffer.from(text))}","record":${text}${TAIL}`);
}

/** Checks everything that can be checked from the file alone; `key` is what its name says. */
export function decodeRecord(bytes: Buffer, key: StageKey): Decoded {
  const head = HEAD.exec(bytes.subarray(0, HEAD_BYTES).toString('latin1'));
  if (head === null || bytes.subarray(-TAIL.length).toString('latin1') !== TAIL) return damaged('it is not a whole record file');
  const format = Number(head[1]);
  const body = bytes.subarray(head[0].length, -TAIL.length);
  if (selfHash(format, body) !== head[2]) return damaged('its hash of itself does not hold');
  if (format !== RECORD_FORMAT) return { kind: 'newer', format };
  const record: unknown = JSON.parse(body.toString('utf8'));
  if (!isPlainObject(record) || !isPlainObject(record['outputs']) || !isPlainObject(record['material'])) return damaged('it does not hold a record');
  if (record['key'] !== key) return damaged('it belongs to another key');
  for (const artifact of Object.values(record['outputs'])) {
    if (!isPlainObject(artifact) || !Array.isArray(artifact['files']) || !artifact['files'].every(isFile)) return damaged('one of its outputs is not an artifact');
  }
  return { kind: 'record', record: record as unknown as AnyRecord };
}

/** The files of a record whose bytes are objects of the store: neither inline nor outside. */
export function* objectFiles(record: AnyRecord): Generator<ArtifactFile> {
  for (const artifact of Object.values(record.outputs)) {
    for (const file of artifact.files) if (isStoredObject(file)) yield file;
  }
}

export function isStoredObject(file: ArtifactFile): boolean {
  return file.inline === undefined && file.external !== true;
}

function isFile(value: unknown): boolean {
  if (!isPlainObject(value)) return false;
  const { name, digest, size } = value;
  return typeof name === 'string' && typeof digest === 'string' && isDigest(digest) && Number.isSafeInteger(size);
}

function selfHash(format: number, body: Buffer): string {
  return digestOf(Buffer.concat([Buffer.from(`record-file/${format}\n`), body]));
}

function damaged(why: string): Decoded {
  return { kind: 'damaged', why };
}
