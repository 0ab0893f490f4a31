/**
 * Where bytes come from: one answer of a server (or a local file) from a certain byte on. Knows nothing of files being written and of trying again; says of each
 * failure whether another try could help. Redirects are followed a few times, between http and https only and never from https to http.
 */
import { createReadStream, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface Answer {
  /** the first byte that comes: 0 if the server starts again although it was asked for more */
  readonly from: number;
  /** bytes of the whole file, where the server says it */
  readonly total: number | undefined;
  /** a strong name of this very content, to ask for the rest of it later */
  readonly validator: string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
}

/** A try that failed: another one would fail alike, may succeed, may if it begins at the first byte, or may unless there is no network at all. */
export class SourceFailure extends Error {
  readonly next: 'none' | 'again' | 'from-start' | 'unless-offline';

  constructor(message: string, next: SourceFailure['next'], cause?: unknown) {
    super(message, { cause });
    this.next = next;
  }
}

const MOST_REDIRECTS = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Too many requests, timeouts and trouble of the server: may pass. */
const MAY_PASS = (status: number): boolean => status === 408 || status === 425 || status === 429 || status >= 500;
const NOT_SATISFIABLE = 416;
/** What is said where there is no network, no such host or no server. */
const OFFLINE: ReadonlySet<string> = new Set(['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'ENETUNREACH', 'EHOSTUNREACH']);

/** Errors: SourceFailure, or what `signal` was aborted with. */
export async function answerFrom(url: URL, offset: number, validator: string | undefined, signal: AbortSignal): Promise<Answer> {
  return url.protocol === 'file:' ? fromFile(url, offset) : fromServer(url, offset, validator, signal);
}

function fromFile(url: URL, offset: number): Answer {
  try {
    const path = fileURLToPath(url);
    const stat = statSync(path);
    if (!stat.isFile()) throw new SourceFailure('is not a regular file', 'none');
    const from = offset <= stat.size ? offset : 0;
    return { from, total: stat.size, validator: undefined, body: createReadStream(path, { start: from }) };
  } catch (error) {
    throw error instanceof SourceFailure ? error : new SourceFailure(messageOf(error), 'none', error);
  }
}

async function fromServer(start: URL, offset: number, validator: string | undefined, signal: AbortSignal): Promise<Answer> {
  const headers: Record<string, string> = { 'accept-encoding': 'identity', ...(offset === 0 ? {} : { range: `bytes=${offset}-`, ...(validator === undefined ? {} : { 'if-range': validator }) }) };
  let url = start;
  for (let hops = 0; ; hops += 1) {
    const response = await ask(url, headers, signal);
    if (!REDIRECTS.has(response.status)) return answerOf(response, offset);
    await response.body?.cancel();
    const location = response.headers.get('location');
    const next = location !== null && URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    if (next === undefined || !(next.protocol === 'https:' || (next.protocol === 'http:' && url.protocol === 'http:'))) throw new SourceFailure(`the server sent us to ${next === undefined ? 'no address' : `a ${next.protocol} address`}`, 'none');
    if (hops === MOST_REDIRECTS) throw new SourceFailure(`the server sent us on more than ${MOST_REDIRECTS} times`, 'none');
    url = next;
  }
}

async function ask(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, { headers, redirect: 'manual', signal });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw new SourceFailure(messageOf(error), OFFLINE.has(rootOf(error).code ?? '') ? 'unless-offline' : 'again', error);
  }
}

async function answerOf(response: Response, offset: number): Promise<Answer> {
  const { status, headers, body } = response;
  const give = async (message: string, next: SourceFailure['next']): Promise<never> => {
    await body?.cancel();
    throw new SourceFailure(message, next);
  };
  // Asked for what lies beyond its end: what we have is not of this file.
  if (status === NOT_SATISFIABLE && offset > 0) return give('the file is shorter than what was there', 'from-start');
  if (status !== 200 && status !== 206) await give(`the server answered ${status}${response.statusText === '' ? '' : ` ${response.statusText}`}`, MAY_PASS(status) ? 'again' : 'none');
  const coding = headers.get('content-encoding');
  if (coding !== null && coding !== 'identity') await give(`the server answered in the coding "${coding}", which was not asked for`, 'none');
  if (body === null) return give('the server answered without content', 'none');
  const etag = headers.get('etag');
  const validator = etag !== null && !etag.startsWith('W/') ? etag : (headers.get('last-modified') ?? undefined);
  const length = headers.get('content-length');
  if (status === 200) return { from: 0, total: length === null ? undefined : Number(length), validator, body };
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '');
  if (range === null || Number(range[1]) !== offset) await give('the server answered with another part than was asked for', 'from-start');
  const total = range?.[2] === undefined || range[2] === '*' ? undefined : Number(range[2]);
  return { from: offset, total, validator, body };
}

/** `fetch failed` says nothing; its cause does. */
export function messageOf(error: unknown): string {
  const { message, code } = rootOf(error);
  return message === '' ? (code ?? 'unknown') : message;
}

function rootOf(error: unknown): { readonly message: string; readonly code?: string } {
  if (!(error instanceof Error)) return { message: String(error) };
  // One address of several that were tried.
  const cause: unknown = error instanceof AggregateError ? error.errors[0] : error.cause;
  if (cause instanceof Error) return rootOf(cause);
  return 'code' in error && typeof error.code === 'string' ? { message: error.message, code: error.code } : { message: error.message };
}
