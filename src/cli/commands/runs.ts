/** `pipeline runs`: the runs that the store remembers, newest first. */
import { listRuns } from '../../engine/run-history.js';
import type { RunRecord } from '../../engine/run-record.js';
import type { Invocation } from '../invocation.js';
import { projectPaths } from '../project-paths.js';
import { formatDuration } from '../render/duration.js';
import { textTable } from '../render/text-table.js';

const DEFAULT_LIMIT = 20;
const WORDS = ['ran', 'restored', 'skipped', 'failed', 'blocked'] as const;

export function handle(invocation: Invocation): Promise<number> {
  const { io, options } = invocation;
  const runs = listRuns(projectPaths(invocation).store, options.limit ?? DEFAULT_LIMIT);
  if (options.json) {
    const list = runs.map(({ id, pipeline, file, outcome, startedAt, durationMs, stages }) => ({ id, pipeline, file, outcome, startedAt, durationMs, counts: countsOf(stages) }));
    io.stdout.write(`${JSON.stringify({ schema: 'pipeline.runs.v1', runs: list })}\n`);
  } else if (runs.length === 0) {
    io.stdout.write('No runs yet.\n');
  } else {
    const rows = runs.map(({ id, pipeline, outcome, durationMs, stages }) => {
      const counts = countsOf(stages);
      return [id, pipeline, outcome, formatDuration(durationMs), ...WORDS.map((word) => String(counts[word]))];
    });
    io.stdout.write(`${textTable(['run', 'pipeline', 'outcome', '#time', ...WORDS.map((word) => `#${word}`)], rows)}\n`);
  }
  return Promise.resolve(0);
}

function countsOf(stages: RunRecord['stages']): Record<(typeof WORDS)[number], number> {
  const counts = { ran: 0, restored: 0, skipped: 0, failed: 0, blocked: 0 };
  for (const { word } of stages) if (word !== undefined) counts[word] += 1;
  return counts;
}
