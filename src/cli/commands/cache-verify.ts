/** `pipeline cache verify`: examines the whole store, one line a problem with the command that puts it right. */
import { PipelineError } from '../../core/errors.js';
import { subsetFrom } from '../../engine/store/subset.js';
import { verifyStore, type StoreProblem, type VerifySummary } from '../../engine/store/verify.js';
import { EXIT } from '../exit-codes.js';
import { interruption } from '../interruption.js';
import type { Invocation } from '../invocation.js';
import { textOption } from '../option-values.js';
import { projectPaths } from '../project-paths.js';
import { formatBytes } from '../render/duration.js';
import { printable, type Style } from '../terminal.js';

export function handle(invocation: Invocation): Promise<number> {
  return verify(invocation, invocation.options.repair);
}

export async function verify(invocation: Invocation, repair: boolean): Promise<number> {
  const { io, options, out } = invocation;
  const { store } = projectPaths(invocation);
  const part = textOption(options, 'readDataSubset');
  const isInSubset = part === undefined ? undefined : subsetFrom(part);
  if (part !== undefined && isInSubset === undefined) {
    throw new PipelineError('E_USAGE', '"--read-data-subset" needs a part', { facts: { expected: 'a percentage up to 100%, or n/m', found: part }, hint: 'write --read-data-subset=5%' });
  }
  const readData = options.readData || part !== undefined;
  using stop = interruption(io);
  const onProblem = (problem: StoreProblem): void => {
    if (options.json) {
      io.stdout.write(`${JSON.stringify({ schema: 'pipeline.cache.problem.v1', ...problem })}\n`);
      return;
    }
    const affects = problem.affects.length === 0 ? '' : `  (needed by ${problem.affects.map(printable).join(', ')})`;
    io.stdout.write(`${out.red(problem.kind)}  ${printable(problem.path)}\n  ${problem.message}${affects}\n  ${problem.repaired ? 'repaired' : printable(problem.command)}\n`);
  };
  const summary = await verifyStore(store, { readData, repair, onProblem, signal: stop.signal, ...(isInSubset === undefined ? {} : { isInSubset }) });
  if (options.json) io.stdout.write(`${JSON.stringify({ schema: 'pipeline.cache.verify.v1', ...summary })}\n`);
  else {
    const { objects, objectsRead, records, memos, evicted, bytesRead } = summary;
    const read = readData ? `, ${objectsRead === objects ? '' : `${objectsRead} objects, `}${formatBytes(bytesRead)} read` : '; sizes only, --read-data reads all bytes';
    io.stdout.write(`${verdict(summary, out)}: ${objects} objects, ${records} records, ${memos} memos${evicted === 0 ? '' : `, ${evicted} evicted`}${read}\n`);
    if (summary.damaged && !repair) io.stdout.write(`to put it all right: pipeline cache repair${readData ? ' --read-data' : ''}\n`);
  }
  return summary.damaged ? EXIT.cacheDamaged : summary.unchecked > 0 ? EXIT.stageFailed : EXIT.ok;
}

function verdict({ clean, damaged, unchecked }: VerifySummary, out: Style): string {
  if (damaged) return out.red('damaged');
  if (unchecked > 0) return out.red(`${unchecked} could not be checked`);
  return out.green(clean ? 'whole' : 'repaired');
}
