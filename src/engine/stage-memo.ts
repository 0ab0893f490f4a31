/**
 * Cached values inside a stage. A value is stored under the digest of what the stage says determines it, together with the stage's type,
 * version and services, so a new version never meets an old value. Values are published durably at once: a stage that is killed half way
 * finds the first half again. That is why outside files are looked at before each publication, and not only when the stage is over.
 * Bytes are verified before they are handed on; a damaged value is made again.
 */
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { JsonObject, JsonValue } from '../core/json.js';
import type { ArtifactFile, ArtifactWriter, MemoEntry } from './artifact.js';
import { fileNamed, type FileLocator } from './artifact-reader.js';
import { sealArtifact } from './artifact-seal.js';
import { StagingWriter } from './artifact-writer.js';
import { ExternalDigests } from './external-digests.js';
import { memoKey } from './key.js';
import type { StageKey } from './record.js';
import { softwareVersions } from './machine.js';
import { assertUnchanged, touchedSince } from './stage-externals.js';
import { isStoredObject } from './store/record-file.js';
import type { Store } from './store/store.js';
import type { StageJob } from './worker-protocol.js';

const OUTPUT = 'value';
const TYPE = 'Memo';

export type Memo = (struct: JsonValue, produce: (writer: ArtifactWriter) => Promise<void>) => Promise<MemoEntry>;

/**
 * The `context.memo` of one stage run. Two calls with the same struct at the same time share one production. Rejects with E_INPUT_CHANGED
 * instead of publishing if an outside file of the stage or of its inputs has other content than the key was made from.
 */
export function memoFor(job: StageJob, store: Store, locator: FileLocator): Memo {
  const running = new Map<StageKey, Promise<MemoEntry>>();
  let count = 0;
  let digests: Promise<ExternalDigests> | undefined;

  async function find(key: StageKey): Promise<MemoEntry | undefined> {
    const record = job.fresh === true ? undefined : await store.lookupMemo(key);
    const value = record?.outputs[OUTPUT];
    if (value === undefined) return undefined;
    for (const file of value.files) {
      if (isStoredObject(file) && (await store.verifyObject(file.digest, file.size)) !== 'ok') return undefined;
    }
    return entry(value.files, true, locator);
  }

  async function findOrMake(key: StageKey, material: JsonObject, produce: (writer: ArtifactWriter) => Promise<void>): Promise<MemoEntry> {
    const found = await find(key);
    if (found !== undefined) return found;
    const began = performance.now();
    count += 1;
    const writer = new StagingWriter(`a memo value of stage "${job.stage}"`, join(job.staging, 'memo', String(count)), new Map());
    await produce(writer);
    const made = await writer.finish(store);
    const value = sealArtifact({ type: TYPE, ...made });
    const durationMs = Math.round(performance.now() - began);
    if (await mayBeKept()) {
      await store.publishMemo({
        format: 1,
        key,
        material,
        outputs: { [OUTPUT]: value },
        made: { at: new Date().toISOString(), durationMs, host: hostname(), software: softwareVersions() },
      });
    }
    return entry(value.files, false, locator);
  }

  /** A value made from a file that was changing would be found under the old content for ever; of one that was touched it is not known what was read. */
  async function mayBeKept(): Promise<boolean> {
    if (store.mode !== 'read-write') return false; // nothing is published
    const read = [...job.externals, ...job.outside];
    digests ??= ExternalDigests.open(store.directory);
    await assertUnchanged(job.stage, read, await digests);
    return touchedSince(read).length === 0;
  }

  return (struct, produce) => {
    const material: JsonObject = { format: 1, type: job.type, version: job.version, services: { ...job.services }, struct };
    const key = memoKey(material);
    const shared = running.get(key);
    if (shared !== undefined) return shared;
    const started = findOrMake(key, material, produce).finally(() => running.delete(key));
    running.set(key, started);
    return started;
  };
}

function entry(files: readonly ArtifactFile[], restored: boolean, locator: FileLocator): MemoEntry {
  const byName = new Map(files.map((file) => [file.name, file]));
  const file = (name: string): ArtifactFile => fileNamed(name, byName, 'a memo value');
  return { files, restored, file, path: (name) => locator.path(file(name)) };
}
