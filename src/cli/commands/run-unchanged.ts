/**
 * `pipeline run FILE`, first look: if everything is as the last run of the same request left it, say so and keep a record of this run too;
 * otherwise the ordinary way, whose code is loaded only then. What is printed, told as events and kept is the same either way.
 */
import { RunJournal } from '../../engine/run-journal.js';
import { recallRun, touchRecords, type MemoryPlace, type RememberedRun } from '../../engine/run-memory.js';
import { openStore } from '../../engine/store/file-store.js';
import { EXIT } from '../exit-codes.js';
import type { Invocation } from '../invocation.js';
import { runSoftware } from '../computing.js';
import { countsLine } from '../render/stage-line.js';
import { printResults } from '../results-output.js';
import { requestOf } from '../plan-request.js';
import { commandOf } from '../run-command.js';
import { memoryPlace } from '../run-request.js';
import { rendererFor } from '../run-renderer.js';
import { runTags } from '../run-tags.js';

export async function handle(invocation: Invocation): Promise<number> {
  const began = performance.now();
  const place = memoryPlace(invocation);
  const run = place === undefined ? undefined : await recallRun(place, invocation.io.env);
  const code = place === undefined || run === undefined ? undefined : await again(run, began, place, invocation);
  if (code !== undefined) return code;
  const ordinary = await import('./run.js');
  return ordinary.handle(invocation);
}

/** undefined: the cache cannot be written, which the ordinary way has more to say about. */
async function again(run: RememberedRun, began: number, place: MemoryPlace, invocation: Invocation): Promise<number | undefined> {
  const { io, options, out } = invocation;
  const store = await openStore(place.storeDirectory, { mode: options.cacheMode, ...(options.raw['cacheMode'] === undefined ? { fallback: 'read' } : {}) });
  try {
    if (store.mode !== options.cacheMode) return undefined;
    const tags = runTags(invocation, store);
    const renderer = await rendererFor(invocation);
    let summary;
    const request = requestOf(invocation, options.set);
    try {
      const journal = RunJournal.unchanged(run.plan, run.stages, { store, onEvent: (event) => {
        tags.onEvent(event);
        renderer.onEvent(event);
      }, software: runSoftware(invocation, invocation.args[0]), command: commandOf(invocation), ...(request === undefined ? {} : { request }), began });
      journal.throwFailure();
      summary = await journal.finish(false, { outside: new Map() });
    } finally {
      await renderer.close();
    }
    await tags.kept();
    if (!options.json) io.stdout.write(`${out.bold(countsLine(summary.counts, summary.durationMs))}\n`);
    if (summary.unsaved !== undefined) (await import('../run-outcome.js')).printUnsaved(summary, invocation);
    printResults(run.results, summary, invocation);
    if (store.mode === 'read-write') touchRecords(place, run, Date.now());
    return EXIT.ok;
  } finally {
    await store.close();
  }
}
