/**
 * Everything of one run that an export may need, gathered once: the run record, the records of its stages (what is still in the store), the text
 * of the pipeline file, and the files that a person wants. Restricted files are named and never offered for copying unless asked for.
 */
import { existsSync, readFileSync } from 'node:fs';
import { digestOf, type Digest } from '../../core/digest.js';
import type { ArtifactFile } from '../../engine/artifact.js';
import { stagePath } from '../../engine/coordinates.js';
import { publishedFiles } from '../../engine/published-files.js';
import type { StageKey, StageRecord } from '../../engine/record.js';
import type { RunRecord, StageOutcome } from '../../engine/run-record.js';
import type { StageRegistry } from '../../engine/stage.js';
import type { Store } from '../../engine/store/store.js';

export interface ExportedFile {
  readonly stage: string;
  readonly output: string;
  readonly file: ArtifactFile;
  /** relative, `/`: where it lies in an export */
  readonly path: string;
  readonly restricted: boolean;
}

export interface ExportedStage {
  readonly outcome: StageOutcome;
  /** absent if the stage made nothing, or its record has left the store */
  readonly record?: StageRecord;
  readonly files: readonly ExportedFile[];
}

export interface ExportedRun {
  readonly record: RunRecord;
  /** the pipeline file as the run read it; absent if the file has changed since and no copy was kept */
  readonly text?: string;
  readonly stages: readonly ExportedStage[];
}

/** @param textOf the text with this digest, wherever it may have been kept */
export async function gatherRun(record: RunRecord, store: Store, registry: StageRegistry, textOf: (record: RunRecord) => string | undefined = textAtItsPath): Promise<ExportedRun> {
  const stages: ExportedStage[] = [];
  for (const outcome of record.stages) {
    const found = outcome.key === undefined ? undefined : await store.lookup(outcome.key as StageKey);
    stages.push({ outcome, ...(found === undefined ? {} : { record: found }), files: found === undefined ? [] : filesOf(outcome, found, registry) });
  }
  const text = textOf(record);
  return { record, ...(text === undefined ? {} : { text }), stages };
}

function filesOf(outcome: StageOutcome, record: StageRecord, registry: StageRegistry): ExportedFile[] {
  const manifest = registry.manifests.get(outcome.type);
  if (manifest === undefined) return [];
  return publishedFiles(manifest, record.outputs).map(({ output, file }) => ({
    stage: outcome.name, output, file,
    path: `${stagePath(outcome.name)}/${output}/${file.name}`,
    restricted: outcome.outputs[output]?.restricted === true || record.outputs[output]?.restricted === true,
  }));
}

/** The file where it was, if it still says the same. */
export function textAtItsPath({ file, source }: RunRecord): string | undefined {
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, 'utf8');
  return digestOf(text) === source ? text : undefined;
}

/** The bytes of a file that is in the store or in its record; undefined if they are gone, or were never taken in. */
export async function bytesOf(file: ArtifactFile, store: Store): Promise<{ readonly inline: Buffer } | { readonly path: string } | undefined> {
  if (file.inline !== undefined) return { inline: Buffer.from(file.inline, 'base64') };
  if (file.external === true) return undefined;
  return (await store.verifyObject(file.digest as Digest, file.size)) === 'ok' ? { path: store.objectPath(file.digest) } : undefined;
}
