/**
 * The store of a run: the local one, with the shared cache of the project behind it if there is one. Says at the end what was shared. Without a
 * shared cache none of its code is loaded.
 */
import type { Settings } from '../engine/config/settings.js';
import type { LayeredStore } from '../engine/remote/layered-store.js';
import { openStore } from '../engine/store/file-store.js';
import type { Store } from '../engine/store/store.js';
import { checkFolder } from './check-folder.js';
import type { Invocation } from './invocation.js';
import type { ProjectPaths } from './project-paths.js';
import { settingsOf } from './project-configs.js';
import { remoteLine } from './render/remote-line.js';

export interface RunStore {
  readonly store: Store & { readonly scratch?: string | undefined };
  /** ends what is being fetched or sent: the run is to stop */
  readonly interrupt: () => void;
  /** waits for what is still being sent, as long as the configuration allows, and says what was shared */
  readonly finish: (signal: AbortSignal) => Promise<void>;
}

/** Whether a shared cache stands behind the store. */
export function isShared(settings: Settings): boolean {
  return ['remote.url', 'remote.directory'].some((name) => settings.get(name) !== undefined) || settings.get('remote.mode')?.from === 'flag';
}

/** Errors: those of opening a store, and whatever is wrong with the configuration of the shared cache. */
export async function openRunStore(invocation: Invocation, { root, store: directory }: ProjectPaths): Promise<RunStore> {
  const { io, options } = invocation;
  if (options.cacheMode !== 'off') checkFolder(directory, 'the cache', 'Name a folder with --cache-dir.');
  const settings = settingsOf(invocation, root);
  const remote = isShared(settings) && options.cacheMode !== 'off' ? await import('../engine/remote/remote-settings.js') : undefined;
  const shared = remote?.remoteSettings(settings, { root, cwd: io.cwd, env: io.env });
  // Who says `--cache-mode read-write` wants to know; otherwise a cache that cannot be written is read.
  const local = await openStore(directory, { mode: options.cacheMode, ...(options.raw['cacheMode'] === undefined ? { fallback: 'read' } : {}) });
  if (remote === undefined || shared === undefined) return { store: local, interrupt: () => undefined, finish: () => Promise.resolve() };
  const store = remote.layered(local, shared);
  return { store, interrupt: () => store.interrupt(), finish: (signal) => finish(store, shared.drainMs, signal, invocation) };
}

async function finish(store: LayeredStore, drainMs: number, signal: AbortSignal, { io, options, err }: Invocation): Promise<void> {
  const { totals } = store;
  const isTold = !options.json && !options.quiet;
  if (store.pending > 0 && isTold) io.stderr.write(`sending ${store.pending} ${store.pending === 1 ? 'result' : 'results'} to ${totals.place}\n`);
  await store.drain(drainMs, signal);
  if (options.json) {
    io.stdout.write(`${JSON.stringify({ schema: 'pipeline.remote.v1', kind: 'remote', ...totals })}\n`);
    return;
  }
  if (isTold) io.stdout.write(`${remoteLine(totals)}\n`);
  if (totals.notSent > 0) io.stderr.write(`${err.yellow(err.symbol('warning'))} ${totals.problem ?? 'interrupted'}\n  to send what is missing: pipeline cache push\n`);
}
