/** `pipeline cache gc`: removes what no record needs; says what and how much, also with --dry-run. */
import { collectGarbage, type GcSummary } from '../../engine/store/gc.js';
import { interruption } from '../interruption.js';
import type { Invocation } from '../invocation.js';
import { byteCount, countOption, textOption } from '../option-values.js';
import { projectPaths } from '../project-paths.js';
import { formatBytes } from '../render/duration.js';
import { textTable } from '../render/text-table.js';

const DAY_MS = 86_400_000;
const MOST_RUNS = 20;

export async function handle(invocation: Invocation): Promise<number> {
  const { io, options, out } = invocation;
  const downTo = textOption(options, 'downTo');
  const historyDays = countOption(options, 'keepHistory');
  using stop = interruption(io);
  const summary = await collectGarbage(projectPaths(invocation).store, {
    dryRun: options.dryRun,
    signal: stop.signal,
    ...(options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes }),
    ...(downTo === undefined ? {} : { downToBytes: byteCount('--down-to', downTo) }),
    ...(options.maxAgeMs === undefined ? {} : { maxAgeMs: options.maxAgeMs }),
    ...(options.keepRuns === undefined ? {} : { keepRuns: options.keepRuns }),
    ...(historyDays === undefined ? {} : { historyMs: historyDays * DAY_MS }),
  });
  if (options.json) {
    io.stdout.write(`${JSON.stringify({ schema: 'pipeline.cache.gc.v1', ...summary })}\n`);
    return 0;
  }
  const rows = Object.entries(summary.removed).filter(([, { count }]) => count > 0).map(([kind, { count, bytes }]) => [kind, String(count), kind === 'evicted' ? '' : formatBytes(bytes)]);
  const verb = options.dryRun ? 'would be removed' : 'removed';
  if (rows.length > 0) io.stdout.write(`${textTable([verb, '#count', '#bytes'], rows)}\n\n`);
  if (options.dryRun) io.stdout.write(lost(summary));
  const kept = summary.historyBytes === 0 ? '' : `, and ${formatBytes(summary.historyBytes)} of history`;
  io.stdout.write(`${formatBytes(summary.bytesBefore)} ${out.arrow} ${formatBytes(summary.bytesAfter)}${kept}${rows.length === 0 ? ` (nothing ${verb})` : ''}\n`);
  return 0;
}

/** What would have to be computed again. */
function lost({ byType, byRun }: GcSummary): string {
  if (byType.length === 0) return '';
  const types = textTable(['stage type', '#results', '#bytes'], byType.map(({ type, records, bytes }) => [type === '' ? '(unknown)' : type, String(records), formatBytes(bytes)]));
  if (byRun.length === 0) return `${types}\n\n`;
  const runs = textTable(['used by run', '#results', '#bytes'], byRun.slice(0, MOST_RUNS).map(({ run, records, bytes }) => [run, String(records), formatBytes(bytes)]));
  return `${types}\n\n${runs}${byRun.length > MOST_RUNS ? `\nand ${byRun.length - MOST_RUNS} older runs` : ''}\n\n`;
}
