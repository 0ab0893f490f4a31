/** Two machines, each with a store of its own, and one shared cache between them: what one has run, the other is to restore. */
import { readFileSync } from 'node:fs';
import type { StoreEvent } from '../../src/engine/events.js';
import type { StageKey, StageRecord } from '../../src/engine/record.js';
import { LayeredStore, type LayeredStoreOptions } from '../../src/engine/remote/layered-store.js';
import type { RemoteCache } from '../../src/engine/remote/remote-cache.js';
import { generateKey, signingKey, TrustedKeys } from '../../src/engine/remote/signing.js';
import { objectFiles } from '../../src/engine/store/record-file.js';
import { runStage, StoreRig } from './store-rig.js';

export const TEAM = generateKey();

export class Machine implements AsyncDisposable {
  readonly rig = new StoreRig('memory');
  readonly warnings: string[] = [];
  readonly events: StoreEvent[] = [];
  readonly #opened: LayeredStore[] = [];

  async open(remote: RemoteCache, options: Partial<LayeredStoreOptions> & { readonly cacheMode?: 'off' | 'read' | 'read-write' } = {}): Promise<LayeredStore> {
    const { cacheMode = 'read-write', ...rest } = options;
    const local = await this.rig.open({ mode: cacheMode });
    const store = new LayeredStore(local, { remote, mode: 'read', trust: new TrustedKeys([TEAM.publicKey]), signer: signingKey(TEAM.pem, 'test'), maxObjectBytes: 1e9, sendRestricted: false, ...rest });
    store.onEvent((event) => {
      this.events.push(event);
      if (event.kind === 'remote.warning') this.warnings.push(event.text);
    });
    this.#opened.push(store);
    return store;
  }

  /** Runs a stage whose outputs have these contents, and waits until it was sent. */
  async share(remote: RemoteCache, name: string, contents: readonly string[], options: Partial<LayeredStoreOptions> = {}): Promise<StageRecord> {
    const store = await this.open(remote, { mode: 'read-write', ...options });
    const record = await runStage(store, name, contents);
    await store.drain(10_000);
    return record;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const store of this.#opened) await store.close().catch(() => undefined);
    await this.rig[Symbol.asyncDispose]();
  }
}

/** The contents of what is restored; undefined for a miss. */
export async function contentsOf(store: LayeredStore, key: StageKey): Promise<string[] | undefined> {
  const record = await store.lookup(key);
  return record === undefined ? undefined : [...objectFiles(record)].map(({ digest }) => readFileSync(store.objectPath(digest), 'utf8'));
}
