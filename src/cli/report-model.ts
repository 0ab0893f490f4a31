/**
 * Builds what the report shows from the summary of a run and the store. Only files that a report block names are read, each checked against
 * its digest; what cannot be shown is said in the report, so that a damaged picture does not cost the page.
 */
import { PipelineError } from '../core/errors.js';
import type { ReportBlock } from '../core/report-block.js';
import type { Artifact, ArtifactFile } from '../engine/artifact.js';
import { baseName } from '../engine/coordinates.js';
import { readArtifactFile } from '../engine/read-artifact-file.js';
import type { RunSummary } from '../engine/run-journal.js';
import type { StageOutcome } from '../engine/run-record.js';
import type { Store } from '../engine/store/store.js';
import { parseReportBlocks, type EmbeddedFile, type ImageMime, type ReportModel, type ReportOutput, type ReportStage } from '../report/index.js';
import { shortPath } from './error-output.js';
import { runLabeller } from './run-label.js';

const BLOCKS_FILE = 'report.json';
/** A page that mail and browsers still take. */
const LARGEST_FILE = 12_000_000;
const LARGEST_PAGE = 60_000_000;
const MIME_OF_EXTENSION: Readonly<Record<string, ImageMime>> = { png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', webp: 'image/webp', svg: 'image/svg+xml' };

interface Source {
  readonly summary: RunSummary;
  readonly store: Store;
  bytesLeft: number;
}

export async function reportModel(summary: RunSummary, store: Store, cwd: string): Promise<ReportModel> {
  const { record } = summary;
  const source: Source = { summary, store, bytesLeft: LARGEST_PAGE };
  const shown = new Map<StageOutcome, ReportStage>();
  // What is left of the page's size belongs to the instances of matrices, which are folded away.
  for (const outcome of [...record.stages].sort((a, b) => Number(a.coordinates !== undefined) - Number(b.coordinates !== undefined))) shown.set(outcome, await reportStage(outcome, source));
  const stages = record.stages.map((outcome) => shown.get(outcome) as ReportStage);
  const { cpus, model, memoryMb, platform } = record.hardware;
  const { git } = record;
  return {
    pipeline: record.pipeline,
    ...(record.description === undefined ? {} : { description: record.description }),
    run: runLabeller(store.directory)(record.id),
    file: shortPath(record.file, cwd),
    startedAt: record.startedAt,
    durationMs: record.durationMs,
    outcome: summary.outcome,
    params: record.params,
    machine: {
      processor: model,
      cores: String(cpus),
      memory: `${Math.round(memoryMb / 1024)} GB`,
      system: platform,
      ...(git === undefined || git === null ? {} : { 'git commit': `${git.commit}${git.dirty ? ' (with changes)' : ''}` }),
      'digest of the pipeline file': record.source,
    },
    software: record.software,
    stages,
  };
}

async function reportStage(outcome: StageOutcome, source: Source): Promise<ReportStage> {
  const { name, type, params, inputs, metrics, key, durationMs, reason, error, word } = outcome;
  const outputs: ReportOutput[] = [];
  for (const [port, artifact] of Object.entries(source.summary.outputs.get(name) ?? {})) outputs.push(await reportOutput(port, artifact, source));
  const noted = word === 'skipped' || word === 'blocked' || word === 'ran';
  return {
    name,
    ...(baseName(name) === name ? {} : { instanceOf: baseName(name) }),
    type,
    word: word ?? 'blocked',
    params,
    metrics,
    after: [...new Set(Object.values(inputs).flat().map((reference) => reference.slice(0, reference.lastIndexOf('.'))))],
    ...(key === undefined ? {} : { key }),
    ...(durationMs === undefined ? {} : { durationMs }),
    ...(reason === undefined || !noted ? {} : { note: reason }),
    ...(error === undefined ? {} : { error: { code: error.code, message: error.message, facts: error.facts, ...(error.hint === undefined ? {} : { hint: error.hint }) } }),
    outputs,
  };
}

async function reportOutput(name: string, artifact: Artifact, source: Source): Promise<ReportOutput> {
  const files = new Map<string, EmbeddedFile>();
  const problems: string[] = [];
  let blocks: readonly ReportBlock[] = [];
  const described = artifact.files.find((file) => file.name === BLOCKS_FILE);
  if (described !== undefined) {
    try {
      blocks = parseReportBlocks((await read(described, source)).toString('utf8'));
      for (const wanted of filesOf(blocks)) await embed(wanted, artifact, files, source);
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error;
      problems.push(`${name}: ${error.message}`);
    }
  }
  return { name, type: artifact.type, restricted: artifact.restricted === true, blocks, files, problems };
}

function filesOf(blocks: readonly ReportBlock[]): Set<string> {
  return new Set(blocks.flatMap((block) => (block.kind === 'figure' ? [block.file] : block.kind === 'images' ? block.items.map(({ file }) => file) : [])));
}

/** Leaves the file out if there is no such picture or no room for it: the page says so where it would be. */
async function embed(name: string, artifact: Artifact, files: Map<string, EmbeddedFile>, source: Source): Promise<void> {
  const mime = MIME_OF_EXTENSION[name.slice(name.lastIndexOf('.') + 1).toLowerCase()];
  const file = artifact.files.find((candidate) => candidate.name === name);
  if (mime === undefined || file === undefined || file.size > LARGEST_FILE || file.size > source.bytesLeft) return;
  source.bytesLeft -= file.size;
  files.set(name, { mime, base64: (await read(file, source)).toString('base64') });
}

function read(file: ArtifactFile, { store, summary }: Source): Promise<Buffer> {
  return readArtifactFile(file, store, summary.outside);
}
