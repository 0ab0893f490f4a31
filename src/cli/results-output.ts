/** Prints where the results of a run lie: the pictures and tables worth naming, and the report. */
import { basename } from 'node:path';
import type { PublishedResults } from '../engine/publish-results.js';
import type { RunSummary } from '../engine/run-journal.js';
import { shortPath } from './error-output.js';
import type { Invocation } from './invocation.js';

const PICTURE = /\.(?:png|jpe?g|webp|svg)$/i;
const MOST_NAMED = 6;

export function printResults({ folder, report, files }: PublishedResults, summary: Pick<RunSummary, 'id' | 'outcome' | 'counts'>, { io, options }: Invocation): void {
  if (options.json) {
    io.stdout.write(`${JSON.stringify({ schema: 'pipeline.results.v1', kind: 'results', run: summary.id, outcome: summary.outcome, counts: summary.counts, folder, report, files })}\n`);
    return;
  }
  const short = (path: string): string => shortPath(path, io.cwd);
  const list = (title: string, paths: readonly string[]): void => {
    if (paths.length === 0) return;
    const shown = paths.slice(0, MOST_NAMED).map((path) => `  ${short(path)}`);
    if (paths.length > MOST_NAMED) shown.push(`  and ${paths.length - MOST_NAMED} more in ${short(folder)}`);
    io.stdout.write(`${title}\n${shown.join('\n')}\n`);
  };
  if (!options.quiet) {
    const paths = files.map(({ path }) => path);
    list('pictures', paths.filter((path) => PICTURE.test(path)));
    list('tables', paths.filter((path) => !PICTURE.test(path)));
  }
  const earlier = basename(folder) === summary.id ? '' : '  (of an earlier run, which left exactly the same)';
  io.stdout.write(`report\n  ${short(report)}${earlier}\n`);
}
