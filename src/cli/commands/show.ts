/**
 * `pipeline show REF`: a stage of a run (one instance of it, or a line for each), one of its outputs, what is stored under a key, an object, an
 * artifact by its digest, or a run; in this order.
 */
import { statSync } from 'node:fs';
import { PipelineError } from '../../core/errors.js';
import type { Artifact } from '../../engine/artifact.js';
import { baseName } from '../../engine/coordinates.js';
import { findArtifacts } from '../../engine/find-artifact.js';
import type { StageKey, StageRecord } from '../../engine/record.js';
import { listRuns, readRun, runFolderOf } from '../../engine/run-history.js';
import { readMarks } from '../../engine/run-marks.js';
import type { RunRecord, StageOutcome } from '../../engine/run-record.js';
import { readStageLog } from '../../engine/stage-log.js';
import { selectOne, selectStages } from '../../engine/stage-selector.js';
import { suggestion } from '../../engine/suggest.js';
import { findStored, type Stored } from '../find-stored.js';
import type { Invocation } from '../invocation.js';
import { flagOption, textOption } from '../option-values.js';
import { printStageLog } from '../print-stage-log.js';
import { projectPaths } from '../project-paths.js';
import { withReadingStore } from '../reading-store.js';
import { formatBytes, formatDuration } from '../render/duration.js';
import { shortKey, stageLine } from '../render/stage-line.js';
import { longest, textTable } from '../render/text-table.js';
import { runLabeller } from '../run-label.js';
import { stageOutput, type StageOutput } from '../stage-output.js';
import { printable } from '../terminal.js';
import { showArtifact } from './show-artifact.js';

const SHORTEST_DIGEST = 4;

export async function handle(invocation: Invocation): Promise<number> {
  const reference = invocation.args[0] as string;
  const { store } = projectPaths(invocation);
  const asked = textOption(invocation.options, 'run');
  const run = asked === undefined ? listRuns(store, 1)[0] : readRun(store, asked);
  const named = stageOutput(reference);
  if (run !== undefined && named !== undefined && (asked !== undefined || run.stages.some(({ name }) => baseName(name) === baseName(named.stage)))) return showNamed(invocation, run, named, store);
  if (wantsStage(invocation)) throw new PipelineError('E_USAGE', `"${reference}" is not a stage of ${run === undefined ? 'a run' : 'the latest run'}`, { facts: { expected: 'STAGE or STAGE.OUTPUT with --log, --path and --cat', found: reference }, hint: 'name the run with --run' });
  const stored = await findStored(store, reference);
  if (stored !== undefined) return showStored(invocation, stored, store);
  const artifacts = /^[0-9a-f]+$/.test(reference) && reference.length >= SHORTEST_DIGEST ? await findArtifacts(store, reference) : [];
  const [artifact] = artifacts;
  if (artifacts.length > 1) throw new PipelineError('E_USAGE', `"${reference}" is the beginning of ${artifacts.length} artifacts`, { facts: { expected: 'the beginning of one', found: artifacts.map((each) => each.artifact.digest.slice(0, reference.length + SHORTEST_DIGEST)).join(', ') }, hint: 'give more of it' });
  if (artifact !== undefined) return withReadingStore(store, (opened) => showArtifact(invocation, { title: `artifact ${shortKey(artifact.artifact.digest)}`, artifact: artifact.artifact, key: artifact.key, facts: { output: artifact.output } }, opened));
  return showRun(invocation, readRun(store, reference), store);
}

function wantsStage({ options }: Invocation): boolean {
  return flagOption(options, 'log') || flagOption(options, 'path') || textOption(options, 'cat') !== undefined;
}

async function showNamed(invocation: Invocation, run: RunRecord, { stage: selector, output }: StageOutput, directory: string): Promise<number> {
  const stages = selectStages(run.stages, selector, run.pipeline);
  if (output === undefined && !wantsStage(invocation)) return stages.length === 1 ? showStage(invocation, run, stages[0] as StageOutcome, directory) : showInstances(invocation, run, stages, directory);
  const stage = selectOne(run.stages, selector, run.pipeline);
  if (output === undefined && flagOption(invocation.options, 'log')) return printStageLog(invocation, directory, run, stage);
  return withReadingStore(directory, async (store) => {
    const record = stage.key === undefined ? undefined : await store.lookup(stage.key);
    if (stage.key === undefined || record === undefined) throw new PipelineError('E_USAGE', `"${stage.name}" has no outputs in the store`, { facts: { expected: 'a stage that ran or was restored, and is still stored', found: stage.word ?? 'not settled' }, hint: 'run the pipeline again' });
    const ports = Object.keys(record.outputs);
    const port = output ?? (ports.length === 1 ? (ports[0] as string) : undefined);
    const artifact = port === undefined ? undefined : record.outputs[port];
    if (port === undefined || artifact === undefined) throw new PipelineError('E_USAGE', output === undefined ? `"${stage.name}" has ${ports.length} outputs` : `"${output}" is not an output of "${stage.name}"`, { facts: { expected: ports.join(', '), found: output ?? 'none of them' }, hint: suggestion(output ?? '', ports, 'it has none') });
    const restricted = stage.outputs[port]?.restricted === true ? { restricted: true as const } : {}; // inherited in this run, whatever the record says
    return showArtifact(invocation, { title: `${stage.name}.${port}`, artifact: { ...artifact, ...restricted }, key: stage.key, facts: { run: run.id, stage: stage.name, output: port } }, store);
  });
}

async function showStored(invocation: Invocation, stored: Stored, directory: string): Promise<number> {
  if (stored.shelf === 'objects') {
    const { size } = statSync(stored.path);
    print(invocation, { schema: 'pipeline.show.object.v1', digest: stored.id, path: stored.path, size }, `object ${stored.id}  ${formatBytes(size)}\n${stored.path}`);
    return 0;
  }
  return withReadingStore(directory, async (opened) => {
    const key = stored.id as StageKey;
    const record = stored.shelf === 'records' ? await opened.lookup(key) : await opened.lookupMemo(key);
    if (record === undefined) throw new PipelineError('E_RECORD_DAMAGED', `"${shortKey(key)}" is stored but cannot be used`, { facts: { path: stored.path }, hint: 'run: pipeline cache verify' });
    print(invocation, { schema: 'pipeline.show.record.v1', ...record }, recordText(record));
    return 0;
  });
}

async function showStage(invocation: Invocation, run: RunRecord, stage: StageOutcome, directory: string): Promise<number> {
  const record = stage.key === undefined ? undefined : await withReadingStore(directory, (store) => store.lookup(stage.key as StageKey));
  const lines = [`${stageText(invocation, stage, stage.name.length)}`, `  type ${stage.type}, version ${stage.version}, run ${runLabeller(directory)(run.id)}`];
  if (stage.reason !== undefined) lines.push(`  ${printable(stage.reason)}`);
  for (const { code, text } of stage.reasons ?? []) lines.push(`    ${code.padEnd('failed-before'.length)}  ${printable(text)}`);
  if (stage.error !== undefined) lines.push(`  ${stage.error.code}  ${printable(stage.error.message)}`);
  const log = readStageLog(runFolderOf(directory, run.id), stage.name);
  if (log !== undefined) lines.push(`  log ${log.path}`);
  const inputs = inputRows(run, stage);
  if (inputs.length > 0) lines.push('', textTable(['input', 'from', 'artifact', 'digest'], inputs));
  const metrics = Object.entries(stage.metrics);
  if (metrics.length > 0) lines.push('', textTable(['metric', '#value'], metrics.map(([name, value]) => [printable(name), String(value)])));
  if (record !== undefined) lines.push('', recordText(record));
  print(invocation, { schema: 'pipeline.show.stage.v1', run: run.id, ...stage, log: log?.path ?? null, record: record ?? null }, lines.join('\n'));
  return 0;
}

/** What was connected to its ports, and what it held then. */
function inputRows({ stages }: RunRecord, { inputs }: StageOutcome): string[][] {
  const byName = new Map(stages.map((stage) => [stage.name, stage]));
  return Object.entries(inputs).flatMap(([port, from]) => from.map((reference) => {
    const dot = reference.lastIndexOf('.');
    const output = byName.get(reference.slice(0, dot))?.outputs[reference.slice(dot + 1)];
    return [port, reference, output?.type ?? '-', output === undefined ? '-' : shortKey(output.digest)];
  }));
}

/** The instances of a stage with a matrix, one a line. */
function showInstances(invocation: Invocation, run: RunRecord, stages: readonly StageOutcome[], directory: string): number {
  const width = longest(stages.map(({ name }) => name));
  print(invocation, { schema: 'pipeline.show.stages.v1', run: run.id, stages }, [...stages.map((stage) => stageText(invocation, stage, width)), `  ${stages.length} instances, run ${runLabeller(directory)(run.id)}`].join('\n'));
  return 0;
}

function showRun(invocation: Invocation, run: RunRecord, directory: string): number {
  const width = longest(run.stages.map(({ name }) => name));
  const marks = readMarks(directory, run.id);
  const marked = [...(marks?.tags ?? []), ...(marks?.pinned === true ? ['(pinned)'] : [])];
  const lines = [
    `${invocation.out.bold(`run ${runLabeller(directory)(run.id)}`)}${marked.length === 0 ? '' : `  ${marked.join(' ')}`}`,
    `${run.pipeline}  ${run.outcome}  ${formatDuration(run.durationMs)}  started ${run.startedAt}`,
    run.file,
    '',
    ...run.stages.map((stage) => stageText(invocation, stage, width)),
  ];
  print(invocation, { schema: 'pipeline.show.run.v1', ...run, tags: marks?.tags ?? [], pinned: marks?.pinned ?? true }, lines.join('\n'));
  return 0;
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
