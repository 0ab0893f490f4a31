/**
 * Who says that a key has this result. The digest of an object proves its bytes, but nothing proves that a record belongs under its key except
 * somebody's word: whoever can write to a shared cache could plant a result under a key that others will ask for (CVE-2025-36852). So records are
 * signed with ed25519 and read only with a key that the project trusts.
 *
 * What is signed is the canonical encoding of { key, digest of the record's bytes } under a domain of its own.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto';
import { digestOf } from '../../core/digest.js';
import { PipelineError } from '../../core/errors.js';
import { canonicalEncode } from '../canonical.js';
import type { StageKey } from '../record.js';

const PREFIX = 'ed25519:';
export const PUBLIC_KEY_PATTERN = '^ed25519:[A-Za-z0-9+/]{43}=$';
const ID_LENGTH = 16;
const SIGNATURE_BYTES = 64;

export interface Signature {
  readonly keyId: string;
  /** base64 */
  readonly value: string;
}

export interface SigningKey {
  readonly id: string;
  /** `ed25519:<base64 of 32 bytes>`, as it stands in `trust:` */
  readonly publicKey: string;
  sign(key: StageKey, record: Uint8Array): Signature;
}

/** The private key as PEM, for a file that only its owner can read. */
export function generateKey(): { readonly pem: string; readonly publicKey: string; readonly id: string } {
  const pair = generateKeyPairSync('ed25519');
  const publicKey = publicText(pair.publicKey);
  return { pem: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), publicKey, id: keyId(publicKey) };
}

/** `place`: where the text came from, for the message. E_SHARED_CACHE if it is no private key of this kind; the text itself is never shown. */
export function signingKey(pem: string, place: string): SigningKey {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw noKey(place, 'something else');
  }
  if (key.asymmetricKeyType !== 'ed25519') throw noKey(place, `a key of type ${key.asymmetricKeyType ?? 'unknown'}`);
  const publicKey = publicText(createPublicKey(key));
  const id = keyId(publicKey);
  return { id, publicKey, sign: (stageKey, record) => ({ keyId: id, value: sign(null, signedBytes(stageKey, record), key).toString('base64') }) };
}

/** Short name of a public key, in messages and signatures. */
export function keyId(publicKey: string): string {
  return createHash('sha256').update(Buffer.from(publicKey.slice(PREFIX.length), 'base64')).digest('hex').slice(0, ID_LENGTH);
}

/** The text of a key that stands in `trust:` or in the configuration; undefined if it is none. */
export function isPublicKey(text: string): boolean {
  return new RegExp(PUBLIC_KEY_PATTERN).test(text) && publicKeyOf(text) !== undefined;
}

export type Verdict = 'trusted' | 'unsigned' | 'unknown key' | 'forged';

export class TrustedKeys {
  readonly #any: boolean;
  readonly #keys: ReadonlyMap<string, KeyObject>;

  constructor(trust: 'any' | readonly string[]) {
    this.#any = trust === 'any';
    this.#keys = new Map(trust === 'any' ? [] : trust.flatMap((text) => {
      const key = publicKeyOf(text);
      return key === undefined ? [] : [[keyId(text), key] as const];
    }));
  }

  judge(key: StageKey, record: Uint8Array, signature: Signature | undefined): Verdict {
    if (this.#any) return 'trusted';
    if (signature === undefined) return 'unsigned';
    const known = this.#keys.get(signature.keyId);
    if (known === undefined) return 'unknown key';
    const value = Buffer.from(signature.value, 'base64');
    return value.length === SIGNATURE_BYTES && verify(null, signedBytes(key, record), known, value) ? 'trusted' : 'forged';
  }
}

function signedBytes(key: StageKey, record: Uint8Array): Uint8Array {
  return canonicalEncode('remote-record/1', { key, record: digestOf(record) });
}

function publicText(key: KeyObject): string {
  return PREFIX + Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url').toString('base64');
}

function publicKeyOf(text: string): KeyObject | undefined {
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(text.slice(PREFIX.length), 'base64').toString('base64url') }, format: 'jwk' });
  } catch {
    return undefined;
  }
}

function noKey(place: string, found: string): PipelineError {
  return new PipelineError('E_SHARED_CACHE', `"${place}" does not hold a key to sign with`, {
    facts: { expected: 'an ed25519 private key in PEM', found },
    hint: 'Make one with `pipeline cache keygen FILE`.',
  });
}
