/**
 * `pipeline run FILE`, first look: if everything is as the last run of the same request left it, say so and keep a record of this run too;
 * otherwise the ordinary way, whose code is loaded only then. What is printed, told as events and kept is the same either way.
 */
import { RunJournal } from '../../engine/run-journal.js';
import { recallRun, touchRecords, type MemoryPlace, type RememberedRun } from '../../engine/run-memory.js';
import { openStore } from '../../engine/store/file-store.js';
import { EXIT } from '../exit-codes.js';
import type { Invocation } from '../invocation.js';
import { installedVersions } from '../machine-limits.js';
import { countsLine } from '../render/stage-line.js';
import { printResults } from '../results-output.js';
import { commandOf } from '../run-command.js';
import { memoryPlace } from '../run-request.js';
import { rendererFor } from '../run-renderer.js';

export async function handle(invocation: Invocation): Promise<number> {
  const began = performance.now();
  const place = memoryPlace(invocation);
  const run = place === undefined ? undefined : await recallRun(place, invocation.io.env);
  if (place === undefined || run === undefined) {
    const ordinary = await import('./run.js');
    return ordinary.handle(invocation);
  }
  return again(run, began, place, invocation);
}

async function again(run: RememberedRun, began: number, place: MemoryPlace, invocation: Invocation): Promise<number> {
  const { io, options, out } = invocation;
  const store = await openStore(place.storeDirectory, { mode: options.cacheMode });
  try {
    const renderer = await rendererFor(invocation);
    let summary;
    try {
      const journal = RunJournal.unchanged(run.plan, run.stages, { store, onEvent: (event) => renderer.onEvent(event), software: installedVersions(), command: commandOf(invocation), began });
      journal.throwFailure();
      summary = await journal.finish(false, { outside: new Map() });
    } finally {
      await renderer.close();
    }
    if (!options.json) io.stdout.write(`${out.bold(countsLine(summary.counts, summary.durationMs))}\n`);
    printResults(run.results, summary, invocation);
    if (store.mode === 'read-write') touchRecords(place, run, Date.now());
    return EXIT.ok;
  } finally {
    await store.close();
  }
}
