/** `pipeline run FILE`: plan, execute, copy the results out, render the report, and say what happened. */
import { join } from 'node:path';
import { namesInShort } from '../../engine/coordinates.js';
import { execute } from '../../engine/execute.js';
import type { Plan } from '../../engine/plan.js';
import { createWorkerPool } from '../../engine/pool.js';
import { logOf } from '../../engine/run-folder.js';
import { publishResults } from '../../engine/publish-results.js';
import { rememberRun } from '../../engine/run-memory.js';
import type { RunSummary } from '../../engine/run-journal.js';
import { LEFT_OUT, selectRun } from '../../engine/run-selection.js';
import { selectStages, splitSelectors } from '../../engine/stage-selector.js';
import { isSweep } from '../../engine/sweep.js';
import { renderReport } from '../../report/html.js';
import { checkFolder } from '../check-folder.js';
import { checkedPlan } from '../checked-plan.js';
import { shortPath } from '../error-output.js';
import { EXIT } from '../exit-codes.js';
import { failedLogLines } from '../failed-log.js';
import { interruption } from '../interruption.js';
import type { Invocation } from '../invocation.js';
import { availableCpus, availableMemoryMb } from '../machine-limits.js';
import { requestOf, selectionOf } from '../plan-request.js';
import { printUnsaved, throwIfNotDeterministic } from '../run-outcome.js';
import { textOption } from '../option-values.js';
import { projectPaths } from '../project-paths.js';
import { computingComposition, runSoftware } from '../computing.js';
import { reportModel } from '../report-model.js';
import { countsLine } from '../render/stage-line.js';
import { ALL_STAGES, resumeCommand } from '../resume-command.js';
import { printResults } from '../results-output.js';
import { memoryPlace } from '../run-request.js';
import { openRunStore } from '../run-store.js';
import { rendererFor } from '../run-renderer.js';
import type { FinishedPoint, PointToRun } from '../run-sweep.js';
import { commandOf } from '../run-command.js';
import { runTags } from '../run-tags.js';

export async function handle(invocation: Invocation): Promise<number> {
  if (!isSweep(invocation.options.set)) return (await runOnce(invocation)).exitCode;
  const { runSweep } = await import('../run-sweep.js');
  return runSweep(invocation, (point) => runOnce({ ...invocation, options: { ...invocation.options, set: point.set, raw: { ...invocation.options.raw, set: point.set } } }, point));
}

/** `point`: of a sweep. */
async function runOnce(invocation: Invocation, point?: PointToRun): Promise<FinishedPoint> {
  const { args, io, options } = invocation;
  const file = args[0] as string;
  const checked = await checkedPlan(invocation, file, options.set, point === undefined);
  if (checked.plan === undefined) return checked;
  if (point !== undefined) (await import('../run-sweep.js')).checkSource(checked.plan.source, point, file);
  const { plan, mayRun } = selectRun(checked.plan, selectionOf(invocation));
  const force = selected(plan, options.force, mayRun);
  const request = requestOf(invocation, options.set, point?.sweep);
  const paths = projectPaths(invocation, file);
  checkFolder(paths.results, 'the results', 'Name a folder with --results.');
  const { registry, workerEntry } = computingComposition(invocation, file);
  const compare = selected(plan, splitSelectors(textOption(options, 'checkDeterminism') ?? ''), mayRun);
  const { store, interrupt, finish } = await openRunStore(invocation, paths);
  const tags = runTags(invocation, store);
  const pool = createWorkerPool({ workerEntry, env: { ...io.env } });
  try {
    const renderer = await rendererFor(invocation);
    const onKill = (): void => {
      renderer.abandon();
      pool.kill();
    };
    using stop = interruption(io, { onStop: (message) => renderer.note(message), onKill });
    stop.signal.addEventListener('abort', interrupt, { once: true });
    let summary: RunSummary;
    try {
      summary = await execute(plan, {
        registry,
        store,
        pool,
        cpus: availableCpus(),
        memoryMb: availableMemoryMb(),
        ...(options.jobs === undefined ? {} : { jobs: options.jobs }),
        keepGoing: options.keepGoing,
        force,
        ...(mayRun === undefined ? {} : { mayRun }),
        ...(request === undefined ? {} : { request }),
        checkDeterminism: compare,
        signal: stop.signal,
        onEvent: (event) => {
          tags.onEvent(event);
          renderer.onEvent(event);
        },
        software: runSoftware(invocation, file),
        command: commandOf(invocation),
      });
    } finally {
      await renderer.close();
    }
    await tags.kept();
    if (!options.json) printOutcome(summary, invocation, point === undefined);
    const results = await publishResults(plan, summary, store, paths.results, async () => renderReport(await reportModel(summary, store, io.cwd)));
    printResults(results, summary, invocation);
    const memory = checked.diagnostics.length > 0 ? undefined : memoryPlace(invocation);
    if (memory !== undefined) await rememberRun(memory, plan, checked.modules, summary, results);
    await finish(stop.signal);
    if (summary.outcome === 'succeeded') throwIfNotDeterministic(summary, paths.store);
    return { summary, exitCode: summary.outcome === 'cancelled' ? (stop.exitCode() ?? EXIT.interrupted) : summary.outcome === 'failed' ? EXIT.stageFailed : EXIT.ok };
  } finally {
    await pool.close();
    await store.close();
  }
}

/** What may not run is neither forced to nor compared. */
function selected(plan: Plan, names: readonly string[], mayRun: (stage: string) => boolean = () => true): (stage: string) => boolean {
  const chosen = new Set(names.filter((name) => name !== ALL_STAGES).flatMap((name) => selectStages(plan.stages, name, plan.name).map((stage) => stage.name)));
  return (stage) => (names.includes(ALL_STAGES) || chosen.has(stage)) && mayRun(stage);
}

/** `alone`: not a point of a sweep, which says itself how to go on. */
function printOutcome(summary: RunSummary, invocation: Invocation, alone: boolean): void {
  const { io, options, out, err } = invocation;
  io.stdout.write(`${out.bold(countsLine(summary.counts, summary.durationMs, summary.failures.filter(({ error }) => error.code === 'E_CANCELLED').length))}\n`);
  for (const { stage, error } of summary.failures) {
    if (error.code === 'E_CANCELLED') continue; // it was asked to stop: there is nothing to look up
    const log = summary.folder === undefined ? '' : `  log: ${shortPath(join(summary.folder, logOf(stage)), io.cwd)}`;
    io.stderr.write(`${err.red(`${stage} failed`)}${log}\n`);
    for (const line of failedLogLines(summary, stage, error.stack)) io.stderr.write(`${line}\n`);
    if (error.code !== 'BUG') io.stderr.write(`  more: pipeline help ${error.code}\n`);
  }
  printUnsaved(summary, invocation);
  const missing = summary.record.stages.filter(({ reason }) => reason === LEFT_OUT).map(({ name }) => name);
  if (missing.length > 0) io.stderr.write(`${err.yellow(namesInShort(missing))} ${missing.length === 1 ? 'is' : 'are'} needed and not in the cache: select ${missing.length === 1 ? 'it' : 'them'} too, or go to a stage with --until, which runs what it needs\n`);
  if (summary.outcome === 'succeeded' || options.quiet || !alone) return;
  const kept = summary.record.cacheMode === 'read-write' && summary.unsaved === undefined ? 'What finished is kept. To go on' : summary.record.cacheMode === 'read-write' ? 'What was saved is kept. To go on' : `Nothing was stored (--cache-mode ${summary.record.cacheMode}). To run it again`;
  io.stderr.write(`${kept}: ${resumeCommand(invocation, summary.record.stages)}\n`);
}
