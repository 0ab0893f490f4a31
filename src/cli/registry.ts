/**
 * The composition of the product: built-in stage types and the services they may need. What the planner knows of a stage type is read from
 * the manifest that the build wrote; the code of a stage is loaded only when it runs.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { PipelineError } from '../core/errors.js';
import type { StageManifest, StageRegistry } from '../engine/stage.js';
import { STAGE_MODULES } from '../stages/index.js';
import type { CliIo, Composition } from './io.js';
import { PACKAGE_ROOT } from './package-root.js';

const VALIDATORS_PATH = join(PACKAGE_ROOT, 'dist', 'stages', 'validators.cjs');
export const MANIFEST_PATH = join(PACKAGE_ROOT, 'dist', 'stages', 'manifest.json');
const BUILD_PATH = join(PACKAGE_ROOT, 'dist', 'build-digest');
const WORKER_ENTRY = join(PACKAGE_ROOT, 'dist', 'cli', 'worker.js');

/** Numeric families, known without loading a runtime; a test holds them equal to what the services say of themselves. */
export const SERVICE_IDENTITIES: Readonly<Record<string, string>> = {
  tensor: 'onnxruntime-cpu',
  // Fetches by digest: what it hands over depends on nothing else.
  downloads: 'sha256',
};

let builtIn: Composition | undefined;

export function compositionOf(io: CliIo): Composition {
  return io.composition ?? (builtIn ??= { registry: builtInRegistry(), workerEntry: WORKER_ENTRY, ...buildDigest() });
}

function builtInRegistry(): StageRegistry {
  return {
    manifests: new Map(readManifests().map((manifest) => [manifest.type, manifest])),
    modules: STAGE_MODULES,
    serviceIdentity,
    // Compiled by the build: planning then needs no schema compiler.
    validators: () => createRequire(import.meta.url)(VALIDATORS_PATH) as ReturnType<NonNullable<StageRegistry['validators']>>,
  };
}

export function serviceIdentity(name: string): string {
  const identity = SERVICE_IDENTITIES[name];
  if (identity === undefined) throw new PipelineError('E_SERVICE_MISSING', `service "${name}" does not exist`, { facts: { expected: Object.keys(SERVICE_IDENTITIES).join(', '), found: name }, hint: 'correct `needs` of the stage type' });
  return identity;
}

/** Written by the build. */
function buildDigest(): { build?: string } {
  try {
    return { build: readFileSync(BUILD_PATH, 'utf8').trim() };
  } catch {
    return {};
  }
}

function readManifests(): readonly StageManifest[] {
  try {
    return JSON.parse(readFileSync(MANIFEST_PATH, 'utf8')) as StageManifest[];
  } catch (cause) {
    throw new PipelineError('E_ENVIRONMENT', '"pipeline" is not built', { facts: { expected: MANIFEST_PATH, found: (cause as Error).message }, hint: 'run: npm run build', cause });
  }
}
