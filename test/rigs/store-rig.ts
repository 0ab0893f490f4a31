/** A store in a temporary folder with short ways to make records; everything is removed at the end of the block (`await using`). */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Artifact, ArtifactFile } from '../../src/engine/artifact.js';
import { sealArtifact } from '../../src/engine/artifact-seal.js';
import { memoKey, stageKey } from '../../src/engine/key.js';
import type { KeyMaterial, MemoRecord, StageKey, StageRecord } from '../../src/engine/record.js';
import type { Store } from '../../src/engine/store/store.js';
import { openStore, type FileStore, type OpenStoreOptions } from '../../src/engine/store/file-store.js';

const MADE: StageRecord['made'] = { at: '2026-11-23T00:00:00.000Z', durationMs: 1, host: 'test', software: { pipeline: '0.1.0' } };

export function temporaryFolder(): { path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), 'store-test-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export class StoreRig implements AsyncDisposable {
  readonly folder: string;
  readonly directory: string;
  readonly #stores: FileStore[] = [];

  /** `memory`: on a file system in memory where there is one, for tests that make thousands of stores */
  constructor(where: 'disk' | 'memory' = 'disk') {
    this.folder = mkdtempSync(join(where === 'memory' && existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'store-test-'));
    this.directory = join(this.folder, 'cache');
  }

  async open(options: Partial<OpenStoreOptions> = {}): Promise<FileStore> {
    const store = await openStore(this.directory, { mode: 'read-write', ...options });
    this.#stores.push(store);
    return store;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const store of this.#stores) await store.close().catch(() => undefined);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function material(name: string, type = 'test.stage'): KeyMaterial {
  return { format: 1, type, version: 1, code: null, params: { name }, inputs: {}, externals: {}, services: {}, seed: null };
}

export const keyOf = (name: string, type?: string): StageKey => stageKey(material(name, type));

export function recordOf(name: string, files: readonly ArtifactFile[], type?: string): StageRecord {
  const outputs = { out: artifactOf(files) };
  return { format: 1, key: keyOf(name, type), material: material(name, type), outputs, metrics: { r: 0.5 }, made: MADE };
}

export function memoOf(name: string, files: readonly ArtifactFile[]): MemoRecord {
  const key = { type: 'test.stage', version: 1, struct: name };
  return { format: 1, key: memoKey(key), material: key, outputs: { out: artifactOf(files) }, made: MADE };
}

export const artifactOf = (files: readonly ArtifactFile[]): Artifact => sealArtifact({ type: 'Test', files, restricted: false });

/** What a stage does at its end: writes a file into staging, stores it, publishes a record with it and one file of bytes. */
export async function runStage(store: Store, name: string, contents: readonly string[], type?: string): Promise<StageRecord> {
  return (await runStageIn(store, name, contents, type)).record;
}

/** The same, and whether its record was kept. */
export async function runStageIn(store: Store, name: string, contents: readonly string[], type?: string): Promise<{ record: StageRecord; stored: boolean }> {
  const staging = await store.createStaging(name);
  const files: ArtifactFile[] = [];
  for (const [i, content] of contents.entries()) {
    const path = join(staging, `f${i}`);
    writeFileSync(path, content);
    files.push({ name: `f${i}`, ...(await store.putFile(path)) });
  }
  const record = recordOf(name, files, type);
  const stored = await store.publish(record);
  await store.discardStaging(staging);
  return { record, stored };
}
