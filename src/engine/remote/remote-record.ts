/**
 * A record on its way between machines. Opening one checks all that can be checked without the objects: that somebody who is trusted signed
 * these very bytes for this very key, that the record is whole, that its key material hashes to the key, and that every artifact is what its digest
 * says. Whatever fails makes it a miss with a reason; nothing of it is used then.
 */
import { digestOf } from '../../core/digest.js';
import { PipelineError } from '../../core/errors.js';
import type { Artifact, ArtifactFile } from '../artifact.js';
import { checkFileName } from '../artifact-name.js';
import { sealArtifact } from '../artifact-seal.js';
import { stageKey } from '../key.js';
import type { StageKey, StageRecord } from '../record.js';
import { isPlainObject } from '../store/plain.js';
import { decodeRecord, encodeRecord, isStoredObject, objectFiles, type Decoded } from '../store/record-file.js';
import { decodeActionResult, encodeActionResult } from './action-result.js';
import type { Signature, SigningKey, TrustedKeys } from './signing.js';

export type OpenedRecord =
  | { readonly kind: 'record'; readonly record: StageRecord }
  /** nobody whom the project trusts stands for it; it may be right */
  | { readonly kind: 'untrusted'; readonly why: string }
  /** it cannot be right: a good one may take its place */
  | { readonly kind: 'damaged'; readonly why: string }
  /** of a format that this program does not know */
  | { readonly kind: 'newer'; readonly why: string };

export function isRestricted(record: StageRecord): boolean {
  return Object.values(record.outputs).some(({ restricted }) => restricted === true);
}

export function packRecord(record: StageRecord, signer: SigningKey | undefined): Uint8Array {
  const stdout = encodeRecord(record);
  const signature = signer?.sign(record.key, stdout);
  const files = Object.entries(record.outputs).flatMap(([port, { files: all }]) => all.filter(isStoredObject).map(({ name, digest, size }) => ({ path: `${port}/${name}`, digest, size })));
  return encodeActionResult({ files, stdout, stderr: signature === undefined ? new Uint8Array() : Buffer.from(`${JSON.stringify({ format: 1, ...signature })}\n`) });
}

export function openRecord(bytes: Uint8Array, key: StageKey, trust: TrustedKeys): OpenedRecord {
  const result = decodeActionResult(bytes);
  if (result === undefined) return { kind: 'damaged', why: 'it is not a record' };
  const signature = readSignature(result.stderr);
  const verdict = trust.judge(key, result.stdout, signature);
  if (verdict === 'unsigned') return { kind: 'untrusted', why: 'it is not signed' };
  if (verdict === 'unknown key') return { kind: 'untrusted', why: `it is signed with a key that is not trusted (${signature?.keyId ?? ''})` };
  if (verdict === 'forged') return { kind: 'damaged', why: 'its signature does not hold' };
  const decoded = decode(result.stdout, key);
  if (decoded.kind === 'newer') return { kind: 'newer', why: `it has format ${decoded.format}` };
  if (decoded.kind === 'damaged') return decoded;
  const record = decoded.record as StageRecord;
  const why = faultOf(record, key);
  return why === undefined ? { kind: 'record', record } : { kind: 'damaged', why };
}

function decode(bytes: Uint8Array, key: StageKey): Decoded {
  try {
    return decodeRecord(Buffer.from(bytes), key);
  } catch {
    return { kind: 'damaged', why: 'it is not JSON' }; // a file of our own would never come this far
  }
}

/** An odd one counts as none: what is not signed as we sign is not signed. */
function readSignature(bytes: Uint8Array): Signature | undefined {
  try {
    const data: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    if (!isPlainObject(data) || data['format'] !== 1) return undefined;
    const { keyId, value } = data;
    return typeof keyId === 'string' && /^[0-9a-f]{16}$/.test(keyId) && typeof value === 'string' ? { keyId, value } : undefined;
  } catch {
    return undefined;
  }
}

/** A signature says who, not whether it is right: a mistake of theirs must not become ours. */
function faultOf(record: StageRecord, key: StageKey): string | undefined {
  if (record.format !== 1 || !isPlainObject(record.metrics) || !Object.values(record.metrics).every((value) => Number.isFinite(value)) || !isPlainObject(record.made)) return 'it does not hold a record';
  try {
    if (stageKey(record.material) !== key) return 'its key material belongs to another key';
    for (const [port, artifact] of Object.entries(record.outputs)) {
      const fault = artifactFault(artifact);
      if (fault !== undefined) return `output "${port}" ${fault}`;
    }
  } catch (error) {
    if (error instanceof PipelineError) return error.message;
    throw error;
  }
  // two files with one digest and two sizes cannot both be right
  const sizes = new Map<string, number>();
  for (const { digest, size } of objectFiles(record)) if (sizes.set(digest, sizes.get(digest) ?? size).get(digest) !== size) return 'one object has two sizes';
  return undefined;
}

function artifactFault(artifact: Artifact): string | undefined {
  const { type, digest, files, restricted } = artifact;
  if (typeof type !== 'string' || (restricted !== undefined && restricted !== true)) return 'is not an artifact';
  for (const file of files) {
    checkFileName(file.name);
    if (!isSound(file)) return `has a file "${file.name}" that is not what its digest says`;
  }
  return sealArtifact({ type, files, restricted: restricted === true }).digest === digest ? undefined : 'is not what its digest says';
}

function isSound({ digest, size, inline, external }: ArtifactFile): boolean {
  if (size < 0 || (external !== undefined && external !== true)) return false;
  if (inline === undefined) return true;
  if (typeof inline !== 'string' || external === true) return false;
  const bytes = Buffer.from(inline, 'base64');
  return bytes.length === size && digestOf(bytes) === digest;
}
