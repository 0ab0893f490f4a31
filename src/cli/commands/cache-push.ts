/** `pipeline cache push [RUN]`: sends what a run made or restored to the shared cache. What the run knew as restricted stays here. */
import { readRun } from '../../engine/run-history.js';
import { PipelineError } from '../../core/errors.js';
import { layered, remoteSettings } from '../../engine/remote/remote-settings.js';
import type { StageOutcome } from '../../engine/run-record.js';
import { selectStages, splitSelectors } from '../../engine/stage-selector.js';
import { openStore } from '../../engine/store/file-store.js';
import { EXIT } from '../exit-codes.js';
import { interruption } from '../interruption.js';
import type { Invocation } from '../invocation.js';
import { textOption } from '../option-values.js';
import { settingsOf } from '../project-configs.js';
import { projectPaths } from '../project-paths.js';
import { remoteLine } from '../render/remote-line.js';

export async function handle(invocation: Invocation): Promise<number> {
  const { args, io, options } = invocation;
  const { root, store: directory } = projectPaths(invocation);
  // asking for it is what `mode: read-write` stands for
  const shared = remoteSettings(settingsOf(invocation, root, { '--remote': 'read-write' }), { root, cwd: io.cwd, env: io.env });
  if (shared === undefined) throw new PipelineError('E_USAGE', '"cache push" needs a shared cache', { hint: 'Name one in pipeline.config.yaml: docs/sharing.md.' });
  const run = readRun(directory, args[0] ?? 'latest');
  const only = textOption(options, 'only');
  const chosen = only === undefined ? run.stages : [...new Set(splitSelectors(only).flatMap((selector) => selectStages(run.stages, selector, run.pipeline)))];
  const store = layered(await openStore(directory, { mode: 'read-write' }), shared);
  using stop = interruption(io);
  stop.signal.addEventListener('abort', () => store.interrupt(), { once: true });
  try {
    let missing = 0;
    for (const { word, key, outputs } of chosen) {
      if ((word !== 'ran' && word !== 'restored') || key === undefined || stop.signal.aborted) continue;
      const record = await store.lookupHere(key);
      if (record === undefined) missing += 1;
      else await store.send(record, isRestricted(outputs));
    }
    const { totals } = store;
    if (options.json) io.stdout.write(`${JSON.stringify({ schema: 'pipeline.cache.push.v1', run: run.id, ...totals, missing })}\n`);
    else {
      io.stdout.write(`${remoteLine(totals)}${missing === 0 ? '' : `, ${missing} no longer in the local cache`}\n`);
      if (totals.notSent > 0) io.stderr.write(`${totals.problem ?? 'interrupted'}\n`);
    }
    return stop.signal.aborted ? (stop.exitCode() ?? EXIT.interrupted) : totals.notSent > 0 ? EXIT.environment : EXIT.ok;
  } finally {
    await store.close();
  }
}

/** The run may know better than the record: a restriction of its inputs is in no key. */
function isRestricted(outputs: StageOutcome['outputs']): boolean {
  return Object.values(outputs).some(({ restricted }) => restricted);
}
