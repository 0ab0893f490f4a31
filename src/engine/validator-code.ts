/**
 * Validators of all stage types as the text of one CommonJS module, for the build: a run then checks parameters without loading ajv or
 * compiling a schema, some 50 ms of every start. Each export, named by stage type, is a validate function of ajv with the options of
 * schema-validator.ts. Imported by the build only.
 */
import { createRequire } from 'node:module';
import type { Ajv } from 'ajv';
import { ajvWith } from './schema-validator.js';
import type { StageManifest } from './stage.js';

/** Errors: those of ajv for a schema that is no JSON Schema (a bug of the stage's author). */
export function validatorCode(manifests: Iterable<StageManifest>): string {
  const ajv = ajvWith({ code: { source: true, lines: true }, validateSchema: true, meta: true });
  const sorted = [...manifests].sort((a, b) => (a.type < b.type ? -1 : 1));
  for (const { type, params } of sorted) ajv.addSchema(params, type);
  const { default: standalone } = createRequire(import.meta.url)('ajv/dist/standalone') as { default: (ajv: Ajv, references: Record<string, string>) => string };
  return standalone(ajv, Object.fromEntries(sorted.map(({ type }) => [type, type])));
}
