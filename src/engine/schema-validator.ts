/**
 * Compiles the JSON Schema of a stage type's parameters, once per type and only for types that a pipeline uses. ajv is loaded with the first
 * of them: it costs some 30 ms, as much as the rest of planning. Schemas are the stage author's: a bad one is a bug, not a diagnostic.
 */
import { createRequire } from 'node:module';
import type { Ajv } from 'ajv';
import type { JsonObject } from '../core/json.js';

/** What the mapping to diagnostics needs of an error of ajv. */
export interface SchemaError {
  /** JSON pointer into the value */
  readonly instancePath: string;
  /** JSON pointer into the schema, as a URI fragment, ending with the keyword */
  readonly schemaPath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message?: string;
}
/** Checks a value and fills defaults into it, in place. */
export type SchemaValidator = (value: Record<string, unknown>) => readonly SchemaError[];

/** Keyword of our own: the parameter is a path to an outside file or folder, relative to the pipeline file. */
export const EXTERNAL_KEYWORD = 'x-external';

let ajv: Ajv | undefined;
const compiled = new WeakMap<JsonObject, SchemaValidator>();

function loadAjv(): Ajv {
  if (ajv === undefined) {
    const module = createRequire(import.meta.url)('ajv') as typeof import('ajv');
    // Checking the schemas themselves would cost 30 ms more at every start; the tests do that.
    ajv = new module.Ajv({ allErrors: true, useDefaults: true, strict: false, validateSchema: false, meta: false, messages: true });
    ajv.addVocabulary([EXTERNAL_KEYWORD]);
  }
  return ajv;
}

export function validatorOf(schema: JsonObject): SchemaValidator {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  const validate = loadAjv().compile(schema);
  const validator: SchemaValidator = (value) => (validate(value) ? [] : [...(validate.errors ?? [])] as readonly SchemaError[]);
  compiled.set(schema, validator);
  return validator;
}
