/** `pipeline reproduce RUN`: runs everything of an old run again in a fresh store and compares, digest by digest. Nothing of the cache is used or changed. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { execute } from '../../engine/execute.js';
import { createWorkerPool } from '../../engine/pool.js';
import type { KeyMaterial, StageKey, StageRecord } from '../../engine/record.js';
import { compareStages, type ReproducedStage } from '../../engine/reproduction.js';
import { readMaterials, readRun } from '../../engine/run-history.js';
import type { RunRecord } from '../../engine/run-record.js';
import { openStore } from '../../engine/store/file-store.js';
import type { Store } from '../../engine/store/store.js';
import { checkedPlan } from '../checked-plan.js';
import { EXIT } from '../exit-codes.js';
import { interruption } from '../interruption.js';
import type { Invocation } from '../invocation.js';
import { availableCpus, availableMemoryMb } from '../machine-limits.js';
import { textOption } from '../option-values.js';
import { selectRun } from '../../engine/run-selection.js';
import { selectionOf } from '../plan-request.js';
import { projectPaths } from '../project-paths.js';
import { withReadingStore } from '../reading-store.js';
import { computingComposition, runSoftware } from '../computing.js';
import { repeatedRequest } from '../repeated-request.js';
import { commandOf } from '../run-command.js';
import { runLabeller } from '../run-label.js';
import { rendererFor } from '../run-renderer.js';
import { printable } from '../terminal.js';

export async function handle(invocation: Invocation): Promise<number> {
  const { args, io, options } = invocation;
  const directory = projectPaths(invocation).store;
  const before = readRun(directory, args[0] as string);
  if (before.stages.every(({ outputs }) => Object.keys(outputs).length === 0)) throw new PipelineError('E_NOT_REPEATABLE', `"${before.id}" made nothing that could be compared`, { facts: { expected: 'a run with results', found: before.outcome }, hint: 'Choose another run: pipeline runs.' });
  using request = repeatedRequest(before, directory, invocation);
  const checked = await checkedPlan(request.invocation, request.file);
  if (checked.plan === undefined) return checked.exitCode;
  const wanted = textOption(options, 'store');
  const fresh = wanted === undefined ? mkdtempSync(join(tmpdir(), 'pipeline-reproduce-')) : resolve(io.cwd, wanted);
  const { registry, workerEntry } = computingComposition(request.invocation, request.file);
  const store = await openStore(fresh, { mode: 'read-write' });
  const pool = createWorkerPool({ workerEntry, env: { ...request.invocation.io.env } });
  try {
    const renderer = await rendererFor(invocation);
    using stop = interruption(io, { onStop: (message) => renderer.note(message), onKill: () => pool.kill() });
    let after: RunRecord;
    try {
      // What the old run took from its cache has to be made here: anything that is needed may run.
      ({ record: after } = await execute(selectRun(checked.plan, selectionOf(request.invocation)).plan, {
        registry, store, pool, cpus: availableCpus(), memoryMb: availableMemoryMb(), keepGoing: true, force: () => true, signal: stop.signal,
        ...(options.jobs === undefined ? {} : { jobs: options.jobs }),
        onEvent: (event) => renderer.onEvent(event), software: runSoftware(request.invocation, request.file), command: commandOf(request.invocation),
      }));
    } finally {
      await renderer.close();
    }
    const stoppedBy = stop.exitCode();
    if (after.outcome === 'cancelled') return stoppedBy ?? EXIT.interrupted;
    const stages = await withReadingStore(directory, (old) => compare(before, after, directory, old, store));
    const same = stages.every(({ word }) => word === 'same');
    report(invocation, { before, after, stages, same, fromCopy: request.fromCopy, label: runLabeller(directory)(before.id) });
    return same ? EXIT.ok : EXIT.notDeterministic;
  } finally {
    await pool.close();
    await store.close();
    if (wanted === undefined) rmSync(fresh, { recursive: true, force: true });
  }
}

async function compare(before: RunRecord, after: RunRecord, directory: string, old: Store, fresh: Store): Promise<ReproducedStage[]> {
  const written = new Map(readMaterials(directory, before.id).map(({ key, material }) => [key, material]));
  const now = new Map(readMaterials(fresh.directory, after.id).map(({ key, material }) => [key, material]));
  const records = new Map<string, StageRecord | undefined>();
  for (const [store, stages] of [[old, before.stages], [fresh, after.stages]] as const) {
    for (const { key, outputs } of stages) if (key !== undefined && Object.keys(outputs).length > 0) records.set(`${store.directory} ${key}`, await store.lookup(key));
  }
  const side = (store: Store, materials: ReadonlyMap<StageKey, KeyMaterial>, key: StageKey | undefined): { record: StageRecord | undefined; material: KeyMaterial | undefined } => {
    const record = key === undefined ? undefined : records.get(`${store.directory} ${key}`);
    return { record, material: record?.material ?? (key === undefined ? undefined : materials.get(key)) };
  };
  return compareStages(before, after, (was, is) => ({ before: side(old, written, was.key), after: side(fresh, now, is?.key) }));
}

interface Told {
  readonly before: RunRecord;
  readonly after: RunRecord;
  readonly stages: readonly ReproducedStage[];
  readonly same: boolean;
  readonly fromCopy: boolean;
  readonly label: string;
}

function report({ io, options, out }: Invocation, { before, after, stages, same, fromCopy, label }: Told): void {
  const software = [...new Set([...Object.keys(before.software), ...Object.keys(after.software)])].sort().filter((name) => before.software[name] !== after.software[name]).map((name) => ({ name, before: before.software[name] ?? null, after: after.software[name] ?? null }));
  const hardware = before.hardware.model === after.hardware.model ? [] : [{ name: 'processor', before: before.hardware.model, after: after.hardware.model }];
  if (options.json) {
    io.stdout.write(`${JSON.stringify({ schema: 'pipeline.reproduce.v1', run: before.id, same, fromKeptText: fromCopy, software, hardware, stages })}\n`);
    return;
  }
  const lines = stages.filter(({ word }) => word !== 'same').flatMap((stage) => {
    const asked = stage.changes.length > 0 ? [`  was asked something else: ${stage.changes.map(({ text }) => text).join('; ')}`] : stage.unknownMaterial ? ['  its key is another; the key material of the run is gone'] : stage.word === 'different' ? ['  was asked the same: it is not deterministic here, the software or the machine differs, or it reads files that its key does not hold'] : [];
    const files = stage.files.length === 0 ? [] : [`  files with other bytes: ${stage.files.slice(0, MOST_SHOWN).join(', ')}${stage.files.length > MOST_SHOWN ? ` and ${stage.files.length - MOST_SHOWN} more` : ''}`];
    const metrics = stage.metrics.map(({ name, before: was, after: is }) => `  ${name} ${was ?? 'none'} → ${is ?? 'none'}${relative(was, is)}`);
    return [`${out.bold(stage.name)} ${stage.word}${stage.failure === undefined ? '' : `: ${stage.failure}`}`, ...asked, ...files, ...metrics].map(printable);
  });
  for (const { name, before: was, after: is } of [...software, ...hardware]) lines.push(printable(`${name} ${was ?? 'none'} → ${is ?? 'none'}`));
  if (fromCopy) lines.push('the pipeline file has changed since: the text that the run kept was used');
  const right = stages.filter(({ word }) => word === 'same').length;
  lines.push(out.bold(`${label}: ${same ? 'reproduced' : 'not reproduced'}, ${right} of ${stages.length} stages gave the same bytes`));
  io.stdout.write(`${lines.join('\n')}\n`);
}

const MOST_SHOWN = 5;

function relative(before: number | undefined, after: number | undefined): string {
  if (before === undefined || after === undefined || before === 0) return '';
  const percent = (100 * (after - before)) / Math.abs(before);
  return ` (${percent > 0 ? '+' : ''}${percent.toPrecision(2)} %)`;
}
