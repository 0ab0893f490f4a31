/** `pipeline log [RUN] [STAGE]`: what happened in a run, told again from its log of events; or what one stage has written. */
import { PipelineError } from '../../core/errors.js';
import { readEventLog } from '../../engine/event-log.js';
import { findRun, readRun, runFolderOf } from '../../engine/run-history.js';
import { selectOne } from '../../engine/stage-selector.js';
import { errorText } from '../error-output.js';
import type { Invocation } from '../invocation.js';
import { printStageLog } from '../print-stage-log.js';
import { projectPaths } from '../project-paths.js';
import { JsonRenderer } from '../render/json.js';
import { LinesRenderer } from '../render/lines.js';
import type { Renderer } from '../render/renderer.js';
import { countsLine } from '../render/stage-line.js';
import { wantsColor } from '../terminal.js';

export async function handle(invocation: Invocation): Promise<number> {
  const { args, io, options } = invocation;
  const { store } = projectPaths(invocation);
  const [reference = 'latest', selector] = args;
  if (selector !== undefined) {
    const run = readRun(store, reference);
    return printStageLog(invocation, store, run, selectOne(run.stages, selector, run.pipeline));
  }
  const id = findRun(store, reference);
  const log = readEventLog(runFolderOf(store, id));
  if (log === undefined) throw new PipelineError('E_UNKNOWN_RUN', `"${id}" has no log of events`, { facts: { expected: 'events.ndjson in the folder of the run', found: 'no such file' }, hint: 'Show what its record says with `pipeline show`.' });
  let now = 0;
  const renderer = rendererOf(invocation, () => now);
  let [strange, ended] = [0, false];
  for (const { ms, event } of log.events) {
    now = ms;
    try {
      renderer.onEvent(event);
      if (event.kind === 'run.finished') {
        ended = true;
        if (!options.json) io.stdout.write(`${invocation.out.bold(countsLine(event.counts, event.durationMs))}\n`);
      }
    } catch {
      strange += 1; // of a newer version, or damaged: what is on disk may hold anything
    }
  }
  await renderer.close();
  const notes = [
    ...(log.torn > 0 ? [`${log.torn} ${log.torn === 1 ? 'line' : 'lines'} of the log cannot be read${log.tornAtEnd ? ': the last one is torn, as after a kill' : ''}`] : []),
    ...(strange > 0 ? [`${strange} ${strange === 1 ? 'event is' : 'events are'} not understood`] : []),
    ...(ended ? [] : ['the log has no end: the run still goes on, or it was interrupted']),
  ];
  for (const note of notes) io.stderr.write(`${invocation.err.symbol('warning')} ${note}\n`);
  return 0;
}

function rendererOf(invocation: Invocation, now: () => number): Renderer {
  const { io, options, out } = invocation;
  if (options.json) return new JsonRenderer(io.stdout);
  const style = { cwd: io.cwd, color: wantsColor(io.stdout, io.env, options.color), debug: options.debug };
  return new LinesRenderer(io.stdout, { style: out, verbose: options.verbose, quiet: options.quiet, now, formatError: (error) => errorText(error, style) });
}
