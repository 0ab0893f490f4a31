/**
 * The key material of a planned stage, from the plan and the contents of what it reads. One function, so that running, planning and
 * explaining can never disagree about a key.
 */
import type { Digest } from '../core/digest.js';
import type { JsonObject } from '../core/json.js';
import type { PlannedStage } from './plan.js';
import type { InputContents, KeyMaterial } from './record.js';
import { externalParameters } from './external-parameters.js';
import type { StageManifest, StageRegistry } from './stage.js';

export interface Contents {
  readonly inputs: Readonly<Record<string, InputContents>>;
  readonly externals: Readonly<Record<string, Digest>>;
}

export function keyMaterial(stage: PlannedStage, contents: Contents, registry: StageRegistry): KeyMaterial {
  const { manifest } = stage;
  return {
    format: 1,
    type: manifest.type,
    version: manifest.version,
    code: manifest.code?.digest ?? null,
    params: keyedParams(stage.params, manifest),
    inputs: contents.inputs,
    externals: contents.externals,
    services: servicesOf(manifest, registry),
    seed: manifest.random ? stage.seed : null,
  };
}

export function servicesOf(manifest: StageManifest, registry: StageRegistry): Record<string, string> {
  return Object.fromEntries(manifest.needs.map((name) => [name, registry.serviceIdentity(name)]));
}

/** Without the parameters that are paths of outside files: their content is in the key, so the same data elsewhere are the same key. */
function keyedParams(params: JsonObject, manifest: StageManifest): JsonObject {
  const external = new Set(externalParameters(manifest.params).map(([name]) => name));
  return Object.fromEntries(Object.entries(params).filter(([name]) => !external.has(name)));
}
