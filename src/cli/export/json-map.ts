/** Tells a JSON object from the other JSON values, for the type checker too. */
import type { JsonObject, JsonValue } from '../../core/json.js';

export function isMap(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
