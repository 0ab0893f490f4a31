/**
 * The body of an entry under `ac`: an `ActionResult` of Bazel's Remote Execution API, because servers of that protocol check that it is one, and
 * that the objects it lists are still there. So the record's objects are its output files, the record itself is its stdout and the signature
 * its stderr. Only these fields are written and only the last two are read: a server may add others, and what it says of files is not believed.
 */
import type { Digest } from '../../core/digest.js';

export interface ActionResult {
  readonly files: readonly { readonly path: string; readonly digest: Digest; readonly size: number }[];
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

/** Field numbers of build.bazel.remote.execution.v2. */
const RESULT = { outputFiles: 2, stdoutRaw: 5, stderrRaw: 7 } as const;
const FILE = { path: 1, digest: 2 } as const;
const DIGEST = { hash: 1, size: 2 } as const;

const VARINT = 0;
const FIXED_64 = 1;
const LENGTH = 2;
const FIXED_32 = 5;
const MORE = 0x80;
const BITS = 7;
/** Lengths beyond this cannot be those of a part of a message that is in memory. */
const LONGEST_VARINT = 10;

export function encodeActionResult({ files, stdout, stderr }: ActionResult): Buffer {
  const parts = files.map(({ path, digest, size }) => {
    const inner = Buffer.concat([field(DIGEST.hash, Buffer.from(digest)), varint(DIGEST.size * 8 + VARINT), varint(size)]);
    return field(RESULT.outputFiles, Buffer.concat([field(FILE.path, Buffer.from(path)), field(FILE.digest, inner)]));
  });
  return Buffer.concat([...parts, field(RESULT.stdoutRaw, stdout), field(RESULT.stderrRaw, stderr)]);
}

/** undefined if these bytes are no message, or one without a record. */
export function decodeActionResult(bytes: Uint8Array): Pick<ActionResult, 'stdout' | 'stderr'> | undefined {
  let stdout: Uint8Array | undefined;
  let stderr: Uint8Array = new Uint8Array();
  let at = 0;
  while (at < bytes.length) {
    const tag = readVarint(bytes, at);
    if (tag === undefined) return undefined;
    at = tag.end;
    const [number, wire] = [Math.floor(tag.value / 8), tag.value % 8];
    let end: number;
    if (wire === VARINT) {
      const skipped = readVarint(bytes, at);
      if (skipped === undefined) return undefined;
      end = skipped.end;
    } else if (wire === LENGTH) {
      const length = readVarint(bytes, at);
      if (length === undefined) return undefined;
      at = length.end;
      end = at + length.value;
    } else if (wire === FIXED_64 || wire === FIXED_32) end = at + (wire === FIXED_64 ? 8 : 4);
    else return undefined;
    if (number === 0 || end > bytes.length) return undefined;
    if (wire === LENGTH && number === RESULT.stdoutRaw) stdout = bytes.subarray(at, end);
    if (wire === LENGTH && number === RESULT.stderrRaw) stderr = bytes.subarray(at, end);
    at = end;
  }
  return stdout === undefined ? undefined : { stdout, stderr };
}

function field(number: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([varint(number * 8 + LENGTH), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= MORE; rest = Math.floor(rest / MORE)) bytes.push((rest % MORE) + MORE);
  return Buffer.from([...bytes, rest]);
}

/** Values beyond 2^53 lose their last bits: they are skipped or too long anyway. */
function readVarint(bytes: Uint8Array, start: number): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let i = 0; i < LONGEST_VARINT; i += 1) {
    const byte = bytes[start + i];
    if (byte === undefined) return undefined;
    value += (byte % MORE) * 2 ** (BITS * i);
    if (byte < MORE) return { value, end: start + i + 1 };
  }
  return undefined;
}
