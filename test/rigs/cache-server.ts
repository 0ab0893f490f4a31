/**
 * A cache server in Bazel's HTTP protocol, in this process: flat paths ac/<sha256> and cas/<sha256>, `If-None-Match: *`, and like the servers in use it
 * hashes what comes into cas and refuses what does not match. `misbehave` may answer instead, in every bad way a test wants.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
}

/** True if it has answered (or means to let them wait). */
export type Misbehave = (asked: Asked, response: ServerResponse, body: Buffer | undefined) => boolean;

export class CacheServer implements AsyncDisposable {
  readonly entries = new Map<string, Buffer>();
  readonly asked: Asked[] = [];
  misbehave: Misbehave | undefined;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<CacheServer> {
    const server = createServer();
    const cache = new CacheServer(server);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => void cache.#answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return cache;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/team`;
  }

  count(method: string, shelf: 'ac' | 'cas'): number {
    return this.asked.filter((each) => each.method === method && each.path.startsWith(`/team/${shelf}/`)).length;
  }

  /** Everything under `ac` or `cas`, by id. */
  shelf(shelf: 'ac' | 'cas'): Map<string, Buffer> {
    return new Map([...this.entries].filter(([path]) => path.startsWith(`/team/${shelf}/`)).map(([path, body]) => [path.slice(-64), body]));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = { method: request.method ?? '', path: request.url ?? '', headers: request.headers };
    this.asked.push(asked);
    let body: Buffer | undefined;
    if (asked.method === 'PUT') {
      const parts: Buffer[] = [];
      try {
        for await (const part of request) parts.push(part as Buffer);
      } catch {
        return;
      }
      body = Buffer.concat(parts);
    }
    if (this.misbehave?.(asked, response, body) === true) return;
    const match = /^\/team\/(ac|cas)\/([0-9a-f]{64})$/.exec(asked.path);
    if (match === null) return void response.writeHead(400).end();
    const known = this.entries.get(asked.path);
    if (body !== undefined) {
      if (known !== undefined && asked.headers['if-none-match'] === '*') return void response.writeHead(412).end();
      if (match[1] === 'cas' && createHash('sha256').update(body).digest('hex') !== match[2]) return void response.writeHead(400).end('wrong digest');
      this.entries.set(asked.path, body);
      return void response.writeHead(200).end();
    }
    if (known === undefined) return void response.writeHead(404).end('Not found');
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': known.length });
    response.end(asked.method === 'HEAD' ? undefined : known);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
