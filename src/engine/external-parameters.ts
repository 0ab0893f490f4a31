/** Which parameters of a stage type are paths of outside files: the one reading of the schema keyword `x-external`. */
import type { JsonObject, JsonValue } from '../core/json.js';

export const EXTERNAL_KEYWORD = 'x-external';

export type ExternalKind = 'file' | 'directory';

/** In the order of the schema. Only properties of the top level can be external. */
export function externalParameters(schema: JsonObject): [name: string, kind: ExternalKind][] {
  return Object.entries(objectOf(schema['properties'])).flatMap(([name, property]): [string, ExternalKind][] => {
    const kind = objectOf(property)[EXTERNAL_KEYWORD];
    return kind === 'file' || kind === 'directory' ? [[name, kind]] : [];
  });
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}
