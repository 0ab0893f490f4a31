/** `pipeline schema [TYPE]`: the published JSON Schema, what is known of one stage type, or the list of them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { suggestion } from '../../engine/suggest.js';
import type { Invocation } from '../invocation.js';
import { PACKAGE_ROOT } from '../package-root.js';
import { flagOption } from '../option-values.js';
import { compositionOf } from '../registry.js';
import { textTable } from '../render/text-table.js';

export function handle(invocation: Invocation): Promise<number> {
  const { args, io, options } = invocation;
  const [type] = args;
  if (flagOption(options, 'list')) {
    if (type !== undefined) throw new PipelineError('E_USAGE', `"--list" and the type "${type}" exclude one another`, { hint: 'leave one of them out' });
    listTypes(invocation);
    return Promise.resolve(0);
  }
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

function listTypes({ io, options }: Invocation): void {
  const manifests = [...compositionOf(io).registry.manifests.values()].sort((a, b) => (a.type < b.type ? -1 : 1));
  if (options.json) {
    const types = manifests.map(({ type, version, summary, inputs, outputs }) => ({ type, version, summary, inputs, outputs }));
    io.stdout.write(`${JSON.stringify({ schema: 'pipeline.types.v1', types })}\n`);
    return;
  }
  io.stdout.write(`${textTable(['type', 'what it does'], manifests.map(({ type, summary }) => [type, summary]))}\n`);
}
