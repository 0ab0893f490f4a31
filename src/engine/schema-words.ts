/** JSON Schema in words (`integer from 1 to 8`), for messages. Covers what parameter schemas use; anything else is "another value". */
import type { JsonObject, JsonValue } from '../core/json.js';

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function schemaOf(value: JsonValue | undefined): JsonObject {
  return isObject(value) ? value : {};
}

/** The values of an enumeration, written as `enum`, `const`, or a union of such; undefined for other schemas. */
export function enumerated(schema: JsonObject): readonly JsonValue[] | undefined {
  if (Array.isArray(schema['enum'])) return schema['enum'] as readonly JsonValue[];
  if (schema['const'] !== undefined) return [schema['const']];
  const branches = branchesOf(schema);
  if (branches === undefined) return undefined;
  const values = branches.map((branch) => enumerated(branch));
  return values.every((each) => each !== undefined) ? values.flat() : undefined;
}

export function branchesOf(schema: JsonObject): readonly JsonObject[] | undefined {
  const branches = schema['anyOf'] ?? schema['oneOf'];
  return Array.isArray(branches) ? (branches as readonly JsonValue[]).map(schemaOf) : undefined;
}

export function inWords(schema: JsonObject): string {
  const values = enumerated(schema);
  if (values !== undefined) return values.length === 1 ? literal(values[0]) : `one of ${values.map(literal).join(', ')}`;
  const branches = branchesOf(schema);
  if (branches !== undefined) return branches.map(inWords).join(' or ');
  const { type } = schema;
  if (Array.isArray(type)) return (type as readonly JsonValue[]).map((each) => inWords({ ...schema, type: each })).join(' or ');
  switch (type) {
    case 'integer':
    case 'number':
      return `${type === 'integer' ? 'an integer' : 'a number'}${range(schema)}`;
    case 'string': {
      const nonEmpty = schema['minLength'] === 1 && schema['maxLength'] === undefined;
      return `${nonEmpty ? 'non-empty text' : `text${lengths(schema, 'minLength', 'maxLength', ' with', 'characters')}`}${typeof schema['pattern'] === 'string' ? ` that matches ${schema['pattern']}` : ''}`;
    }
    case 'boolean':
      return 'true or false';
    case 'null':
      return 'null';
    case 'array': {
      const items = isObject(schema['items']) ? ` of ${inWords(schema['items']).replace(/^an? /, '')}` : '';
      const least = schema['minItems'] === 1 && schema['maxItems'] === undefined ? 'a non-empty list' : 'a list';
      const count = least === 'a list' ? lengths(schema, 'minItems', 'maxItems', ', with', 'items') : '';
      return `${least}${items}${count}${schema['uniqueItems'] === true ? ', all different' : ''}`;
    }
    case 'object':
      return 'a map';
    default:
      return 'another value';
  }
}

function literal(value: JsonValue | undefined): string {
  return typeof value === 'string' ? `"${value}"` : JSON.stringify(value);
}

function range(schema: JsonObject): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  const multiple = multipleOf === undefined ? '' : `, a multiple of ${String(multipleOf)}`;
  if (minimum !== undefined && maximum !== undefined) return ` from ${String(minimum)} to ${String(maximum)}${multiple}`;
  const low = minimum !== undefined ? `at least ${String(minimum)}` : exclusiveMinimum !== undefined ? `above ${String(exclusiveMinimum)}` : '';
  const high = maximum !== undefined ? `at most ${String(maximum)}` : exclusiveMaximum !== undefined ? `below ${String(exclusiveMaximum)}` : '';
  const both = [low, high].filter((part) => part !== '').join(' and ');
  return `${both === '' ? '' : ` ${both}`}${multiple}`;
}

function lengths(schema: JsonObject, least: string, most: string, joint: string, unit: string): string {
  const [low, high] = [schema[least] ?? 0, schema[most]];
  if (high === undefined) return low === 0 ? '' : `${joint} at least ${String(low)} ${unit}`;
  if (low === high) return `${joint} ${String(low)} ${unit}`;
  return low === 0 ? `${joint} at most ${String(high)} ${unit}` : `${joint} ${String(low)} to ${String(high)} ${unit}`;
}
