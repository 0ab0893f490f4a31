import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { digestOf } from '../../src/core/digest.js';
import { PipelineError } from '../../src/core/errors.js';
import { Random } from '../../src/core/random.js';
import { createDownloadService } from '../../src/downloads/service.js';
import { compiledRig } from '../rigs/pipeline/compiled.js';
import { FileServer } from '../rigs/file-server.js';

const random = new Random('download');
const CONTENT = Buffer.from(Uint8Array.from({ length: 300_000 }, () => random.integer(0, 256)));
const SHA256 = digestOf(CONTENT);

let server: FileServer;
let folder: string;
beforeEach(async () => {
  server = await FileServer.start(CONTENT);
  folder = mkdtempSync(join(tmpdir(), 'downloads-'));
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const service = (more: { readonly silenceMs?: number; readonly readOnlyFolder?: string } = {}): ReturnType<typeof createDownloadService> => createDownloadService({ folder, waitMs: 1, ...more });
const place = (): string => join(folder, SHA256, 'net.pth');

async function failure(act: Promise<unknown>): Promise<PipelineError> {
  try {
    await act;
  } catch (error) {
    if (error instanceof PipelineError) return error;
    throw error;
  }
  return expect.fail('nothing was thrown');
}

describe('a file', () => {
  test('is fetched once, verified, and lies under its sha256 with its own name', async () => {
    const seen: (readonly [number, number | undefined])[] = [];
    const downloads = service();
    expect(await downloads.obtain({ url: server.url, sha256: SHA256 }, { progress: (done, total) => seen.push([done, total]) })).toBe(place());
    expect(readFileSync(place()).equals(CONTENT)).toBe(true);
    expect(seen.at(-1)).toEqual([CONTENT.length, CONTENT.length]);
    expect(readdirSync(join(folder, SHA256))).toEqual(['net.pth']);
    await downloads.obtain({ url: server.url, sha256: SHA256 });
    await service().obtain({ url: server.url, sha256: SHA256 });
    expect(server.ranges).toHaveLength(1);
  });

  test('that was put there by hand is taken without the network, and only if it is the right one', async () => {
    mkdirSync(join(folder, SHA256));
    writeFileSync(place(), CONTENT);
    const { url } = server;
    await server[Symbol.asyncDispose]();
    expect(await service().obtain({ url, sha256: SHA256 })).toBe(place());
    server = await FileServer.start(CONTENT);
    writeFileSync(place(), 'damaged');
    await service().obtain({ url: server.url, sha256: SHA256 });
    expect(readFileSync(place()).equals(CONTENT)).toBe(true);
  });

  test('comes from a local address too', async () => {
    const local = join(folder, 'local file.bin');
    writeFileSync(local, CONTENT);
    const path = await service().obtain({ url: pathToFileURL(local).href, sha256: SHA256 });
    expect(path).toBe(join(folder, SHA256, 'local_file.bin'));
    expect(digestOf(readFileSync(path))).toBe(SHA256);
    expect(await failure(service().obtain({ url: 'file:///nowhere/x.pth', sha256: '0'.repeat(64) }))).toMatchObject({ code: 'E_DOWNLOAD', hint: expect.stringContaining(join('0'.repeat(64), 'x.pth')) });
  });

  test('in a folder that may only be read is used from there', async () => {
    const kept = join(folder, 'kept');
    mkdirSync(join(kept, SHA256), { recursive: true });
    writeFileSync(join(kept, SHA256, 'net.pth'), CONTENT);
    expect(await service({ readOnlyFolder: kept }).obtain({ url: server.url, sha256: SHA256 })).toBe(join(kept, SHA256, 'net.pth'));
  });
});

describe('a connection that breaks off', () => {
  test('is continued where it stopped, as often as it takes', async () => {
    server.behave = (request, response, count) => {
      server.send(request, response, count < 4 ? 70_000 : Infinity);
      return true;
    };
    await service().obtain({ url: server.url, sha256: SHA256 });
    expect(readFileSync(place()).equals(CONTENT)).toBe(true);
    expect(server.ranges[0]).toBe(undefined);
    expect(server.ranges.slice(1).every((range) => /^bytes=[1-9]/.test(range ?? ''))).toBe(true);
  });

  test('begins again where the server knows no ranges, where the content has another name, and where it has none', async () => {
    for (const etag of ['"1"', undefined]) {
      server.etag = etag;
      server.behave = (request, response, count) => {
        if (count === 1) server.send(request, response, 70_000);
        else if (count === 2 && etag !== undefined) {
          server.etag = '"2"';
          server.send(request, response);
        } else response.writeHead(200).end(CONTENT);
        return true;
      };
      await service().obtain({ url: server.url, sha256: SHA256 });
      expect(readFileSync(place()).equals(CONTENT)).toBe(true);
      rmSync(join(folder, SHA256), { recursive: true });
      server.ranges.length = 0;
    }
  });

  test('with a part of another content is noticed by the sha256 and fetched once more from its beginning', async () => {
    server.etag = undefined;
    const old = Buffer.alloc(CONTENT.length, 7);
    server.behave = (request, response, count) => {
      server.content = count === 1 ? old : CONTENT;
      server.send(request, response, count === 1 ? 70_000 : Infinity);
      return true;
    };
    // The first try leaves a part and fails; a second service resumes it.
    const first = new AbortController();
    const stopped = service().obtain({ url: server.url, sha256: SHA256 }, { signal: first.signal, progress: (done) => done >= 70_000 && first.abort() });
    expect((await failure(stopped)).code).toBe('E_CANCELLED');
    await service().obtain({ url: server.url, sha256: SHA256 });
    expect(readFileSync(place()).equals(CONTENT)).toBe(true);
    expect(server.ranges.at(-1)).toBe(undefined);
  });

  test('silence ends a try, and a server that only ever drips nothing is given up', async () => {
    server.behave = (_, response, count) => {
      if (count < 3) return response.writeHead(200, { 'content-length': CONTENT.length }).write(CONTENT.subarray(0, 1000));
      return false;
    };
    await service({ silenceMs: 100 }).obtain({ url: server.url, sha256: SHA256 });
    rmSync(join(folder, SHA256), { recursive: true });
    server.behave = () => true;
    expect(await failure(service({ silenceMs: 20 }).obtain({ url: server.url, sha256: SHA256 }))).toMatchObject({ code: 'E_DOWNLOAD', facts: { found: 'nothing came for 0.02 s' } });
  });
});

describe('what cannot be had', () => {
  test('another content than was asked for is removed, and both digests are told', async () => {
    server.content = Buffer.from('something else');
    const error = await failure(service().obtain({ url: server.url, sha256: SHA256 }));
    expect(error).toMatchObject({ code: 'E_DOWNLOAD', facts: { expected: `sha256 ${SHA256}`, found: `sha256 ${digestOf('something else')}` } });
    expect(readdirSync(join(folder, SHA256))).toEqual([]);
  });

  test('a body without a length that ends early has another sha256', async () => {
    server.behave = (_, response) => {
      response.writeHead(200, { connection: 'close' });
      response.end(CONTENT.subarray(0, 1000));
      return true;
    };
    expect(await failure(service().obtain({ url: server.url, sha256: SHA256 }))).toMatchObject({ code: 'E_DOWNLOAD', facts: { bytes: 1000 } });
  });

  test.each([
    ['404', 1, 'the server answered 404 Not Found'],
    ['403', 1, 'the server answered 403 Forbidden'],
    ['503', 6, 'the server answered 503 Service Unavailable'],
  ])('status %s is asked for %d times', async (status, times, found) => {
    server.behave = (_, response) => {
      response.writeHead(Number(status)).end();
      return true;
    };
    const error = await failure(service().obtain({ url: server.url, sha256: SHA256 }));
    expect(error).toMatchObject({ code: 'E_DOWNLOAD', facts: { found, place: place() } });
    expect(error.hint).toContain(`put it at '${place()}'`);
    expect(error.hint?.startsWith('Check the address')).toBe(times === 1);
    expect(readdirSync(join(folder, SHA256))).toEqual([]);
    expect(server.ranges).toHaveLength(times);
  });

  test('redirects are followed, but not in circles and not to a file', async () => {
    server.behave = (request, response) => {
      if (request.url === '/end') return false;
      response.writeHead(302, { location: '/end' }).end();
      return true;
    };
    await service().obtain({ url: server.url, sha256: SHA256 });
    rmSync(join(folder, SHA256), { recursive: true });
    for (const [location, found] of [['/again', 'the server sent us on more than 5 times'], ['file:///etc/passwd', 'the server sent us to a file: address']] as const) {
      server.behave = (_, response) => {
        response.writeHead(307, { location }).end();
        return true;
      };
      expect(await failure(service().obtain({ url: server.url, sha256: SHA256 }))).toMatchObject({ code: 'E_DOWNLOAD', facts: { found } });
    }
  });

  test('without a network it says which file to put where', async () => {
    const { url } = server;
    await server[Symbol.asyncDispose]();
    const error = await failure(service().obtain({ url, sha256: SHA256 }));
    expect(error.facts).toMatchObject({ expected: `a file with sha256 ${SHA256}`, found: expect.stringContaining('ECONNREFUSED') });
    expect(error.hint).toContain(place());
    server = await FileServer.start(CONTENT);
  });

  test('addresses and digests that are none are refused before anything is asked', async () => {
    for (const request of [{ url: server.url, sha256: 'ABC' }, { url: 'ftp://x/y', sha256: SHA256 }, { url: 'x.pth', sha256: SHA256 }, { url: 'https://me:secret@x/y', sha256: SHA256 }]) {
      const error = await failure(service().obtain(request));
      expect(error.code).toBe('E_DOWNLOAD');
      expect(JSON.stringify([error.message, error.facts])).not.toContain('secret');
    }
    expect(server.ranges).toEqual([]);
  });

  test('an interrupted download ends at once and keeps its part', async () => {
    const controller = new AbortController();
    server.behave = (_, response) => {
      response.writeHead(200, { 'content-length': CONTENT.length });
      response.write(CONTENT.subarray(0, 50_000));
      return true;
    };
    const error = await failure(service().obtain({ url: server.url, sha256: SHA256 }, { signal: controller.signal, progress: () => controller.abort(new PipelineError('E_CANCELLED', '"run" was stopped')) }));
    expect(error.message).toBe('"run" was stopped');
    expect(readdirSync(join(folder, SHA256)).filter((name) => name.endsWith('.part'))).toHaveLength(1);
  });
});

describe('several processes', () => {
  const child = (url: string): ReturnType<typeof fork> => fork(compiledRig('download-child'), [folder, url, SHA256]);

  test('a process that is killed in the middle leaves a part that the next one continues', async () => {
    server.behave = (_, response, count) => {
      if (count > 1) return false;
      response.writeHead(200, { 'content-length': CONTENT.length, etag: '"1"' });
      response.write(CONTENT.subarray(0, 120_000));
      return true;
    };
    const killed = child(server.url);
    await once(killed, 'message');
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    const [part] = readdirSync(join(folder, SHA256)).filter((name) => name.endsWith('.part'));
    const { size } = statSync(join(folder, SHA256, part as string));
    expect(size).toBeGreaterThan(0);
    await service().obtain({ url: server.url, sha256: SHA256 });
    expect(server.ranges.at(-1)).toBe(`bytes=${size}-`);
    expect(readFileSync(place()).equals(CONTENT)).toBe(true);
    expect(readdirSync(join(folder, SHA256))).toEqual(['net.pth']);
  });

  test('two at once both get the file, and nothing else is left', async () => {
    server.behave = (request, response) => {
      setTimeout(() => server.send(request, response), 200);
      return true;
    };
    const both = [child(server.url), child(server.url)];
    const ends = await Promise.all(both.map((each) => once(each, 'exit')));
    expect(ends.map(([code]) => code as number)).toEqual([0, 0]);
    expect(readFileSync(place()).equals(CONTENT)).toBe(true);
    expect(readdirSync(join(folder, SHA256))).toEqual(['net.pth']);
  });
});
