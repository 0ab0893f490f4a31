/** Content digests: lower-case hexadecimal sha256, branded so that a path or a key is never taken for one. */
import { createHash } from 'node:crypto';

declare const digestBrand: unique symbol;
/** sha256 of bytes (64 lower-case hexadecimal digits). */
export type Digest = string & { readonly [digestBrand]: 'digest' };

const PATTERN = /^[0-9a-f]{64}$/;

export function isDigest(text: string): text is Digest {
  return PATTERN.test(text);
}

export function digestOf(bytes: Uint8Array | string): Digest {
  return createHash('sha256').update(bytes).digest('hex') as Digest;
}
