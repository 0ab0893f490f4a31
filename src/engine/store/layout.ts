/**
 * Where things lie in the folder of a store, and which format it has.
 *
 *   VERSION  objects/ab/<62 hex>  records/ab/<62 hex>.json  memos/ab/<62 hex>.json  evicted/ab/<62 hex>.json
 *   runs/  leases/  claims/  staging/  checkpoints/  quarantine/  evidence/  unchanged/  downloads/  tuning/
 *
 * Names are lower-case hexadecimal, so file systems that ignore case hold them apart. Nothing in the folder is an index that has to be right.
 */
import { join } from 'node:path';
import { isDigest, type Digest } from '../../core/digest.js';
import { PipelineError } from '../../core/errors.js';
import type { StageKey } from '../record.js';
import { publishFile } from './durable.js';
import { isMissing, readWhole, type FsPort } from './fs-port.js';

export const STORE_FORMAT = 1;
/** Files that stages had fetched, by sha256. The store counts them and never removes one: a network may be gone when it is needed again. */
export const DOWNLOADS = 'downloads';
/** What was measured of this machine: it makes runs faster and is in no key; any of it may be deleted. */
export const TUNING = 'tuning';
const SHARD_LENGTH = 2;
/** https://bford.info/cachedir/: backup tools leave a folder out that holds this file. */
const CACHEDIR_TAG = 'Signature: 8a477f597d28d172789f06886806bc55\n# The cache of `pipeline`: everything here can be computed again.\n';

/** `evicted`: records whose objects gc has removed; they serve history and never a stage */
export type RecordShelf = 'records' | 'memos' | 'evicted';
/** A run record being written, in the folder of its run. */
export const RUN_TEMPORARY = '.tmp-run.json';

export type Shelf = 'objects' | RecordShelf;

export interface Layout {
  readonly root: string;
  readonly version: string;
  readonly runs: string;
  readonly leases: string;
  readonly claims: string;
  readonly staging: string;
  readonly checkpoints: string;
  readonly quarantine: string;
  readonly evidence: string;
  /** memories of runs in which nothing was left to do */
  readonly unchanged: string;
  readonly downloads: string;
}

export function layoutOf(root: string): Layout {
  return {
    root,
    version: join(root, 'VERSION'),
    runs: join(root, 'runs'),
    leases: join(root, 'leases'),
    claims: join(root, 'claims'),
    staging: join(root, 'staging'),
    checkpoints: join(root, 'checkpoints'),
    quarantine: join(root, 'quarantine'),
    evidence: join(root, 'evidence'),
    unchanged: join(root, 'unchanged'),
    downloads: join(root, DOWNLOADS),
  };
}

export function objectPath(root: string, digest: Digest): string {
  return join(root, 'objects', digest.slice(0, SHARD_LENGTH), digest.slice(SHARD_LENGTH));
}

export function recordPath(root: string, shelf: RecordShelf, key: StageKey): string {
  return join(root, shelf, key.slice(0, SHARD_LENGTH), `${key.slice(SHARD_LENGTH)}.json`);
}

export function checkpointPath(root: string, key: StageKey): string {
  return join(root, 'checkpoints', key.slice(0, SHARD_LENGTH), key.slice(SHARD_LENGTH));
}

/** The digest or key that a file's place stands for; undefined if the name is none of ours. */
export function idOfPlace(shelf: Shelf, shard: string, name: string): Digest | undefined {
  const stem = shelf === 'objects' ? name : name.endsWith('.json') ? name.slice(0, -'.json'.length) : '';
  const id = shard + stem;
  return shard.length === SHARD_LENGTH && isDigest(id) ? id : undefined;
}

/** The format that VERSION states; undefined if there is none. E_CACHE_FORMAT if it is newer than this program, E_CACHE_DAMAGED if it says nothing. */
export async function readFormat(fs: FsPort, layout: Layout): Promise<number | undefined> {
  let text: string;
  try {
    text = (await readWhole(fs, layout.version)).toString('utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  const format = formatIn(text);
  if (format === undefined) {
    throw new PipelineError('E_CACHE_DAMAGED', `"${layout.version}" does not state the format of the store`, {
      facts: { expected: `{"format":${STORE_FORMAT}}`, found: text.slice(0, 80) },
      hint: `Remove this one file and run again: \`rm '${layout.version}'\`. Everything in the store is checked by its content.`,
    });
  }
  if (format > STORE_FORMAT) {
    throw new PipelineError('E_CACHE_FORMAT', `"${layout.root}" was written by a newer version of pipeline`, {
      facts: { expected: `format ${STORE_FORMAT}`, found: `format ${format}` },
      hint: 'Update pipeline, or name another folder with --cache-dir.',
    });
  }
  return format;
}

/** Makes the folder a store if it is not one yet. */
export async function ensureFormat(fs: FsPort, layout: Layout, temporaryName: () => string): Promise<void> {
  if ((await readFormat(fs, layout)) !== undefined) return;
  await publishFile(fs, join(layout.root, 'CACHEDIR.TAG'), Buffer.from(CACHEDIR_TAG), temporaryName());
  await publishFile(fs, layout.version, Buffer.from(`{"format":${STORE_FORMAT}}\n`), temporaryName());
}

function formatIn(text: string): number | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null || !('format' in parsed)) return undefined;
    const { format } = parsed;
    return typeof format === 'number' && Number.isInteger(format) && format >= 1 ? format : undefined;
  } catch {
    return undefined;
  }
}
