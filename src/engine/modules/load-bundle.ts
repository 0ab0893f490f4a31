/** Loads a bundle into this process: the very bytes that were planned with, or not at all. */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { digestOf } from '../../core/digest.js';
import { PipelineError } from '../../core/errors.js';
import type { StageCode, StageDefinition } from '../stage.js';

/** Every definition among its exports, with the name of its export. Errors: E_ENVIRONMENT if it is not what was planned; what the module throws. */
export async function definitionsIn({ bundle, file }: StageCode): Promise<ReadonlyMap<string, StageDefinition>> {
  let bytes: Buffer | undefined;
  try {
    bytes = readFileSync(bundle);
  } catch {
    bytes = undefined;
  }
  if (bytes === undefined || digestOf(bytes) !== file) {
    throw new PipelineError('E_ENVIRONMENT', `"${bundle}" is not the code that was planned`, {
      facts: { expected: file, found: bytes === undefined ? 'no file' : digestOf(bytes) },
      hint: 'Run again: the module is bundled again.',
    });
  }
  // Errors then name the place in the source of the module.
  process.setSourceMapsEnabled(true);
  const exports = (await import(pathToFileURL(bundle).href)) as Readonly<Record<string, unknown>>;
  const definitions = new Map<string, StageDefinition>();
  for (const [name, value] of Object.entries(exports)) {
    const several: readonly unknown[] = Array.isArray(value) ? value : [value];
    several.forEach((each, i) => {
      if (isDefinition(each) && ![...definitions.values()].includes(each)) definitions.set(Array.isArray(value) ? `${name}[${i}]` : name, each);
    });
  }
  return definitions;
}

function isDefinition(value: unknown): value is StageDefinition {
  return typeof value === 'object' && value !== null && 'type' in value && 'run' in value && typeof value.run === 'function';
}
