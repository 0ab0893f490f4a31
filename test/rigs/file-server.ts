/** A server of one file, in this process, that behaves as badly as a test wants: it answers ranges, names its content, and `behave` may do something else. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export class FileServer implements AsyncDisposable {
  content: Buffer;
  etag: string | undefined = '"1"';
  /** of each request, in order */
  readonly ranges: (string | undefined)[] = [];
  /** true if it has answered */
  behave: ((request: IncomingMessage, response: ServerResponse, count: number) => boolean) | undefined;
  readonly #server: Server;

  private constructor(server: Server, content: Buffer) {
    this.#server = server;
    this.content = content;
  }

  static async start(content: Buffer): Promise<FileServer> {
    const server = createServer();
    const made = new FileServer(server, content);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => made.#answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return made;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/weights/net.pth?download=1`;
  }

  /** What a good server sends. @param length only so many bytes, then the connection breaks */
  send(request: IncomingMessage, response: ServerResponse, length = Infinity): void {
    const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
    const condition = request.headers['if-range'];
    const from = asked === null || (condition !== undefined && condition !== this.etag) ? 0 : Number(asked[1]);
    if (from > 0 && from >= this.content.length) return void response.writeHead(416).end();
    const body = this.content.subarray(from);
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': body.length,
      ...(this.etag === undefined ? {} : { etag: this.etag }),
      ...(from > 0 ? { 'content-range': `bytes ${from}-${this.content.length - 1}/${this.content.length}` } : {}),
    });
    if (length >= body.length) response.end(body);
    else response.write(body.subarray(0, length), () => setTimeout(() => response.destroy(), 20));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.ranges.push(request.headers.range);
    if (this.behave?.(request, response, this.ranges.length) !== true) this.send(request, response);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
