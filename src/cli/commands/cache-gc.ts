/** `pipeline cache gc`: removes what no record needs; says what and how much, also with --dry-run. */
import { collectGarbage } from '../../engine/store/gc.js';
import { interruption } from '../interruption.js';
import type { Invocation } from '../invocation.js';
import { projectPaths } from '../project-paths.js';
import { formatBytes } from '../render/duration.js';
import { textTable } from '../render/text-table.js';

export async function handle(invocation: Invocation): Promise<number> {
  const { io, options, out } = invocation;
  using stop = interruption(io);
  const summary = await collectGarbage(projectPaths(invocation).store, {
    dryRun: options.dryRun,
    signal: stop.signal,
    ...(options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes }),
    ...(options.maxAgeMs === undefined ? {} : { maxAgeMs: options.maxAgeMs }),
    ...(options.keepRuns === undefined ? {} : { keepRuns: options.keepRuns }),
  });
  if (options.json) {
    io.stdout.write(`${JSON.stringify({ schema: 'pipeline.cache.gc.v1', ...summary })}\n`);
    return 0;
  }
  const rows = Object.entries(summary.removed).filter(([, { count }]) => count > 0).map(([kind, { count, bytes }]) => [kind, String(count), formatBytes(bytes)]);
  const verb = options.dryRun ? 'would be removed' : 'removed';
  if (rows.length > 0) io.stdout.write(`${textTable([verb, '#count', '#bytes'], rows)}\n\n`);
  io.stdout.write(`${formatBytes(summary.bytesBefore)} ${out.arrow} ${formatBytes(summary.bytesAfter)}${rows.length === 0 ? ` (nothing ${verb})` : ''}\n`);
  return 0;
}
