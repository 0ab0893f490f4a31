/**
 * Files from a URL, by their sha256: `<folder>/<sha256>/<file name>`. What is handed over has been hashed in this process. A download that was cut off goes on where it
 * stopped; because the whole is verified at the end, what the server says about its content only saves time and is never trusted.
 */
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DownloadOptions, DownloadRequest, DownloadService } from '../core/download-service.js';
import { PipelineError } from '../core/errors.js';
import { PartFile } from './part-file.js';
import { answerFrom, messageOf, SourceFailure } from './source.js';

export interface DownloadSettings {
  readonly folder: string;
  /** looked at first and never written: the downloads of a store that may only be read */
  readonly readOnlyFolder?: string;
  /** silence that ends a try (default 30 s) */
  readonly silenceMs?: number;
  /** before the second try; doubled each time (default 0.5 s) */
  readonly waitMs?: number;
}

const SILENCE_MS = 30_000;
const WAIT_MS = 500;
/** tries in a row that bring less than a mebibyte each */
const TRIES = 6;
const PROGRESS = 1 << 20;
const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);
const PROTOCOLS: ReadonlySet<string> = new Set(['https:', 'http:', 'file:']);

export function createDownloadService(settings: DownloadSettings): DownloadService {
  const underWay = new Map<string, Promise<string>>();
  const verified = new Map<string, string>();
  return {
    async obtain(request, options = {}) {
      const url = checked(request);
      const target = placeOf(settings.folder, request.sha256, url);
      const found = [settings.readOnlyFolder, settings.folder].filter((folder) => folder !== undefined).map((folder) => placeOf(folder, request.sha256, url));
      for (const path of found) if (await isVerified(path, request.sha256, verified)) return path;
      options.signal?.throwIfAborted();
      const running = underWay.get(target);
      if (running !== undefined) return running;
      const fetching = fetchTo(target, url, request, settings, options).finally(() => underWay.delete(target));
      underWay.set(target, fetching);
      return fetching;
    },
  };
}

/** Where a file is looked for, and put by hand where there is no network. */
export function placeOf(folder: string, sha256: string, url: URL): string {
  const last = url.pathname.split('/').filter((part) => part !== '').at(-1) ?? '';
  const name = last.replace(/%[0-9A-Fa-f]{2}/g, '_').replace(/[^A-Za-z0-9._-]/g, '_').replace(/^\.+/, '').slice(-100);
  return join(folder, sha256, name === '' ? 'file' : name);
}

function checked({ url, sha256 }: DownloadRequest): URL {
  const bad = (what: string, expected: string, found: string): PipelineError => new PipelineError('E_DOWNLOAD', `"${found}" ${what}`, { facts: { expected, found }, hint: 'Correct the address and the sha256.' });
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw bad('is no sha256', '64 hexadecimal digits, lower case', sha256);
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !PROTOCOLS.has(parsed.protocol)) throw bad('is no address that can be fetched', 'https, http or file', url);
  if (parsed.username !== '' || parsed.password !== '') {
    parsed.username = parsed.password = '';
    throw bad('was given with a password', 'an address without one: addresses are recorded', parsed.href);
  }
  return parsed;
}

/** Hashed once in a process, as long as its stamp stays. */
async function isVerified(path: string, sha256: string, verified: Map<string, string>): Promise<boolean> {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  if (stat?.isFile() !== true) return false;
  const stamp = `${stat.ino}/${stat.size}/${stat.mtimeNs}/${stat.ctimeNs}`;
  if (verified.get(path) === stamp) return true;
  const hash = createHash('sha256');
  for await (const part of createReadStream(path, { highWaterMark: PROGRESS })) hash.update(part as Buffer);
  if (hash.digest('hex') !== sha256) return false;
  verified.set(path, stamp);
  return true;
}

async function fetchTo(target: string, url: URL, request: DownloadRequest, settings: DownloadSettings, options: DownloadOptions): Promise<string> {
  let part: PartFile | undefined;
  try {
    mkdirSync(join(target, '..'), { recursive: true });
    part = await PartFile.open(target);
    let resumed = part.length > 0;
    for (;;) {
      await complete(part, url, settings, options);
      const found = part.digest();
      if (found === request.sha256) break;
      if (!resumed) {
        await part.remove();
        throw new PipelineError('E_DOWNLOAD', `"${url.href}" has another content than was asked for`, {
          facts: { expected: `sha256 ${request.sha256}`, found: `sha256 ${found}`, bytes: part.length },
          hint: 'Check the sha256 where it comes from. What was fetched has been removed.',
        });
      }
      // The file at that address may have changed between the two parts: once more from its beginning.
      await part.restart();
      resumed = false;
    }
    await part.publish(target);
    return target;
  } catch (error) {
    // Its part was taken for a dead process's by another one, which then has published the same content.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && (await isVerified(target, request.sha256, new Map()))) return target;
    if (options.signal?.aborted === true) throw cancelled(options.signal, url);
    if (FULL.has((error as NodeJS.ErrnoException).code ?? '')) {
      await part?.remove();
      throw new PipelineError('E_NO_SPACE', `"${url.href}" does not fit on the disk`, { facts: { expected: `room for it in ${settings.folder}`, found: messageOf(error) }, hint: 'Make room, and run again. What was fetched has been removed.', cause: error });
    }
    throw error instanceof PipelineError ? error : cannotFetch(placeOf(settings.readOnlyFolder ?? settings.folder, request.sha256, url), url, request, error);
  } finally {
    await part?.close();
    if (part?.length === 0) await part.remove(); // nothing to go on from
  }
}

/** Tries until the source says that it has ended. Errors: SourceFailure when another try would not help, or too many have brought nothing. */
async function complete(part: PartFile, url: URL, settings: DownloadSettings, options: DownloadOptions): Promise<void> {
  const { waitMs = WAIT_MS } = settings;
  for (let tries = 1; ; tries += 1) {
    const before = part.length;
    try {
      return await once(part, url, settings.silenceMs ?? SILENCE_MS, options);
    } catch (error) {
      const offline = error instanceof SourceFailure && error.next === 'unless-offline' && tries === 1;
      if (!(error instanceof SourceFailure) || error.next === 'none' || offline || options.signal?.aborted === true) throw error;
      if (part.length - before >= PROGRESS) tries = 1;
      else if (tries >= TRIES) throw error;
      // What cannot be continued is begun again.
      if (error.next === 'from-start') await part.restart();
      await sleep(waitMs * 2 ** (tries - 1), undefined, options.signal === undefined ? {} : { signal: options.signal });
    }
  }
}

async function once(part: PartFile, url: URL, silenceMs: number, { signal, progress }: DownloadOptions): Promise<void> {
  const silence = new AbortController();
  const silent = (): void => silence.abort(new SourceFailure(`nothing came for ${silenceMs / 1000} s`, 'again'));
  let timer = setTimeout(silent, silenceMs);
  const ending = signal === undefined ? silence.signal : AbortSignal.any([silence.signal, signal]);
  try {
    const answer = await answerFrom(url, part.length, part.validator, ending);
    if (answer.from !== part.length) await part.restart();
    part.note(answer.validator);
    for await (const bytes of heard(answer.body, ending)) {
      clearTimeout(timer);
      timer = setTimeout(silent, silenceMs);
      await part.write(bytes);
      progress?.(part.length, answer.total);
    }
    if (answer.total !== undefined && part.length < answer.total) throw new SourceFailure(`the connection ended after ${part.length} of ${answer.total} bytes`, 'again');
  } finally {
    clearTimeout(timer);
  }
}

/** A connection that breaks off is a reason to try again; a disk that does is not. */
async function* heard(body: AsyncIterable<Uint8Array>, ending: AbortSignal): AsyncGenerator<Uint8Array> {
  const parts = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      let next: IteratorResult<Uint8Array>;
      try {
        next = await parts.next();
      } catch (error) {
        if (ending.aborted) throw ending.reason;
        throw new SourceFailure(`the connection broke off: ${messageOf(error)}`, 'again', error);
      }
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await parts.return?.().catch(() => undefined);
  }
}

function cancelled(signal: AbortSignal, url: URL): unknown {
  const reason: unknown = signal.reason;
  return reason instanceof PipelineError ? reason : new PipelineError('E_CANCELLED', `"${url.href}" was not fetched to its end`, { hint: 'Run again: it goes on where it stopped.' });
}

function cannotFetch(place: string, url: URL, { sha256 }: DownloadRequest, error: unknown): PipelineError {
  return new PipelineError('E_DOWNLOAD', `"${url.href}" could not be fetched`, {
    facts: { expected: `a file with sha256 ${sha256}`, found: messageOf(error), place },
    hint: `${error instanceof SourceFailure && error.next === 'none' ? 'Check the address' : 'Run again when the network is there'}, or fetch that file elsewhere and put it at '${place}'.`,
    cause: error,
  });
}
