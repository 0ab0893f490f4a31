/** The mark phase of gc: every record with the objects it needs, when it was last used, and what it weighs. */
import type { Digest } from '../../core/digest.js';
import { PipelineError } from '../../core/errors.js';
import type { StageKey } from '../record.js';
import { isMissing, readWhole, type FsPort } from './fs-port.js';
import { RECORD_FORMAT, decodeRecord, objectFiles } from './record-file.js';
import type { Layout, RecordShelf } from './layout.js';
import { placesOf } from './walk.js';

export interface MarkedRecord {
  readonly shelf: RecordShelf;
  readonly key: StageKey;
  /** false: a file that serves nobody */
  readonly whole: boolean;
  /** of the stage; empty if the file does not say */
  readonly type: string;
  readonly bytes: number;
  readonly usedAt: number;
  /** each object once; none for a damaged record and for one whose objects were evicted */
  readonly needs: readonly Digest[];
}

export async function markRecords(fs: FsPort, layout: Layout, signal: AbortSignal | undefined): Promise<MarkedRecord[]> {
  const marked: MarkedRecord[] = [];
  const types = new Map<string, string>(); // thousands of records share a type: one string
  for (const shelf of ['records', 'memos', 'evicted'] as const) {
    for await (const { path, id } of placesOf(fs, layout, shelf)) {
      signal?.throwIfAborted();
      if (id === undefined) continue;
      const key = id as string as StageKey;
      try {
        const stats = await fs.lstat(path);
        const decoded = decodeRecord(await readWhole(fs, path), key);
        if (decoded.kind === 'newer') throw newer(path, decoded.format);
        const record = decoded.kind === 'record' ? decoded.record : undefined;
        const needs = record === undefined || shelf === 'evicted' ? [] : [...new Set([...objectFiles(record)].map((file) => file.digest))];
        const said = record?.material['type' as keyof typeof record.material];
        const type = typeof said === 'string' ? said : '';
        if (!types.has(type)) types.set(type, type);
        marked.push({ shelf, key, whole: record !== undefined, type: types.get(type) ?? '', bytes: Number(stats.size), usedAt: Number(stats.mtimeMs), needs });
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
