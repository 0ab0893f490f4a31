/** `pipeline show REF`: a stage of the latest run (one instance of it, or a line for each), a run, what is stored under a key, or an object; in this order. */
import { statSync } from 'node:fs';
import { PipelineError } from '../../core/errors.js';
import type { Artifact } from '../../engine/artifact.js';
import { baseName } from '../../engine/coordinates.js';
import type { StageKey, StageRecord } from '../../engine/record.js';
import { listRuns, readRun } from '../../engine/run-history.js';
import type { RunRecord, StageOutcome } from '../../engine/run-record.js';
import { selectStages } from '../../engine/stage-selector.js';
import { findStored } from '../find-stored.js';
import type { Invocation } from '../invocation.js';
import { projectPaths } from '../project-paths.js';
import { withReadingStore } from '../reading-store.js';
import { formatBytes, formatDuration } from '../render/duration.js';
import { shortKey, stageLine } from '../render/stage-line.js';
import { longest, textTable } from '../render/text-table.js';
import { printable } from '../terminal.js';

export async function handle(invocation: Invocation): Promise<number> {
  const reference = invocation.args[0] as string;
  const { store } = projectPaths(invocation);
  const [latest] = listRuns(store, 1);
  if (latest?.stages.some(({ name }) => baseName(name) === baseName(reference)) === true) {
    const stages = selectStages(latest.stages, reference, latest.pipeline);
    return stages.length === 1 ? showStage(invocation, latest, stages[0] as StageOutcome, store) : showInstances(invocation, latest, stages);
  }
  const stored = await findStored(store, reference);
  if (stored === undefined) return showRun(invocation, readRun(store, reference));
  if (stored.shelf === 'objects') {
    const { size } = statSync(stored.path);
    print(invocation, { schema: 'pipeline.show.object.v1', digest: stored.id, path: stored.path, size }, `object ${stored.id}  ${formatBytes(size)}\n${stored.path}`);
    return 0;
  }
  return withReadingStore(store, async (opened) => {
    const key = stored.id as StageKey;
    const record = stored.shelf === 'records' ? await opened.lookup(key) : await opened.lookupMemo(key);
    if (record === undefined) throw new PipelineError('E_RECORD_DAMAGED', `"${shortKey(key)}" is stored but cannot be used`, { facts: { path: stored.path }, hint: 'run: pipeline cache verify' });
    print(invocation, { schema: 'pipeline.show.record.v1', ...record }, recordText(record));
    return 0;
  });
}

async function showStage(invocation: Invocation, run: RunRecord, stage: StageOutcome, directory: string): Promise<number> {
  const record = stage.key === undefined ? undefined : await withReadingStore(directory, (store) => store.lookup(stage.key as StageKey));
  const lines = [`${stageText(invocation, stage, stage.name.length)}`, `  type ${stage.type}, version ${stage.version}, run ${run.id}`];
  if (stage.reason !== undefined) lines.push(`  ${printable(stage.reason)}`);
  if (stage.error !== undefined) lines.push(`  ${stage.error.code}  ${printable(stage.error.message)}`);
  if (record !== undefined) lines.push('', recordText(record));
  print(invocation, { schema: 'pipeline.show.stage.v1', run: run.id, ...stage, record: record ?? null }, lines.join('\n'));
  return 0;
}

/** The instances of a stage with a matrix, one a line. */
function showInstances(invocation: Invocation, run: RunRecord, stages: readonly StageOutcome[]): number {
  const width = longest(stages.map(({ name }) => name));
  print(invocation, { schema: 'pipeline.show.stages.v1', run: run.id, stages }, [...stages.map((stage) => stageText(invocation, stage, width)), `  ${stages.length} instances, run ${run.id}`].join('\n'));
  return 0;
}

function showRun(invocation: Invocation, run: RunRecord): Promise<number> {
  const width = longest(run.stages.map(({ name }) => name));
  const lines = [
    invocation.out.bold(`run ${run.id}`),
    `${run.pipeline}  ${run.outcome}  ${formatDuration(run.durationMs)}  started ${run.startedAt}`,
    run.file,
    '',
    ...run.stages.map((stage) => stageText(invocation, stage, width)),
  ];
  print(invocation, { schema: 'pipeline.show.run.v1', ...run }, lines.join('\n'));
  return Promise.resolve(0);
}

function stageText({ out }: Invocation, { name, word, key, durationMs, reason }: StageOutcome, width: number): string {
  if (word === undefined) return `${out.symbol('running')} ${name.padEnd(width)}  not settled`;
  return stageLine({ name, word, ...(key === undefined ? {} : { key }), ...(durationMs === undefined ? {} : { durationMs }), ...(reason === undefined || word === 'restored' ? {} : { note: printable(reason) }) }, width, out);
}

function recordText(record: { readonly key: StageKey; readonly material: unknown; readonly outputs: Readonly<Record<string, Artifact>>; readonly made: StageRecord['made'] }): string {
  const rows = Object.entries(record.outputs).flatMap(([output, artifact]) => artifact.files.map(({ name, size, digest }) => [output, artifact.type, name, formatBytes(size), shortKey(digest)]));
  return [`key ${record.key}`, `made ${record.made.at} on ${record.made.host} in ${formatDuration(record.made.durationMs)}`, '', textTable(['output', 'artifact', 'file', '#size', 'digest'], rows), '', `material ${JSON.stringify(record.material, null, 2)}`].join('\n');
}

function print({ io, options }: Invocation, data: object, text: string): void {
  io.stdout.write(options.json ? `${JSON.stringify(data)}\n` : `${text}\n`);
}
