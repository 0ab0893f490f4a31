import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PipelineError } from '../../../src/core/errors.js';
import { configSchema } from '../../../src/engine/config/config-schema.js';
import { CONFIG_FIELDS } from '../../../src/engine/config/fields.js';
import { readProjectConfig } from '../../../src/engine/config/read-config.js';
import { Settings } from '../../../src/engine/config/settings.js';
import { remoteSettings, type RemoteSettings } from '../../../src/engine/remote/remote-settings.js';
import { generateKey } from '../../../src/engine/remote/signing.js';
import { ajvWith } from '../../../src/engine/schema-validator.js';
import { parseYaml } from '../../../src/engine/yaml-spans.js';
import { Diagnostics } from '../../../src/engine/diagnostics.js';
import { Places } from '../../../src/engine/yaml-guard.js';
import type { SourceNode } from '../../../src/engine/source-node.js';
import { temporaryFolder } from '../../rigs/store-rig.js';

const { publicKey, pem, id } = generateKey();

const FULL = `cache:
  directory: /big/disk
remote:
  url: https://cache.example.org:8443/pipeline
  mode: read-write
  trust: ["${publicKey}"]
  sign: { keyEnv: SIGNING_KEY }
  headers: { Authorization: TOKEN }
  timeout: 10 s
  drain: 1 min
  maxObjectSize: 2 GB
  sendRestricted: true
`;

function read(text: string) {
  using folder = temporaryFolder();
  const file = join(folder.path, 'pipeline.config.yaml');
  writeFileSync(file, text);
  const { config, diagnostics } = readProjectConfig(file);
  return { config, errors: diagnostics.map(({ error }) => `${error.code} ${error.span?.line}:${error.span?.column} ${error.message}; ${error.hint}`) };
}

function remote(text: string, { flags = {}, env = {}, cwd = '/elsewhere' }: { flags?: Record<string, string>; env?: Record<string, string>; cwd?: string } = {}): RemoteSettings | undefined {
  const { config, errors } = read(text);
  expect(errors).toEqual([]);
  return remoteSettings(new Settings({ config, flags, env }), { root: '/project', cwd, env });
}

function failure(work: () => unknown): PipelineError {
  try {
    work();
  } catch (error) {
    if (error instanceof PipelineError) return error;
    throw error;
  }
  throw new PipelineError('E_DATA', 'nothing was thrown');
}

describe('reading pipeline.config.yaml', () => {
  test('every field has a value and a place', () => {
    const { config, errors } = read(FULL);
    expect(errors).toEqual([]);
    expect(Object.fromEntries([...config.values].map(([name, { value }]) => [name, value]))).toEqual({
      'cache.directory': '/big/disk', 'remote.url': 'https://cache.example.org:8443/pipeline', 'remote.mode': 'read-write', 'remote.trust': [publicKey],
      'remote.sign.keyEnv': 'SIGNING_KEY', 'remote.headers': { Authorization: 'TOKEN' }, 'remote.timeout': '10 s', 'remote.drain': '1 min', 'remote.maxObjectSize': '2 GB', 'remote.sendRestricted': true,
    });
    expect(config.values.get('remote.mode')?.span).toMatchObject({ line: 5, column: 9 });
  });

  test.each(['', '# only marks the root\n', 'cache:\n', 'remote: {}\n'])('%j is a configuration that says nothing', (text) => {
    const { config, errors } = read(text);
    expect([[...config.values], errors]).toEqual([[], []]);
  });

  test('all mistakes are reported at once, with their places and the nearest name', () => {
    expect(read(`cache: { dir: x }\nremot: {}\nremote:\n  mode: write\n  trust: [abc]\n  timeout: 30\n  maxObjectSize: 2 GiB\n  sign: { key: x }\n  url: https://user:secret@example.org\n  headers: { "A B": TOKEN }\n`).errors).toEqual([
      'E_UNKNOWN_FIELD 1:10 "dir" is not a field of "cache"; use one of: directory',
      'E_UNKNOWN_FIELD 2:1 "remot" is not a field of the project configuration; did you mean "remote"?',
      'E_WRONG_TYPE 4:9 "remote.mode" cannot be read; write off, read or read-write',
      'E_WRONG_TYPE 5:10 "remote.trust" cannot be read; write a list of public keys (ed25519:…), or any',
      'E_WRONG_TYPE 6:12 "remote.timeout" cannot be read; write a time with its unit, e.g. 30 s',
      'E_WRONG_TYPE 7:18 "remote.maxObjectSize" cannot be read; write a size with its unit, e.g. 8 GB',
      'E_UNKNOWN_FIELD 8:11 "key" is not a field of "remote.sign"; use one of: keyFile, keyEnv',
      'E_WRONG_TYPE 9:8 "remote.url" cannot be read; write an http or https address without a password, query or fragment',
      'E_WRONG_TYPE 10:12 "remote.headers" cannot be read; write a map of names of headers to names of environment variables',
    ]);
    expect(read('- a\n').errors).toEqual(['E_WRONG_TYPE 1:1 the project configuration has the wrong type; write one "name: value" a line']);
    expect(read('remote: 5\n').errors).toEqual(['E_WRONG_TYPE 1:9 "remote" has the wrong type; write one "name: value" a line']);
    expect(read('cache: {directory: a}\ncache: {directory: b}\n').errors[0]).toMatch(/^E_DUPLICATE_KEY/);
  });

  test('the published schema says of each text what the reader says', () => {
    const schema = JSON.parse(readFileSync('schema/config.schema.json', 'utf8')) as ReturnType<typeof configSchema>;
    expect(schema).toEqual(configSchema());
    const validate = ajvWith({ useDefaults: false, allowUnionTypes: true }).compile(schema);
    const plain = (node: SourceNode): unknown => node.kind === 'scalar' ? node.value : node.kind === 'list' ? node.items.map(plain) : Object.fromEntries([...node.entries.values()].map(({ key, value }) => [key, plain(value)]));
    const cases = [FULL, 'cache:\n', 'remote: { trust: any }', 'remote: { trust: all }', 'remote: { trust: [] }', 'remote: { mode: write }', 'remote: { timeout: 5 }', 'remote: { timeout: 5 min }', 'remote: { url: "ftp://x" }', 'remote: { url: "https://a@b" }', 'remote: { url: "https://b/c" }', 'remote: { headers: { A: 1 } }', 'remote: { headers: { X-Key: KEY } }', 'cache: { directory: "" }', 'cache: { path: x }', 'remote: { sendRestricted: yes }', 'remote: { maxObjectSize: 1.5 TB }', '[]', 'remote: { sign: { keyFile: a } }', 'remote: { sign: a }'];
    for (const text of cases) {
      const root = parseYaml(new Places(text, 'x'), new Diagnostics()) as SourceNode;
      expect(validate(plain(root)), text).toBe(read(text).errors.length === 0);
    }
    expect(Object.keys(schema)).toContain('properties');
  });

  test('the page on sharing names every field', () => {
    const page = readFileSync('docs/sharing.md', 'utf8');
    expect(CONFIG_FIELDS.map(({ name }) => name).filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });
});

describe('what is in force', () => {
  const config = () => read('cache: { directory: from-file }\nremote: { mode: read-write }\n').config;

  test('flag over environment over file over default, each with its origin', () => {
    const both = { flags: { '--cache-dir': 'flag' }, env: { PIPELINE_CACHE_DIR: 'env', PIPELINE_REMOTE: 'off' } };
    expect(new Settings({ config: config(), ...both }).get('cache.directory')).toEqual({ name: 'cache.directory', value: 'flag', from: 'flag', origin: '--cache-dir' });
    expect(new Settings({ config: config(), flags: {}, env: both.env }).get('cache.directory')).toMatchObject({ value: 'env', from: 'environment', origin: 'PIPELINE_CACHE_DIR' });
    expect(new Settings({ config: config(), flags: {}, env: { PIPELINE_CACHE_DIR: '' } }).get('cache.directory')).toMatchObject({ value: 'from-file', from: 'file', origin: expect.stringMatching(/pipeline\.config\.yaml, line 1, column 21$/) as string });
    expect(new Settings({ config: undefined, flags: {}, env: {} }).get('cache.directory')).toMatchObject({ value: 'cache', from: 'default' });
    expect(new Settings({ config: config(), ...both }).get('remote.mode')).toMatchObject({ value: 'off', origin: 'PIPELINE_REMOTE' });
    expect(new Settings({ config: undefined, flags: {}, env: {} }).get('remote.url')).toBeUndefined();
  });

  test('an environment variable that cannot be read is an error that names it', () => {
    expect(failure(() => new Settings({ config: undefined, flags: {}, env: { PIPELINE_REMOTE: 'yes' } }))).toMatchObject({ code: 'E_USAGE', message: '"PIPELINE_REMOTE" cannot be read', facts: { expected: 'off, read or read-write', found: 'yes' } });
  });
});

describe('the shared cache that is in force', () => {
  const env = { SIGNING_KEY: pem, TOKEN: 'Bearer abc' };

  test('none without a place, none when off', () => {
    expect(remote('')).toBeUndefined();
    expect(remote('remote: { mode: read-write }')).toBeUndefined();
    expect(remote(FULL, { flags: { '--remote': 'off' } })).toBeUndefined();
    expect(failure(() => remote('', { flags: { '--remote': 'read' } }))).toMatchObject({ code: 'E_USAGE', message: '"--remote" needs a shared cache' });
  });

  test('reads by default; everything else comes from the file', () => {
    expect(remote(FULL, { env })).toMatchObject({ mode: 'read-write', place: { url: 'https://cache.example.org:8443/pipeline' }, trust: [publicKey], headers: { Authorization: 'Bearer abc' }, signer: { id }, timeoutMs: 10_000, drainMs: 60_000, maxObjectBytes: 2e9, sendRestricted: true });
    expect(remote('remote: { directory: share, trust: any }')).toMatchObject({ mode: 'read', place: { directory: '/project/share' }, trust: 'any', signer: undefined, timeoutMs: 30_000, drainMs: 300_000, maxObjectBytes: 8e9, sendRestricted: false });
    expect(remote('remote: { directory: share, trust: any }', { env: { PIPELINE_REMOTE_DIRECTORY: 'mine' } })).toMatchObject({ place: { directory: '/elsewhere/mine' } });
    expect(remote(FULL, { env: { ...env, PIPELINE_REMOTE_DIRECTORY: '/mnt/x' } })).toMatchObject({ place: { directory: '/mnt/x' } });
  });

  test('reading without saying whom to trust is refused, and so is sending without a key that others can trust', () => {
    expect(failure(() => remote('remote: { directory: share }'))).toMatchObject({ code: 'E_MISSING_FIELD', message: '"trust" is missing in "remote"' });
    expect(failure(() => remote(`remote: { directory: share, mode: read-write, trust: ["${publicKey}"] }`))).toMatchObject({ code: 'E_MISSING_FIELD', message: '"sign" is missing in "remote"' });
    expect(remote('remote: { directory: share, mode: read-write, trust: any }')?.signer).toBeUndefined();
    expect(failure(() => remote('remote: { directory: share, url: "http://x", trust: any }'))).toMatchObject({ code: 'E_USAGE', message: '"remote" is in two places' });
  });

  test('a credential that is not there is an error that names where it should be, never what is there', () => {
    expect(failure(() => remote(FULL, { env: { SIGNING_KEY: pem } }))).toMatchObject({ code: 'E_SHARED_CACHE', message: '"TOKEN" does not hold the value of the header Authorization' });
    for (const bad of ['two\nlines', 'ü']) expect(JSON.stringify(failure(() => remote(FULL, { env: { ...env, TOKEN: bad } })))).not.toContain(bad);
    expect(failure(() => remote(FULL, { env: { TOKEN: 'x', SIGNING_KEY: 'hello' } }))).toMatchObject({ code: 'E_SHARED_CACHE', message: '"SIGNING_KEY" does not hold a key to sign with' });
    expect(failure(() => remote('remote: { directory: share, mode: read-write, trust: any, sign: { keyFile: nowhere.key } }'))).toMatchObject({ code: 'E_SHARED_CACHE', message: '"/project/nowhere.key" cannot be read' });
  });
});
