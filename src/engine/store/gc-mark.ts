/** The mark phase of gc: every record with the objects it needs, when it was last used, and what it weighs. */
import type { Digest } from '../../core/digest.js';
import { PipelineError } from '../../core/errors.js';
import type { StageKey } from '../record.js';
import { isMissing, readWhole, type FsPort } from './fs-port.js';
import { RECORD_FORMAT, decodeRecord, objectFiles } from './record-file.js';
import type { Layout } from './layout.js';
import { placesOf } from './walk.js';

export interface MarkedRecord {
  readonly shelf: 'records' | 'memos';
  readonly key: StageKey;
  readonly path: string;
  readonly bytes: number;
  readonly usedAt: number;
  /** each object once; none for a damaged record, which serves nobody */
  readonly needs: readonly Digest[];
}

export async function markRecords(fs: FsPort, layout: Layout, signal: AbortSignal | undefined): Promise<MarkedRecord[]> {
  const marked: MarkedRecord[] = [];
  for (const shelf of ['records', 'memos'] as const) {
    for await (const { path, id } of placesOf(fs, layout, shelf)) {
      signal?.throwIfAborted();
      if (id === undefined) continue;
      const key = id as string as StageKey;
      try {
        const stats = await fs.lstat(path);
        const decoded = decodeRecord(await readWhole(fs, path), key);
        if (decoded.kind === 'newer') throw newer(path, decoded.format);
        const needs = decoded.kind === 'record' ? [...new Set([...objectFiles(decoded.record)].map((file) => file.digest))] : [];
        marked.push({ shelf, key, path, bytes: Number(stats.size), usedAt: Number(stats.mtimeMs), needs });
      } catch (error) {
        if (!isMissing(error)) throw error; // removed while we looked
      }
    }
  }
  return marked;
}

function newer(path: string, format: number): PipelineError {
  return new PipelineError('E_CACHE_FORMAT', `"${path}" was written by a newer version of pipeline`, {
    facts: { expected: `record format ${RECORD_FORMAT}`, found: `record format ${format}` },
    hint: 'Collect garbage with that version: this one cannot see which objects the record needs.',
  });
}
