/** `pipeline cache info`: what the store holds. */
import { storeInfo } from '../../engine/store/info.js';
import type { Invocation } from '../invocation.js';
import { projectPaths } from '../project-paths.js';
import { formatBytes } from '../render/duration.js';
import { textTable } from '../render/text-table.js';

export async function handle(invocation: Invocation): Promise<number> {
  const { io, options, out } = invocation;
  const info = await storeInfo(projectPaths(invocation).store);
  if (options.json) {
    io.stdout.write(`${JSON.stringify({ schema: 'pipeline.cache.info.v1', ...info })}\n`);
    return 0;
  }
  if (!info.exists) {
    io.stdout.write(`${info.directory} does not exist yet; the first run makes it.\n`);
    return 0;
  }
  const kinds = (['objects', 'records', 'memos', 'evicted', 'unreferenced', 'staging', 'checkpoints', 'quarantine', 'runs', 'downloads'] as const).map((kind) => [kind, String(info[kind].count), formatBytes(info[kind].bytes)]);
  io.stdout.write(`${out.bold(info.directory)}  format ${info.format ?? '?'}, ${info.leases.alive} in use\n\n${textTable(['kind', '#count', '#bytes'], kinds)}\n`);
  if (info.stageTypes.length > 0) io.stdout.write(`\n${textTable(['stage type', '#records', '#memos', '#bytes'], info.stageTypes.map(({ type, records, memos, bytes }) => [type, String(records), String(memos), formatBytes(bytes)]))}\n`);
  return 0;
}
