/** Which parameters of a stage type are paths of outside files: the one reading of the schema keyword `x-external`, a keyword of our own. */
import type { JsonObject } from '../core/json.js';
import { schemaOf } from './schema-words.js';

export const EXTERNAL_KEYWORD = 'x-external';

export type ExternalKind = 'file' | 'directory';

/** In the order of the schema. Only properties of the top level can be external. */
export function externalParameters(schema: JsonObject): [name: string, kind: ExternalKind][] {
  return Object.entries(schemaOf(schema['properties'])).flatMap(([name, property]): [string, ExternalKind][] => {
    const kind = schemaOf(property)[EXTERNAL_KEYWORD];
    return kind === 'file' || kind === 'directory' ? [[name, kind]] : [];
  });
}
