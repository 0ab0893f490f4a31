/** Everything that a server can do wrong: a run takes it as a miss with one warning, and never a wrong byte from it. */
import fc from 'fast-check';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.js';
import { HttpRemote } from '../../../src/engine/remote/http-remote.js';
import { RemoteFailure, recordId } from '../../../src/engine/remote/remote-cache.js';
import { generateKey, signingKey, TrustedKeys } from '../../../src/engine/remote/signing.js';
import { CacheServer, type Misbehave } from '../../rigs/cache-server.js';
import { assertStoreInvariants, filesBelow } from '../../rigs/store-invariants.js';
import { keyOf, runStage } from '../../rigs/store-rig.js';
import { contentsOf, Machine, TEAM } from '../../rigs/two-machines.js';

const BIG = `big ${'x'.repeat(200_000)}`;
const CONTENTS = ['one', BIG];
const key = keyOf('a');
const httpRemote = (server: CacheServer, timeoutMs = 5000, headers: Record<string, string> = {}): HttpRemote => new HttpRemote({ url: server.url, headers, timeoutMs });

async function shared(server: CacheServer): Promise<void> {
  await using first = await machine();
  await first.share(httpRemote(server), 'a', CONTENTS);
}
const machine = (): Promise<Machine> => Promise.resolve(new Machine());

describe('two machines and a server', () => {
  test('the second restores what the first has run, byte for byte, and its store is whole', async () => {
    await using server = await CacheServer.start();
    await using first = new Machine();
    const record = await first.share(httpRemote(server), 'a', CONTENTS);
    expect([server.shelf('ac').size, server.shelf('cas').size]).toEqual([1, 2]);
    for (const [id, body] of server.shelf('cas')) expect(digestOf(body)).toBe(id);
    await using second = new Machine();
    const store = await second.open(httpRemote(server));
    expect(await store.lookup(key)).toEqual(record);
    expect(await contentsOf(store, key)).toEqual(CONTENTS);
    expect(store.totals).toMatchObject({ fetched: 1, bytesFetched: 3 + BIG.length, sent: 0 });
    expect(second.events).toEqual([{ kind: 'remote.fetched', place: server.url, key, bytes: 3 + BIG.length, objects: 2 }]);
    await store.close();
    await assertStoreInvariants(second.rig.directory, { finished: new Set([key]) });
    for (const path of filesBelow(join(first.rig.directory, 'objects'))) expect(readFileSync(path.replace(first.rig.directory, second.rig.directory))).toEqual(readFileSync(path));
    // it is here now: nobody is asked again
    const asked = server.asked.length;
    expect((await (await second.open(httpRemote(server))).lookup(key))?.key).toBe(key);
    expect(server.asked.length).toBe(asked);
  });

  test('objects are sent before the record, what is there is not sent again, and nothing is ever replaced', async () => {
    await using server = await CacheServer.start();
    await shared(server);
    expect(server.asked.map(({ method, path }) => `${method} ${path.split('/')[2] as string}`)).toEqual(['HEAD cas', 'PUT cas', 'HEAD cas', 'PUT cas', 'PUT ac']);
    expect(server.asked.filter(({ method }) => method === 'PUT').every(({ headers }) => headers['if-none-match'] === '*')).toBe(true);
    const before = new Map(server.entries);
    await using other = new Machine();
    const store = await other.open(httpRemote(server), { mode: 'read-write' });
    const again = await runStage(store, 'a', ['another', 'result']);
    await store.drain(10_000);
    expect(store.totals).toMatchObject({ sent: 1, notSent: 0 });
    for (const [path, body] of before) expect(server.entries.get(path)).toEqual(body);
    expect(await store.lookup(key)).toEqual(again);
  });

  test('in mode read nothing is sent', async () => {
    await using server = await CacheServer.start();
    await using first = new Machine();
    await first.share(httpRemote(server), 'a', CONTENTS, { mode: 'read' });
    expect(server.count('PUT', 'ac') + server.count('PUT', 'cas')).toBe(0);
  });

  test('a store that is only read takes from the server and writes nothing in its folder', async () => {
    await using server = await CacheServer.start();
    await shared(server);
    await using second = new Machine();
    const store = await second.open(httpRemote(server), { cacheMode: 'read' });
    expect(await contentsOf(store, key)).toEqual(CONTENTS);
    expect(existsSync(second.rig.directory)).toBe(false);
  });

  test('an object that is missing or damaged here is fetched again, by its digest', async () => {
    await using server = await CacheServer.start();
    await using first = new Machine();
    const record = await first.share(httpRemote(server), 'a', CONTENTS);
    const store = await first.open(httpRemote(server));
    const [, big] = record.outputs['out']?.files ?? [];
    rmSync(store.objectPath(digestOf(BIG)));
    expect(await store.verifyObject(digestOf(BIG), big?.size ?? 0)).toBe('ok');
    expect(readFileSync(store.objectPath(digestOf(BIG)), 'utf8')).toBe(BIG);
    server.entries.clear();
    rmSync(store.objectPath(digestOf(BIG)));
    expect(await store.verifyObject(digestOf(BIG), big?.size ?? 0)).toBe('missing');
  });

  test('a record whose objects the server has dropped is a miss; running again sends them again', async () => {
    await using server = await CacheServer.start();
    await shared(server);
    for (const id of server.shelf('cas').keys()) server.entries.delete(`/team/cas/${id}`);
    await using second = new Machine();
    const store = await second.open(httpRemote(server), { mode: 'read-write' });
    expect(await store.lookup(key)).toBeUndefined();
    expect(second.warnings).toHaveLength(1);
    expect(second.warnings[0]).toMatch(/has a record without its object/);
    await runStage(store, 'a', CONTENTS);
    await store.drain(10_000);
    await using third = new Machine();
    expect(await contentsOf(await third.open(httpRemote(server)), key)).toEqual(CONTENTS);
  });

  test('what cannot be right is replaced by a good result; what others signed is left alone', async () => {
    await using server = await CacheServer.start();
    const path = `/team/ac/${recordId(key)}`;
    server.entries.set(path, Buffer.from('<html>'));
    await using first = new Machine();
    const store = await first.open(httpRemote(server), { mode: 'read-write' });
    expect(await store.lookup(key)).toBeUndefined();
    await runStage(store, 'a', CONTENTS);
    await store.drain(10_000);
    await using second = new Machine();
    expect(await contentsOf(await second.open(httpRemote(server)), key)).toEqual(CONTENTS);

    const kept = server.entries.get(path);
    await using stranger = new Machine();
    const theirs = generateKey();
    const strange = await stranger.open(httpRemote(server), { mode: 'read-write', trust: new TrustedKeys([theirs.publicKey]), signer: signingKey(theirs.pem, 'test') });
    expect(await strange.lookup(key)).toBeUndefined();
    expect(stranger.warnings).toEqual([expect.stringMatching(/is not used: it is signed with a key that is not trusted/)]);
    await runStage(strange, 'a', CONTENTS);
    await strange.drain(10_000);
    expect(server.entries.get(path)).toEqual(kept);
  });

  test('headers go with every request, and are in no message', async () => {
    await using server = await CacheServer.start();
    const headers = { authorization: 'Bearer very-secret' };
    await using first = new Machine();
    await first.share(httpRemote(server, 5000, headers), 'a', CONTENTS);
    expect(server.asked.every((each) => each.headers.authorization === headers.authorization)).toBe(true);
    server.misbehave = (_asked, response) => Boolean(response.writeHead(401).end());
    await using second = new Machine();
    const store = await second.open(httpRemote(server, 5000, headers));
    expect(await store.lookup(key)).toBeUndefined();
    expect(JSON.stringify([second.events, store.totals])).not.toContain('very-secret');
  });
});

const onGet = (shelf: 'ac' | 'cas' | undefined, act: (response: ServerResponse) => void): Misbehave => (asked, response) => {
  if (asked.method !== 'GET' || (shelf !== undefined && !asked.path.startsWith(`/team/${shelf}/`))) return false;
  act(response);
  return true;
};

const HTML = '<!doctype html><html><body>Please log in</body></html>';

describe('a bad answer is a miss with one warning, and the store stays whole', () => {
  const other = `not ${BIG.slice(4)}`;
  test.each<[string, Misbehave, RegExp]>([
    ['wrong bytes of the right size', onGet('cas', (response) => response.end(other)), /sent (?:other bytes|more)/],
    ['too few bytes', onGet('cas', (response) => response.end('o')), /sent other bytes/],
    ['no bytes', onGet('cas', (response) => response.end()), /sent other bytes/],
    ['more bytes than there should be', onGet('cas', (response) => response.end(`${BIG}${BIG}`)), /sent more than/],
    ['an answer that ends in the middle', onGet('cas', (response) => { response.writeHead(200, { 'content-length': BIG.length }); response.write(BIG.slice(0, 1000)); setTimeout(() => response.destroy(), 20); }), /could not be reached|ended its answer early|sent more/],
    ['a record that ends in the middle', onGet('ac', (response) => { response.writeHead(200, { 'content-length': 5000 }); response.write('abc'); setTimeout(() => response.destroy(), 20); }), /could not be reached|ended its answer early/],
    ['a page of HTML as a record', onGet('ac', (response) => response.writeHead(200, { 'content-type': 'text/html' }).end(HTML)), /holds something else under .*: it is not a record/],
    ['a page of HTML as an object', onGet('cas', (response) => response.writeHead(200, { 'content-type': 'text/html' }).end(HTML)), /sent (?:other bytes|more)/],
    ['500', onGet(undefined, (response) => response.writeHead(500).end('oops')), /answered GET with status 500/],
    ['503 of an object', onGet('cas', (response) => response.writeHead(503).end()), /answered GET with status 503/],
    ['401', onGet(undefined, (response) => response.writeHead(401).end()), /answered GET with status 401/],
    ['403', onGet(undefined, (response) => response.writeHead(403).end(HTML)), /answered GET with status 403/],
    ['206', onGet('cas', (response) => response.writeHead(206).end('one')), /answered GET with status 206/],
    ['204', onGet('ac', (response) => response.writeHead(204).end()), /answered GET with status 204/],
    ['another coding', onGet('cas', (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('one')), /in the coding gzip/],
    ['a connection that is closed without an answer', onGet(undefined, (response) => response.destroy()), /could not be reached|closed the connection/],
    ['no HTTP at all', onGet(undefined, (response) => response.socket?.end('SSH-2.0-OpenSSH_9.6\r\n')), /could not be reached/],
    ['a record that never ends', onGet('ac', (response) => { const more = (): void => { if (!response.destroyed && response.write(Buffer.alloc(1 << 20))) setImmediate(more); else response.once('drain', more); }; more(); }), /sent a record of more than 32 MiB/],
  ])('%s', async (_name, misbehave, warning) => {
    await using server = await CacheServer.start();
    await shared(server);
    server.misbehave = misbehave;
    await using second = new Machine();
    const store = await second.open(httpRemote(server));
    expect(await store.lookup(key)).toBeUndefined();
    expect(second.warnings[0]).toMatch(warning);
    expect(second.warnings.filter((text) => !text.includes('left alone'))).toHaveLength(1);
    // the run goes on and stores what it makes
    server.misbehave = undefined;
    await runStage(store, 'a', CONTENTS);
    expect(await contentsOf(store, key)).toEqual(CONTENTS);
    await store.close();
    await assertStoreInvariants(second.rig.directory, { finished: new Set([key]) });
  });

  test('nothing there at all, and a server that nobody runs', async () => {
    await using server = await CacheServer.start();
    await using machine = new Machine();
    const empty = await machine.open(httpRemote(server));
    expect(await empty.lookup(key)).toBeUndefined();
    expect(machine.warnings).toEqual([]);
    const nobody = await machine.open(new HttpRemote({ url: 'http://127.0.0.1:1/', headers: {}, timeoutMs: 2000 }));
    expect(await nobody.lookup(key)).toBeUndefined();
    expect(machine.warnings).toEqual([expect.stringMatching(/^"http:\/\/127\.0\.0\.1:1" could not be reached: .*ECONNREFUSED/)]);
  });

  test('silence and a drip are given up in time', async () => {
    await using server = await CacheServer.start();
    await shared(server);
    let drips: NodeJS.Timeout | undefined;
    for (const misbehave of [onGet('ac', () => undefined), onGet('cas', (response) => { response.writeHead(200); response.write('o'); }), onGet('ac', (response) => { response.writeHead(200); drips = setInterval(() => response.write('o'), 20); })]) {
      server.misbehave = misbehave;
      await using second = new Machine();
      const store = await second.open(httpRemote(server, 150));
      expect(await store.lookup(key)).toBeUndefined();
      expect(second.warnings).toEqual([expect.stringMatching(/did not finish GET in time/)]);
    }
    clearInterval(drips);
  });

  test('a redirect on the same server is followed, one to another host is not, nor one in circles', async () => {
    await using server = await CacheServer.start();
    await using elsewhere = await CacheServer.start();
    await shared(server);
    for (const [path, body] of server.entries) elsewhere.entries.set(path, body);
    const ask = async (location: (path: string) => string): Promise<[string[] | undefined, string[]]> => {
      server.misbehave = (asked, response) => {
        if (asked.method !== 'GET' || asked.path.endsWith('?moved')) {
          if (asked.path.endsWith('?moved')) response.end(server.entries.get(asked.path.slice(0, -6)));
          return asked.path.endsWith('?moved');
        }
        response.writeHead(302, { location: location(asked.path) }).end();
        return true;
      };
      await using machine = new Machine();
      return [await contentsOf(await machine.open(httpRemote(server, 5000, { authorization: 'secret' })), key), machine.warnings];
    };
    expect(await ask((path) => `${path}?moved`)).toEqual([CONTENTS, []]);
    expect(await ask((path) => elsewhere.url.replace('/team', path))).toEqual([undefined, [expect.stringMatching(/sent us elsewhere/)]]);
    expect(await ask((path) => elsewhere.url.replace('http:', '').replace('/team', path))).toEqual([undefined, [expect.stringMatching(/sent us elsewhere/)]]);
    expect(await ask((path) => path)).toEqual([undefined, [expect.stringMatching(/around in circles/)]]);
    expect(await ask(() => 'http://[')).toEqual([undefined, [expect.stringMatching(/to no address/)]]);
    expect(elsewhere.asked).toEqual([]);
  });

  test('a certificate that nobody vouches for, and no TLS where it should be', async () => {
    const certificate = { key: readFileSync('test/fixtures/remote/self-signed.key'), cert: readFileSync('test/fixtures/remote/self-signed.crt') };
    const tls = createTlsServer(certificate, (_request, response) => response.end('hello'));
    await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve));
    await using plain = await CacheServer.start();
    await using machine = new Machine();
    try {
      for (const url of [`https://127.0.0.1:${(tls.address() as AddressInfo).port}/`, plain.url.replace('http', 'https')]) {
        const store = await machine.open(new HttpRemote({ url, headers: {}, timeoutMs: 2000 }));
        expect(await store.lookup(key)).toBeUndefined();
      }
      expect(machine.warnings).toEqual([expect.stringMatching(/could not be reached: .*self-signed certificate/), expect.stringMatching(/could not be reached/)]);
    } finally {
      tls.closeAllConnections();
      tls.close();
    }
  });

  test('an object beyond the limit of size is not even asked for', async () => {
    await using server = await CacheServer.start();
    await shared(server);
    await using second = new Machine();
    const store = await second.open(httpRemote(server), { maxObjectBytes: 1000 });
    expect(await store.lookup(key)).toBeUndefined();
    expect(second.warnings).toEqual([expect.stringMatching(/has an object of 200004 bytes, more than maxObjectSize allows/)]);
    expect(server.asked.some(({ method, path }) => method === 'GET' && path.endsWith(digestOf(BIG)))).toBe(false);
  });

  test('any byte flipped in any answer never gives a wrong result', async () => {
    await using server = await CacheServer.start();
    const contents = ['first object', 'second'];
    await using first = new Machine();
    const record = await first.share(httpRemote(server), 'a', contents);
    const bodies = [...server.entries].map(([path, body]) => ({ path, length: body.length }));
    const where = fc.constantFrom(...bodies).chain(({ path, length }) => fc.record({ path: fc.constant(path), at: fc.nat(length - 1), flip: fc.integer({ min: 1, max: 255 }) }));
    let restored = 0;
    await fc.assert(
      fc.asyncProperty(where, fc.boolean(), async ({ path, at, flip }, anybody) => {
        server.misbehave = (asked, response) => {
          if (asked.method !== 'GET' || asked.path !== path) return false;
          const body = Buffer.from(server.entries.get(path) as Buffer);
          body[at] = (body[at] as number) ^ flip;
          response.end(body);
          return true;
        };
        await using machine = new Machine();
        const store = await machine.open(httpRemote(server), anybody ? { trust: new TrustedKeys('any') } : {});
        const found = await store.lookup(key);
        if (found !== undefined) {
          restored += 1;
          expect(found).toEqual(record);
          expect(await contentsOf(store, key)).toEqual(contents);
        }
        await store.close();
        for (const file of filesBelow(join(machine.rig.directory, 'objects'))) expect(contents).toContain(readFileSync(file, 'utf8'));
        expect(filesBelow(join(machine.rig.directory, 'records')).length).toBe(found === undefined ? 0 : 1);
      }),
      { seed: 4, numRuns: 300 },
    );
    // what a server may change without any effect: the list of files that only it reads
    expect(restored).toBeLessThan(150);
  });
});

describe('a server in trouble is left alone', () => {
  test('after three failures in a row nobody is asked for a minute, and one warning says so', async () => {
    await using server = await CacheServer.start();
    server.misbehave = (_asked, response) => Boolean(response.writeHead(500).end());
    await using machine = new Machine();
    const store = await machine.open(httpRemote(server));
    for (let i = 0; i < 20; i += 1) expect(await store.lookup(keyOf(`k${i}`))).toBeUndefined();
    expect(server.asked.length).toBe(3);
    expect(machine.warnings).toEqual([expect.stringMatching(/status 500: what it has counts as missing/), expect.stringMatching(/is left alone for a minute/)]);
  });

  test('a refusal ends it at once', async () => {
    await using server = await CacheServer.start();
    server.misbehave = (_asked, response) => Boolean(response.writeHead(403).end());
    await using machine = new Machine();
    const store = await machine.open(httpRemote(server));
    for (let i = 0; i < 5; i += 1) await store.lookup(keyOf(`k${i}`));
    expect(server.asked.length).toBe(1);
    expect(machine.warnings[1]).toMatch(/left alone for the rest of this run/);
  });

  test('a record of many objects stops at the first that fails', async () => {
    await using server = await CacheServer.start();
    await using first = new Machine();
    await first.share(httpRemote(server), 'a', Array.from({ length: 60 }, (_, i) => `object ${i}`));
    server.asked.length = 0;
    server.misbehave = onGet('cas', (response) => response.writeHead(500).end());
    await using second = new Machine();
    expect(await (await second.open(httpRemote(server))).lookup(key)).toBeUndefined();
    expect(server.count('GET', 'cas')).toBeLessThanOrEqual(4);
  });
});

describe('sending', () => {
  test.each([401, 403, 405])('a server that refuses with %i is asked once and the results stay here', async (status) => {
    await using server = await CacheServer.start();
    server.misbehave = ({ method }, response) => method === 'PUT' && Boolean(response.writeHead(status).end());
    await using machine = new Machine();
    const store = await machine.open(httpRemote(server), { mode: 'read-write' });
    for (const name of ['a', 'b', 'c']) {
      await runStage(store, name, [`contents of ${name}`]);
      await store.drain(10_000);
    }
    expect(server.count('PUT', 'cas')).toBe(1);
    expect(store.totals).toMatchObject({ sent: 0, notSent: 3, problem: expect.stringContaining(`answered PUT with status ${status}: it is not sent`) as string });
    expect(await contentsOf(store, key)).toEqual(['contents of a']);
  });

  test('a server that is full (507) or takes nothing so large (413) gets no record without its objects', async () => {
    for (const status of [413, 507]) {
      await using server = await CacheServer.start();
      server.misbehave = ({ method, path }, response) => method === 'PUT' && path.includes('/cas/') && Boolean(response.writeHead(status).end());
      await using machine = new Machine();
      const store = await machine.open(httpRemote(server), { mode: 'read-write' });
      await runStage(store, 'a', CONTENTS);
      await store.drain(10_000);
      expect(store.totals).toMatchObject({ sent: 0, notSent: 1 });
      expect(server.count('PUT', 'ac')).toBe(0);
    }
  });

  test('an object that several results share is sent once', async () => {
    await using server = await CacheServer.start();
    await using machine = new Machine();
    const store = await machine.open(httpRemote(server), { mode: 'read-write' });
    for (const name of ['a', 'b', 'c', 'd']) await runStage(store, name, ['the same', `of ${name}`]);
    await store.drain(10_000);
    expect(store.totals).toMatchObject({ sent: 4, bytesSent: 'the same'.length + 4 * 'of a'.length });
    expect([server.count('HEAD', 'cas'), server.count('PUT', 'cas'), server.count('PUT', 'ac')]).toEqual([5, 5, 4]);
  });

  test('a server without HEAD gets everything', async () => {
    await using server = await CacheServer.start();
    server.misbehave = ({ method }, response) => method === 'HEAD' && Boolean(response.writeHead(405).end());
    await shared(server);
    expect(server.entries.size).toBe(3);
  });

  test('a torn object under a right name is replaced', async () => {
    await using server = await CacheServer.start();
    server.entries.set(`/team/cas/${digestOf(BIG)}`, Buffer.from(BIG.slice(0, 10)));
    await shared(server);
    expect(server.entries.get(`/team/cas/${digestOf(BIG)}`)?.toString()).toBe(BIG);
  });

  test('a network that is cut in the middle costs the sending, not the run', async () => {
    await using server = await CacheServer.start();
    let count = 0;
    server.misbehave = ({ method }, response) => method === 'PUT' && (count += 1) === 2 && Boolean(response.destroy());
    await using machine = new Machine();
    const store = await machine.open(httpRemote(server), { mode: 'read-write' });
    await runStage(store, 'a', CONTENTS);
    await store.drain(10_000);
    expect(store.totals).toMatchObject({ sent: 0, notSent: 1 });
    expect(server.shelf('ac').size).toBe(0);
    expect(await contentsOf(store, key)).toEqual(CONTENTS);
    expect(machine.warnings).toEqual([expect.stringMatching(/could not be reached.*: it is not sent|closed the connection: it is not sent/)]);
  });

  test('the end of a run waits for what is being sent, but not for ever', async () => {
    await using server = await CacheServer.start();
    server.misbehave = ({ method }) => method === 'PUT';
    await using machine = new Machine();
    const store = await machine.open(httpRemote(server, 60_000), { mode: 'read-write' });
    await runStage(store, 'a', CONTENTS);
    await runStage(store, 'b', ['b']);
    expect(store.pending).toBe(2);
    await store.drain(100);
    expect(store.pending).toBe(0);
    expect(store.totals).toMatchObject({ sent: 0, notSent: 2, problem: expect.stringMatching(/had not taken everything in time/) as string });
    const stopped = new AbortController();
    stopped.abort();
    const again = await machine.open(httpRemote(server, 60_000), { mode: 'read-write' });
    await runStage(again, 'c', ['c']);
    await again.drain(60_000, stopped.signal);
    expect(again.totals.notSent).toBe(1);
  });

  test('an object that was damaged here is not spread', async () => {
    await using server = await CacheServer.start();
    await using machine = new Machine();
    const store = await machine.open(httpRemote(server), { mode: 'read-write' });
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    server.misbehave = ({ method }, response) => {
      if (method !== 'HEAD') return false;
      void held.then(() => response.writeHead(404).end());
      return true;
    };
    await runStage(store, 'a', ['fine']);
    rmSync(store.objectPath(digestOf('fine')));
    mkdirSync(store.objectPath(digestOf('fine')));
    release();
    await store.drain(10_000);
    expect(store.totals).toMatchObject({ sent: 0, notSent: 1 });
    expect(server.entries.size).toBe(0);
  });
});

describe('restricted results', () => {
  const restricted = async (store: Awaited<ReturnType<Machine['open']>>): Promise<void> => {
    const record = await runStage(await new Machine().rig.open(), 'a', []);
    await store.publish({ ...record, outputs: { out: { ...(record.outputs['out'] as (typeof record.outputs)['out']), restricted: true as const } } as typeof record.outputs });
    await store.drain(10_000);
  };

  test('never leave the machine, nor do their objects, unless the configuration says so', async () => {
    await using server = await CacheServer.start();
    await using machine = new Machine();
    const store = await machine.open(httpRemote(server), { mode: 'read-write' });
    await restricted(store);
    expect(server.asked).toEqual([]);
    expect(store.totals).toMatchObject({ sent: 0, notSent: 0, restricted: 1 });
    const free = await machine.open(httpRemote(server), { mode: 'read-write', sendRestricted: true });
    await restricted(free);
    expect(free.totals).toMatchObject({ sent: 1, restricted: 0 });
  });

  test('are not taken from a server silently, though signed', async () => {
    await using server = await CacheServer.start();
    await using first = new Machine();
    await restricted(await first.open(httpRemote(server), { mode: 'read-write', sendRestricted: true }));
    await using second = new Machine();
    expect(await (await second.open(httpRemote(server))).lookup(key)).toBeUndefined();
    expect(second.warnings).toEqual([expect.stringMatching(/has a restricted result .* which is not used/)]);
    expect((await (await second.open(httpRemote(server), { sendRestricted: true })).lookup(key))?.outputs['out']?.restricted).toBe(true);
  });
});

test('failures are errors of one kind that name the place', async () => {
  await expect(new HttpRemote({ url: 'http://127.0.0.1:1', headers: {}, timeoutMs: 1000 }).has(digestOf('x'), 1)).rejects.toBeInstanceOf(RemoteFailure);
  const remote = new HttpRemote({ url: 'http://127.0.0.1:1', headers: {}, timeoutMs: 1000 });
  remote.close();
  await expect(remote.getRecord(digestOf('x'))).rejects.toMatchObject({ kind: 'ended' });
  expect(TEAM.id).toMatch(/^[0-9a-f]{16}$/);
});
