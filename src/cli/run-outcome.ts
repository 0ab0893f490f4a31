/** What a run has to say besides its counts: what the cache did not take, and stages that are not deterministic. */
import { join } from 'node:path';
import { PipelineError } from '../core/errors.js';
import type { RunSummary } from '../engine/run-journal.js';
import { layoutOf } from '../engine/store/layout.js';
import { shortPath } from './error-output.js';
import type { Invocation } from './invocation.js';
import { printable } from './terminal.js';

const MOST_NAMED = 6;

/** Also with --quiet: a result that is not saved is computed again. */
export function printUnsaved({ unsaved, record }: RunSummary, { io, err }: Invocation): void {
  if (unsaved === undefined) return;
  const { stages, causes, hint } = unsaved;
  const warning = err.yellow(`${err.symbol('warning')} not saved`);
  const what = record.cacheMode !== 'read-write' ? 'nothing of this run: the cache can only be read' : stages.length > 0 ? `the results of ${inShort(stages)}` : 'some of what helps later runs';
  io.stderr.write(`${warning}: ${what}\n`);
  for (const { path, message, times } of causes) io.stderr.write(`  ${printable(message)}${message.includes(path) ? '' : `  ${shortPath(path, io.cwd)}`}${times > 1 ? ` (${times} times)` : ''}\n`);
  io.stderr.write(`  ${hint}\n`);
}

/** E_NOT_DETERMINISTIC if a stage that was compared gave other bytes. */
export function throwIfNotDeterministic({ record }: RunSummary, storeDirectory: string): void {
  const differing = record.stages.filter(({ differs }) => differs?.cause === 'check');
  const [first] = differing;
  const file = first?.differs?.files[0];
  if (first === undefined || file === undefined) return;
  throw new PipelineError('E_NOT_DETERMINISTIC', `"${first.name}" gave other bytes under the same key${differing.length > 1 ? `, and so did ${inShort(differing.slice(1).map(({ name }) => name))}` : ''}`, {
    facts: {
      file: `${file.output}/${file.name}`,
      expected: file.stored ?? 'no such file',
      found: file.now ?? 'no such file',
      'files that differ': differing.reduce((sum, { differs }) => sum + (differs?.files.length ?? 0), 0),
      evidence: join(layoutOf(storeDirectory).evidence, `${first.key ?? ''}-*.json`),
    },
    hint: 'Take out of the stage what changes from run to run and raise its version; what is stored stands until then.',
  });
}

function inShort(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMED).join(', ');
  return names.length > MOST_NAMED ? `${shown} and ${names.length - MOST_NAMED} more` : shown;
}
