/** `pipeline cache verify`: examines the whole store, one line a problem with the command that puts it right. */
import { verifyStore, type StoreProblem } from '../../engine/store/verify.js';
import { EXIT } from '../exit-codes.js';
import { interruption } from '../interruption.js';
import type { Invocation } from '../invocation.js';
import { projectPaths } from '../project-paths.js';
import { formatBytes } from '../render/duration.js';

export async function handle(invocation: Invocation): Promise<number> {
  const { io, options, out } = invocation;
  const { store } = projectPaths(invocation);
  using stop = interruption(io);
  const onProblem = (problem: StoreProblem): void => {
    if (options.json) {
      io.stdout.write(`${JSON.stringify({ schema: 'pipeline.cache.problem.v1', ...problem })}\n`);
      return;
    }
    const affects = problem.affects.length === 0 ? '' : `  (needed by ${problem.affects.join(', ')})`;
    io.stdout.write(`${out.red(problem.kind)}  ${problem.path}\n  ${problem.message}${affects}\n  ${problem.repaired ? 'repaired' : problem.command}\n`);
  };
  const summary = await verifyStore(store, { readData: options.readData, repair: options.repair, onProblem, signal: stop.signal });
  if (options.json) io.stdout.write(`${JSON.stringify({ schema: 'pipeline.cache.verify.v1', ...summary })}\n`);
  else {
    const read = options.readData ? `, ${formatBytes(summary.bytesRead)} read` : '; sizes only, --read-data reads all bytes';
    io.stdout.write(`${summary.clean ? out.green('whole') : out.red('damaged')}: ${summary.objects} objects, ${summary.records} records, ${summary.memos} memos${read}\n`);
  }
  return summary.clean ? EXIT.ok : EXIT.cacheDamaged;
}
