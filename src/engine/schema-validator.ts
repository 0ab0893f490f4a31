/**
 * Checks values against the JSON Schema of a stage type's parameters, and fills defaults in. A registry may bring functions that the build
 * compiled (validator-code.ts); without them ajv is loaded, once, with the first type that a pipeline uses: some 50 ms, as much as all the
 * rest of planning. Schemas are the stage author's: a bad one is a bug, not a diagnostic.
 */
import { createRequire } from 'node:module';
import type { Ajv, Options } from 'ajv';
import type { JsonObject } from '../core/json.js';
import type { StageManifest, StageRegistry } from './stage.js';
import { EXTERNAL_KEYWORD } from './external-parameters.js';

/** What the mapping to diagnostics needs of an error of ajv. */
export interface SchemaError {
  /** JSON pointer into the value */
  readonly instancePath: string;
  /** JSON pointer into the schema, as a URI fragment, ending with the keyword */
  readonly schemaPath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
}
/** Checks a value and fills defaults into it, in place. */
export type SchemaValidator = (value: Record<string, unknown>) => readonly SchemaError[];

let ajv: Ajv | undefined;
const compiled = new WeakMap<JsonObject, SchemaValidator>();

/** ajv as parameters need it. */
export function ajvWith(options: Options): Ajv {
  const module = createRequire(import.meta.url)('ajv') as typeof import('ajv');
  const instance = new module.Ajv({ allErrors: true, useDefaults: true, strict: false, messages: false, ...options });
  instance.addVocabulary([EXTERNAL_KEYWORD]);
  return instance;
}

export function validatorOf(manifest: StageManifest, registry: StageRegistry): SchemaValidator {
  const known = compiled.get(manifest.params);
  if (known !== undefined) return known;
  // Checking the schemas themselves would cost 30 ms more at every start; the build does that.
  const validate = registry.validators?.()[manifest.type] ?? (ajv ??= ajvWith({ validateSchema: false, meta: false })).compile(manifest.params);
  const validator: SchemaValidator = (value) => (validate(value) ? [] : [...(validate.errors ?? [])] as readonly SchemaError[]);
  compiled.set(manifest.params, validator);
  return validator;
}
