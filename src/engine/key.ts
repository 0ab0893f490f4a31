/**
 * Keys: sha256 of the canonical encoding of everything that determines a result. What is in and what is out is argued in
 * docs/cache-key.md; golden keys in the tests guard the encoding, because changing it throws every user's cache away.
 * Must not know where a record is kept or how a digest was found.
 */
import { PipelineError } from '../core/errors.js';
import type { JsonObject, JsonValue } from '../core/json.js';
import { canonicalDigest } from './canonical.js';
import type { KeyMaterial, StageKey } from './record.js';

export function stageKey(material: KeyMaterial): StageKey {
  return canonicalDigest('stage-key/1', material as unknown as JsonValue) as string as StageKey;
}

export function memoKey(material: JsonObject): StageKey {
  return canonicalDigest('memo-key/1', material) as string as StageKey;
}

/**
 * The seed text of a stage that draws random numbers: from the seed, the type and the parameters alone. Not from its inputs: their last
 * bits differ between machines, and results must agree across machines to a tolerance. Not from version, code or services either, so that a
 * repaired implementation or another numeric back end can be compared on the same draws. Not from its name or place in the file.
 * Errors: E_DATA if the material has no seed.
 */
export function stageSeed(material: KeyMaterial): string {
  if (material.seed === null) {
    throw new PipelineError('E_DATA', `"${material.type}" has no seed`, {
      facts: { expected: 'a seed in the key material', found: 'null' },
      hint: 'Declare `random: true` in the definition of this stage type.',
    });
  }
  return canonicalDigest('stage-seed/1', { type: material.type, params: material.params, seed: material.seed });
}
