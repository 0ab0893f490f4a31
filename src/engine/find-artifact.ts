/** Finds an artifact by the beginning of its digest: reads every record, because nothing in a store is an index that has to be right. */
import type { Artifact } from './artifact.js';
import type { StageKey, StageRecord } from './record.js';
import { nodeFs, readWhole } from './store/fs-port.js';
import { layoutOf } from './store/layout.js';
import { decodeRecord } from './store/record-file.js';
import { placesOf } from './store/walk.js';

export interface FoundArtifact {
  readonly key: StageKey;
  readonly output: string;
  readonly artifact: Artifact;
}

/** One for each digest that begins like that: the same artifact may lie in many records. */
export async function findArtifacts(directory: string, prefix: string): Promise<FoundArtifact[]> {
  const found = new Map<string, FoundArtifact>();
  for await (const { kind, id, path } of placesOf(nodeFs, layoutOf(directory), 'records')) {
    if (kind !== 'entry' || id === undefined) continue;
    const bytes = await readWhole(nodeFs, path).catch(() => undefined); // removed meanwhile
    if (bytes === undefined || !bytes.includes(`"digest":"${prefix}`)) continue;
    const decoded = decodeRecord(bytes, id as string as StageKey);
    if (decoded.kind !== 'record') continue;
    const record = decoded.record as StageRecord;
    for (const [output, artifact] of Object.entries(record.outputs)) if (artifact.digest.startsWith(prefix)) found.set(artifact.digest, { key: record.key, output, artifact });
  }
  return [...found.values()];
}
