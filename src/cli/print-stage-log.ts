/** Prints what a stage of a run has logged and written, for `log RUN STAGE` and `show STAGE --log`. */
import { runFolderOf } from '../engine/run-history.js';
import type { RunRecord, StageOutcome } from '../engine/run-record.js';
import { readStageLog } from '../engine/stage-log.js';
import type { Invocation } from './invocation.js';
import { printable } from './terminal.js';

export function printStageLog({ io, options }: Invocation, store: string, run: RunRecord, { name, word }: StageOutcome): number {
  const log = readStageLog(runFolderOf(store, run.id), name);
  if (options.json) io.stdout.write(`${JSON.stringify({ schema: 'pipeline.log.stage.v1', run: run.id, stage: name, word: word ?? null, path: log?.path ?? null, text: log?.text ?? null })}\n`);
  else if (log === undefined) io.stderr.write(`${name} wrote no log in this run (${word ?? 'not settled'})\n`);
  else io.stdout.write(printable(log.text));
  return 0;
}
