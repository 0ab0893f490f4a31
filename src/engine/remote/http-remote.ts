/**
 * A cache behind HTTP, as Bazel speaks to one: GET, HEAD and PUT of `<base>/ac/<sha256>` and `<base>/cas/<sha256>`. Bodies are streamed, never held.
 * Each request has a limit for silence and one for the whole that grows with the bytes moved; answers are capped; nobody is followed to another host,
 * because the credentials are meant for this one.
 */
import { createReadStream } from 'node:fs';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import type { Digest } from '../../core/digest.js';
import { MAX_RECORD_BYTES, RemoteFailure, type Presence, type RemoteCache } from './remote-cache.js';

export interface HttpRemoteOptions {
  readonly url: string;
  /** with their values: credentials live here */
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

const CONNECTIONS = 8;
const MOST_REDIRECTS = 3;
/** A transfer that has been slower than this since it began is given up, however steadily it drips. */
const SLOWEST_BYTES_PER_MS = 16;
/** What is read of an answer that nobody needs, so that its connection can be used again. */
const MOST_CHATTER = 64 * 1024;

interface Request {
  readonly method: 'GET' | 'HEAD' | 'PUT';
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: () => Readable | Uint8Array;
  /** of what is sent */
  readonly size?: number;
}

interface Answer {
  readonly response: IncomingMessage;
  /** so many bytes of it have come: it may take longer */
  readonly progressed: (bytes: number) => void;
}

export class HttpRemote implements RemoteCache {
  readonly place: string;
  readonly #base: URL;
  readonly #options: HttpRemoteOptions;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #closing = new AbortController();

  constructor(options: HttpRemoteOptions) {
    this.#options = options;
    this.#base = new URL(options.url.endsWith('/') ? options.url : `${options.url}/`);
    this.place = this.#base.href.replace(/\/$/, '');
    const agentOptions = { keepAlive: true, maxSockets: CONNECTIONS };
    this.#agent = this.#base.protocol === 'https:' ? new HttpsAgent(agentOptions) : new HttpAgent(agentOptions);
  }

  async getRecord(id: Digest): Promise<Uint8Array | undefined> {
    const response = await this.#get(`ac/${id}`);
    if (response === undefined) return undefined;
    const parts: Buffer[] = [];
    let size = 0;
    for await (const part of response) {
      size += part.length;
      if (size > MAX_RECORD_BYTES) throw this.#failure('wrong', 'sent a record of more than 32 MiB');
      parts.push(part);
    }
    return Buffer.concat(parts);
  }

  getObject(digest: Digest): Promise<AsyncIterable<Uint8Array> | undefined> {
    return this.#get(`cas/${digest}`);
  }

  putRecord(id: Digest, bytes: Uint8Array, replace: boolean): Promise<void> {
    return this.#put(`ac/${id}`, bytes.length, () => bytes, replace);
  }

  putObject(digest: Digest, size: number, path: string, replace: boolean): Promise<void> {
    return this.#put(`cas/${digest}`, size, () => createReadStream(path), replace);
  }

  async has(digest: Digest, size: number): Promise<Presence> {
    const { response } = await this.#follow(`cas/${digest}`, { method: 'HEAD' });
    await settle(response);
    const status = response.statusCode ?? 0;
    this.#refuseIfTold(status, 'HEAD');
    if (status !== 200) return 'absent'; // also where HEAD is not known: sending once too often is no harm
    const length = response.headers['content-length'];
    return length === undefined || Number(length) === size ? 'present' : 'other size';
  }

  close(): void {
    this.#closing.abort();
    this.#agent.destroy();
  }

  async #get(path: string): Promise<AsyncIterable<Buffer> | undefined> {
    const answer = await this.#follow(path, { method: 'GET' });
    const { response } = answer;
    const status = response.statusCode ?? 0;
    if (status === 200) {
      const coding = response.headers['content-encoding'];
      if (coding === undefined || coding === 'identity') return this.#bodyOf(answer);
      response.destroy();
      throw this.#failure('wrong', `sent an answer in the coding ${coding}, which was not asked for`);
    }
    await settle(response);
    if (status === 404 || status === 410) return undefined;
    this.#refuseIfTold(status, 'GET');
    throw this.#failure(status >= 500 || status === 429 ? 'unreachable' : 'wrong', `answered GET with status ${status}`);
  }

  async #put(path: string, size: number, body: NonNullable<Request['body']>, replace: boolean): Promise<void> {
    const headers = { 'content-length': size, 'content-type': 'application/octet-stream', ...(replace ? {} : { 'if-none-match': '*' }) };
    const { response } = await this.#send(new URL(path, this.#base), { method: 'PUT', headers, body, size });
    await settle(response);
    const status = response.statusCode ?? 0;
    if ((status >= 200 && status < 300) || status === 412 || status === 409) return; // the last two: somebody was faster
    this.#refuseIfTold(status, 'PUT');
    throw this.#failure(status === 413 ? 'unsuitable' : 'unreachable', `answered PUT with status ${status}`);
  }

  #refuseIfTold(status: number, method: string): void {
    if (status !== 401 && status !== 403 && status !== 405 && status !== 407) return;
    if (status === 405 && method === 'HEAD') return;
    throw this.#failure('refused', `answered ${method} with status ${status}`);
  }

  async *#bodyOf({ response, progressed }: Answer): AsyncGenerator<Buffer> {
    try {
      for await (const part of response) {
        progressed((part as Buffer).length);
        yield part as Buffer;
      }
    } catch (error) {
      throw this.#asFailure(error);
    }
    // a body that ended early without an error of the connection
    if (!response.complete) throw this.#failure('unreachable', 'ended its answer early');
  }

  async #follow(path: string, request: Request): Promise<Answer> {
    let url = new URL(path, this.#base);
    for (let hops = 0; ; hops += 1) {
      const answer = await this.#send(url, request);
      const { response } = answer;
      const { location } = response.headers;
      if (![301, 302, 303, 307, 308].includes(response.statusCode ?? 0) || location === undefined) return answer;
      await settle(response);
      const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
      if (next?.origin !== this.#base.origin) throw this.#failure('wrong', `sent us elsewhere (${next?.origin ?? 'to no address'})`);
      if (hops === MOST_REDIRECTS) throw this.#failure('wrong', 'sent us around in circles');
      url = next;
    }
  }

  #send(url: URL, { method, headers, body, size = 0 }: Request): Promise<Answer> {
    const { timeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => reject(this.#asFailure(error));
      const { signal } = this.#closing;
      if (signal.aborted) return reject(this.#failure('ended', 'was not asked any more'));
      const start = url.protocol === 'https:' ? httpsRequest : httpRequest;
      const request = start(url, { method, agent: this.#agent, headers: { 'accept-encoding': 'identity', ...this.#options.headers, ...headers } });
      let answer: IncomingMessage | undefined;
      const give = (failure: RemoteFailure): unknown => (answer ?? request).destroy(failure);
      const slow = (): unknown => give(this.#failure('slow', `did not finish ${method} in time`));
      const end = (): unknown => give(this.#failure('ended', 'was interrupted'));
      const began = performance.now();
      let moved = size;
      let deadline = setTimeout(slow, timeoutMs + moved / SLOWEST_BYTES_PER_MS);
      const progressed = (bytes: number): void => {
        moved += bytes;
        clearTimeout(deadline);
        if (!request.closed) deadline = setTimeout(slow, began + timeoutMs + moved / SLOWEST_BYTES_PER_MS - performance.now());
      };
      signal.addEventListener('abort', end, { once: true });
      request.setTimeout(timeoutMs, slow);
      request.on('error', fail);
      request.once('response', (response) => {
        answer = response;
        resolve({ response, progressed });
      });
      request.once('close', () => {
        clearTimeout(deadline);
        signal.removeEventListener('abort', end);
        fail(this.#failure('unreachable', 'closed the connection')); // of no effect once there was an answer
      });
      const content = body?.();
      if (content === undefined || content instanceof Uint8Array) request.end(content);
      else {
        content.on('error', (error) => request.destroy(error));
        request.once('close', () => content.destroy());
        content.pipe(request);
      }
    });
  }

  #asFailure(error: unknown): RemoteFailure {
    if (error instanceof RemoteFailure) return error;
    const message = error instanceof Error ? ('code' in error && typeof error.code === 'string' && error.message === '' ? error.code : error.message) : String(error);
    return this.#failure('unreachable', `could not be reached: ${message}`, error);
  }

  #failure(kind: RemoteFailure['kind'], what: string, cause?: unknown): RemoteFailure {
    return new RemoteFailure(kind, `"${this.place}" ${what}`, cause === undefined ? {} : { cause });
  }
}

/** Reads an answer that nobody needs to its end, if it is short. */
async function settle(response: IncomingMessage): Promise<void> {
  let size = 0;
  try {
    for await (const part of response) {
      size += (part as Buffer).length;
      if (size > MOST_CHATTER) break; // which ends the connection
    }
  } catch {
    // its status was what mattered
  }
}
