/** What the format tests share: fixtures, the formula of their values (see tools/oracles/formats.py), temporary files, seeded damage. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { PipelineError, type ErrorCode } from '../../src/core/errors.js';
import { Random } from '../../src/core/random.js';
import { allocate, sizeOf, type DType, type Shape, type TypedArrayOf } from '../../src/core/tensor.js';

export const fixture = (name: string): string => join(import.meta.dirname, '..', 'fixtures', 'formats', name);
export const expectedValues = JSON.parse(readFileSync(fixture('expected.json'), 'utf8')) as Record<string, number[]>;

export const NPY_CODES: Readonly<Record<DType, string>> = {
  float32: 'f4', float64: 'f8', int8: 'i1', uint8: 'u1', int16: 'i2', uint16: 'u2', int32: 'i4', uint32: 'u4', int64: 'i8', bool: 'b1',
};

/** element i: (7919 i mod 2003) − 1001, modulo 128 for bytes, absolute for unsigned types, modulo 2 for booleans */
export function ramp<D extends DType>(shape: Shape, dtype: D): TypedArrayOf[D] {
  const out = allocate(dtype, sizeOf(shape));
  const floorMod = (value: number, modulus: number): number => ((value % modulus) + modulus) % modulus;
  for (let i = 0; i < out.length; i += 1) {
    let value = ((7919 * i) % 2003) - 1001;
    if (dtype === 'int8' || dtype === 'uint8') value = floorMod(value, 128);
    if (dtype === 'uint16' || dtype === 'uint32') value = Math.abs(value);
    if (dtype === 'bool') value = floorMod(value, 2);
    out[i] = (dtype === 'int64' ? BigInt(value) : value) as never;
  }
  return out;
}

const folder = mkdtempSync(join(tmpdir(), 'formats-'));
let serial = 0;
afterAll(() => rmSync(folder, { recursive: true, force: true }));

export function temporary(name: string, content?: Uint8Array | string): string {
  serial += 1;
  const path = join(folder, `${serial}-${name}`);
  if (content !== undefined) writeFileSync(path, content);
  return path;
}

/** The PipelineError that `act` ends with; anything else fails the test. */
export async function failure(act: () => unknown): Promise<PipelineError> {
  try {
    await act();
  } catch (error) {
    if (error instanceof PipelineError) return error;
    throw error;
  }
  return expect.fail('nothing was thrown');
}

export async function expectFailure(act: () => unknown, words: RegExp, code: ErrorCode = 'E_FORMAT'): Promise<void> {
  const error = await failure(act);
  expect(error.code).toBe(code);
  expect([error.message, ...Object.values(error.facts)].join('\n')).toMatch(words);
}

/**
 * Damages a valid file in `count` seeded ways (bits flipped, bytes overwritten, cut short, extended, a piece repeated) and reads each. The only two
 * outcomes are a result and an error of those codes. @returns how many were refused
 */
export async function survivesDamage(path: string, count: number, read: (path: string) => unknown, seed = 'damage', codes: ReadonlySet<string> = new Set(['E_FORMAT'])): Promise<number> {
  const original = readFileSync(path);
  const random = new Random(`${seed}/${path.slice(path.lastIndexOf('/'))}`);
  let refused = 0;
  for (let i = 0; i < count; i += 1) {
    const bytes = damage(original, random);
    const damaged = temporary('damaged', bytes);
    try {
      await read(damaged);
    } catch (error) {
      if (!(error instanceof PipelineError)) {
        throw new Error(`damage ${i} of ${path}: not a PipelineError: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`, { cause: error });
      }
      expect(codes, `damage ${i}: ${error.message}`).toContain(error.code);
      refused += 1;
    }
    rmSync(damaged);
  }
  return refused;
}

/** Headers decide most, so half of the damage goes to the first 512 bytes. */
function damage(original: Buffer, random: Random): Uint8Array {
  const bytes = Buffer.from(original);
  const place = (): number => random.integer(0, random.integer(0, 2) === 0 ? Math.min(512, bytes.length) : bytes.length);
  switch (random.integer(0, 5)) {
    case 0:
      for (let k = random.integer(1, 4); k > 0; k -= 1) {
        const at = place();
        bytes[at] = (bytes[at] as number) ^ (1 << random.integer(0, 8));
      }
      return bytes;
    case 1:
      for (let k = random.integer(1, 9), at = place(); k > 0 && at < bytes.length; k -= 1, at += 1) bytes[at] = random.pick([0, 0xff, 0x7f, 0x80, random.integer(0, 256)]);
      return bytes;
    case 2:
      return bytes.subarray(0, random.integer(0, bytes.length));
    case 3:
      return Buffer.concat([bytes, Buffer.alloc(random.integer(1, 64), random.integer(0, 256))]);
    default: {
      const at = place();
      const length = random.integer(1, 65);
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - length))]);
    }
  }
}
