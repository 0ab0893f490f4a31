/** The JSON Schema of `pipeline.config.yaml`, for editors: made at build time from the table of its fields. */
import type { JsonObject } from '../../core/json.js';
import { CONFIG_FIELDS, CONFIG_GROUPS, namesIn } from './fields.js';

export function configSchema(): JsonObject {
  return { $schema: 'http://json-schema.org/draft-07/schema#', title: 'pipeline.config.yaml', description: 'The configuration of a project: docs/sharing.md.', ...groupSchema('') };
}

function groupSchema(group: string): JsonObject {
  return {
    type: group === '' ? 'object' : ['object', 'null'],
    additionalProperties: false,
    properties: Object.fromEntries(namesIn(group).map((key) => {
      const name = group === '' ? key : `${group}.${key}`;
      const field = CONFIG_FIELDS.find((each) => each.name === name);
      if (field === undefined) return [key, { description: CONFIG_GROUPS[name] ?? '', ...groupSchema(name) }];
      return [key, { description: field.description, ...field.schema, ...(field.default === undefined ? {} : { default: field.default }) }];
    })),
  };
}
