/**
 * From settings to a second level that can be used: where it is, whom it trusts, what it signs with. Everything that can be wrong with them is an
 * error here, before anything runs; from then on nothing about it fails a run. Credentials are read here and go no further than the requests.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { bytesOf, millisecondsOf } from '../config/quantities.js';
import type { Setting, Settings } from '../config/settings.js';
import type { FileStore } from '../store/file-store.js';
import { FolderRemote } from './folder-remote.js';
import { HttpRemote } from './http-remote.js';
import { LayeredStore } from './layered-store.js';
import type { RemoteCache } from './remote-cache.js';
import { signingKey, TrustedKeys, type SigningKey } from './signing.js';

export interface RemoteSettings {
  readonly mode: 'read' | 'read-write';
  readonly place: { readonly url: string } | { readonly directory: string };
  readonly trust: 'any' | readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly signer: SigningKey | undefined;
  readonly timeoutMs: number;
  readonly drainMs: number;
  readonly maxObjectBytes: number;
  readonly sendRestricted: boolean;
}

export interface RemoteSettingsContext {
  readonly root: string;
  /** what paths of flags and of the environment are relative to */
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

const PRIVATE_KEY = 'a private key';

/** undefined if there is none, or it is off. Errors: E_USAGE, E_MISSING_FIELD, E_SHARED_CACHE. */
export function remoteSettings(settings: Settings, context: RemoteSettingsContext): RemoteSettings | undefined {
  const mode = settings.get('remote.mode') as Setting;
  if (mode.value === 'off') return undefined;
  const place = settings.higher('remote.url', 'remote.directory');
  if (place === undefined) {
    if (mode.from !== 'flag') return undefined;
    throw new PipelineError('E_USAGE', `"${mode.origin}" needs a shared cache`, { facts: { expected: 'remote: { url } or remote: { directory } in pipeline.config.yaml', found: 'neither' }, hint: 'Say where it is; docs/sharing.md shows how.' });
  }
  if (settings.get('remote.url')?.from === settings.get('remote.directory')?.from) {
    throw new PipelineError('E_USAGE', '"remote" is in two places', { facts: { expected: 'url or directory', found: `${String(settings.get('remote.url')?.value)} and ${String(settings.get('remote.directory')?.value)}` }, hint: 'Remove one of the two.' });
  }
  return {
    mode: mode.value as RemoteSettings['mode'],
    place: place.name === 'remote.url' ? { url: String(place.value) } : { directory: pathOf(place, context) },
    trust: trustOf(settings),
    headers: headersOf(settings, context.env),
    signer: mode.value === 'read-write' ? signerOf(settings, context) : undefined,
    timeoutMs: millisecondsOf(settings.text('remote.timeout') as string) as number,
    drainMs: millisecondsOf(settings.text('remote.drain') as string) as number,
    maxObjectBytes: bytesOf(settings.text('remote.maxObjectSize') as string) as number,
    sendRestricted: settings.get('remote.sendRestricted')?.value === true,
  };
}

export function openRemote({ place, headers, timeoutMs }: RemoteSettings): RemoteCache {
  return 'url' in place ? new HttpRemote({ url: place.url, headers, timeoutMs }) : new FolderRemote(place.directory);
}

export function layered(local: FileStore, settings: RemoteSettings): LayeredStore {
  const { mode, trust, signer, maxObjectBytes, sendRestricted } = settings;
  return new LayeredStore(local, { remote: openRemote(settings), mode, trust: new TrustedKeys(trust), signer, maxObjectBytes, sendRestricted });
}

/** `any` has to be written out: whoever can write to a shared cache could otherwise plant results in it. */
function trustOf(settings: Settings): RemoteSettings['trust'] {
  const trust = settings.get('remote.trust')?.value;
  if (trust !== undefined) return trust as RemoteSettings['trust'];
  throw new PipelineError('E_MISSING_FIELD', '"trust" is missing in "remote"', {
    facts: { expected: 'the public keys of those whose results are used (ed25519:…), or any', found: 'nothing' },
    hint: 'List the keys in pipeline.config.yaml (`pipeline cache keygen FILE` makes one), or run with --remote off.',
  });
}

function headersOf(settings: Settings, env: NodeJS.ProcessEnv): Record<string, string> {
  const names = (settings.get('remote.headers')?.value ?? {}) as Readonly<Record<string, string>>;
  return Object.fromEntries(Object.entries(names).map(([header, variable]) => [header, secretIn(variable, `the value of the header ${header}`, env)]));
}

function signerOf(settings: Settings, context: RemoteSettingsContext): SigningKey | undefined {
  const setting = settings.higher('remote.sign.keyFile', 'remote.sign.keyEnv');
  if (setting === undefined) {
    if (settings.get('remote.trust')?.value === 'any') return undefined; // nobody here looks at signatures
    throw new PipelineError('E_MISSING_FIELD', '"sign" is missing in "remote"', {
      facts: { expected: 'the private key that signs what is sent', found: 'nothing' },
      hint: 'Add sign: { keyFile } or sign: { keyEnv } to pipeline.config.yaml, or run with --remote read.',
    });
  }
  if (setting.name === 'remote.sign.keyEnv') return signingKey(secretIn(String(setting.value), PRIVATE_KEY, context.env), String(setting.value));
  const path = pathOf(setting, context);
  try {
    return signingKey(readFileSync(path, 'utf8'), path);
  } catch (error) {
    if (error instanceof PipelineError) throw error;
    throw new PipelineError('E_SHARED_CACHE', `"${path}" cannot be read`, { facts: { expected: 'a private key', found: (error as Error).message }, hint: 'Make one with `pipeline cache keygen FILE`, or run with --remote read.', cause: error });
  }
}

function secretIn(variable: string, what: string, env: NodeJS.ProcessEnv): string {
  const value = env[variable];
  // a line break in a header would begin another one
  if (value !== undefined && (what === PRIVATE_KEY ? value !== '' : /^[\x20-\x7e]+$/.test(value))) return value;
  throw new PipelineError('E_SHARED_CACHE', `"${variable}" does not hold ${what}`, { facts: { expected: 'an environment variable with printable ASCII text', found: value === undefined || value === '' ? 'nothing' : 'other characters' }, hint: `Set ${variable}, or run with --remote off.` });
}

function pathOf({ value, from }: Setting, { root, cwd }: RemoteSettingsContext): string {
  const text = String(value);
  if (text === '~' || text.startsWith('~/')) return resolve(homedir(), text.slice(2));
  return resolve(from === 'file' || from === 'default' ? root : cwd, text);
}
