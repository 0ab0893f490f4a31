/** `pipeline schema [TYPE]`: the published JSON Schema, or what is known of one stage type. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { suggestion } from '../../engine/suggest.js';
import type { Invocation } from '../invocation.js';
import { PACKAGE_ROOT } from '../package-root.js';
import { compositionOf } from '../registry.js';

export function handle({ args, io }: Invocation): Promise<number> {
  const [type] = args;
  if (type === undefined) {
    io.stdout.write(readFileSync(join(PACKAGE_ROOT, 'schema', 'pipeline.schema.json'), 'utf8'));
    return Promise.resolve(0);
  }
  const { manifests } = compositionOf(io).registry;
  const manifest = manifests.get(type);
  if (manifest === undefined) throw new PipelineError('E_UNKNOWN_STAGE_TYPE', `"${type}" is not a stage type`, { hint: suggestion(type, [...manifests.keys()], 'no stage types are known') });
  io.stdout.write(`${JSON.stringify(manifest, null, 2)}\n`);
  return Promise.resolve(0);
}
