import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CacheServer } from '../rigs/cache-server.js';
import { temporaryFolder } from '../rigs/store-rig.js';
import { FakeProject } from './fake-project.js';

/** Two projects with one shared folder; the first one sends. */
class Team implements Disposable {
  readonly first = new FakeProject();
  readonly second = new FakeProject();
  readonly #folder = temporaryFolder();
  readonly share = join(this.#folder.path, 'share');
  readonly keyFile = join(this.#folder.path, 'keys', 'remote.key');
  publicKey = '';

  async setUp(): Promise<this> {
    mkdirSync(this.share);
    const { stdout } = await this.first.run(['cache', 'keygen', this.keyFile, '--json']);
    ({ publicKey: this.publicKey } = JSON.parse(readFileSync(this.keyFile, 'utf8') === '' ? '{}' : stdout) as { publicKey: string });
    this.configure(this.first, `mode: read-write, sign: { keyFile: "${this.keyFile}" }`);
    this.configure(this.second, 'mode: read');
    return this;
  }

  configure(project: FakeProject, more: string, place = `directory: "${this.share}"`): void {
    project.write('pipeline.config.yaml', `remote: { ${place}, trust: ["${this.publicKey}"], ${more} }\n`);
  }

  normalise(text: string): string {
    return text.replaceAll(this.share, '<share>').replaceAll(this.keyFile, '<key file>');
  }

  [Symbol.dispose](): void {
    this.first[Symbol.dispose]();
    this.second[Symbol.dispose]();
    this.#folder[Symbol.dispose]();
  }
}

describe('a shared cache', () => {
  test('what the first has run the second restores, and both are told', async () => {
    using team = await new Team().setUp();
    const sent = await team.first.run(['run', 'demo.yaml']);
    expect(team.normalise(sent.stdout).trimEnd().split('\n').at(-1)).toBe('shared cache <share>: 0 fetched, 2 sent');
    const { code, stdout, stderr } = await team.second.run(['run', 'demo.yaml']);
    expect(code).toBe(0);
    expect(team.second.runs).toEqual([]);
    expect(stderr).toBe('demo  run <run>  3 stages\n– never   skipped             when: is false\n✓ number  restored  <key>  <time>  from remote\n✓ twice   restored  <key>  <time>  from remote\n');
    expect(team.normalise(stdout)).toMatch(/^0 ran, 2 restored.*\n[^]*\nshared cache <share>: 2 fetched\n$/);
    const results = (project: FakeProject): Buffer => readFileSync(join(project.folder, 'results', 'demo', 'latest', 'twice', 'number', 'number.png'));
    expect(results(team.second)).toEqual(results(team.first));
  });

  test('with --json the events say it, and the last line is what was shared', async () => {
    using team = await new Team().setUp();
    await team.first.run(['run', 'demo.yaml']);
    const { stdout } = await team.second.run(['run', 'demo.yaml', '--json']);
    const lines = stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ kind }) => kind)).toEqual(['run.started', 'stage.skipped', 'remote.fetched', 'stage.restored', 'remote.fetched', 'stage.restored', 'run.finished', 'results', 'remote']);
    expect(lines[3]).toMatchObject({ kind: 'stage.restored', from: 'remote' });
    expect(lines.at(-1)).toEqual({ schema: 'pipeline.remote.v1', kind: 'remote', place: team.share, mode: 'read', fetched: 2, bytesFetched: 0, sent: 0, bytesSent: 0, notSent: 0, restricted: 0 });
  });

  test('--remote off leaves it alone, --remote read sends nothing, and so do they in the environment', async () => {
    using team = await new Team().setUp();
    expect((await team.first.run(['run', 'demo.yaml', '--remote', 'off'])).stdout).not.toContain('shared cache');
    expect((await team.first.run(['run', 'demo.yaml', '--force'], { env: { PIPELINE_REMOTE: 'off' } })).stdout).not.toContain('shared cache');
    expect(team.normalise((await team.first.run(['run', 'demo.yaml', '--force', '--remote', 'read'])).stdout)).toContain('shared cache <share>: 0 fetched\n');
    expect(readdirSync(team.share)).toEqual([]);
  });

  test('a server that nobody runs costs a warning and nothing else', async () => {
    using team = await new Team().setUp();
    team.configure(team.first, `mode: read-write, sign: { keyFile: "${team.keyFile}" }`, 'url: "http://127.0.0.1:1/x"');
    const { code, stdout, stderr } = await team.first.run(['run', 'demo.yaml']);
    expect(code).toBe(0);
    expect(stdout).toContain('shared cache http://127.0.0.1:1/x: 0 fetched, 0 sent, 2 not sent\n');
    expect(stderr.split('\n').filter((line) => line.startsWith('! '))).toEqual([
      expect.stringMatching(/^! remote {2}"http:\/\/127\.0\.0\.1:1\/x" could not be reached: .*: what it has counts as missing$/),
      expect.stringMatching(/^! remote {2}.*: it is not sent$/),
      expect.stringMatching(/^! "http:\/\/127\.0\.0\.1:1\/x" could not be reached/),
    ]);
    expect(stderr).toContain('  to send what is missing: pipeline cache push\n');
  });

  test('a run that is stopped does not wait for a server that says nothing, neither when it takes nor when it sends', async () => {
    await using server = await CacheServer.start();
    using team = await new Team().setUp();
    for (const silent of ['GET', 'PUT']) {
      team.configure(team.first, `mode: read-write, sign: { keyFile: "${team.keyFile}" }, timeout: 10 min`, `url: "${server.url}"`);
      const stop = new AbortController();
      let asked = 0;
      server.misbehave = ({ method }) => {
        if (method !== silent) return false;
        asked += 1;
        if (silent === 'GET' || asked === 2) stop.abort(); // both results are on their way then
        return true;
      };
      const { code, stdout } = await team.first.run(['run', 'demo.yaml'], { signal: stop.signal });
      // while it was sending everything had ended well: stopping takes nothing away
      expect(code).toBe(silent === 'GET' ? 130 : 0);
      expect(stdout).toContain(silent === 'GET' ? '0 fetched, 0 sent\n' : '0 sent, 2 not sent\n');
    }
  });

  test('cache push sends what an earlier run made, as soon as there is somewhere to send it to', async () => {
    using team = await new Team().setUp();
    await team.first.run(['run', 'demo.yaml', '--remote', 'off']);
    expect(team.normalise((await team.first.run(['cache', 'push', '--only', 'number'])).stdout)).toBe('shared cache <share>: 0 fetched, 1 sent\n');
    expect(team.normalise((await team.first.run(['cache', 'push'])).stdout)).toBe('shared cache <share>: 0 fetched, 2 sent\n');
    const { stdout } = await team.second.run(['run', 'demo.yaml']);
    expect(team.normalise(stdout)).toContain('shared cache <share>: 2 fetched\n');
    expect(JSON.parse((await team.first.run(['cache', 'push', 'latest', '--json'])).stdout)).toMatchObject({ schema: 'pipeline.cache.push.v1', sent: 2, notSent: 0, missing: 0 });
    rmSync(team.share, { recursive: true });
    const failed = await team.first.run(['cache', 'push']);
    expect([failed.code, failed.stdout.endsWith('0 sent, 2 not sent\n')]).toEqual([6, true]);
    const nothing = new FakeProject();
    expect((await nothing.run(['cache', 'push'])).stderr).toMatch(/^E_USAGE {2}"--remote" needs a shared cache\n/);
    nothing[Symbol.dispose]();
  });

  test('cache push does not send what the run knew as restricted, though the record does not', async () => {
    using team = await new Team().setUp();
    await team.first.run(['run', 'demo.yaml', '--remote', 'off']);
    const runs = join(team.first.folder, 'cache', 'runs');
    const file = join(runs, readdirSync(runs)[0] as string, 'run.json');
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/"restricted": ?false/g, '"restricted":true'));
    expect(team.normalise((await team.first.run(['cache', 'push'])).stdout)).toBe('shared cache <share>: 0 fetched, 0 sent, 2 restricted, kept here\n');
    expect(readdirSync(team.share)).toEqual([]);
  });

  test('a configuration that does not say whom to trust is an error before anything runs', async () => {
    using team = await new Team().setUp();
    team.second.write('pipeline.config.yaml', `remote: { directory: "${team.share}" }\n`);
    const { code, stderr } = await team.second.run(['run', 'demo.yaml']);
    expect([code, team.second.runs]).toEqual([3, []]);
    expect(stderr).toMatch(/^E_MISSING_FIELD {2}"trust" is missing in "remote"\n/);
    team.second.write('pipeline.config.yaml', 'remote: { mode: reed }\n');
    expect((await team.second.run(['run', 'demo.yaml'])).stderr).toContain('pipeline.config.yaml:1:17  E_WRONG_TYPE  "remote.mode" cannot be read');
    expect((await team.second.run(['help', 'run'])).code).toBe(0);
  });

  test('no secret is printed: not by config, not by doctor, not by a run that is refused', async () => {
    await using server = await CacheServer.start();
    server.misbehave = (_asked, response) => Boolean(response.writeHead(401).end('Bearer hidden'));
    using team = await new Team().setUp();
    team.configure(team.first, `mode: read-write, sign: { keyFile: "${team.keyFile}" }, headers: { Authorization: TOKEN }`, `url: "${server.url}"`);
    const env = { TOKEN: 'Bearer hidden' };
    const outputs = [];
    for (const args of [['config', '--show-origin'], ['config', '--json'], ['doctor'], ['run', 'demo.yaml', '--verbose', '--debug'], ['run', 'demo.yaml', '--json', '--force'], ['cache', 'push', '--debug']]) outputs.push(await team.first.run(args, { env }));
    expect(outputs[0]?.stdout).toMatch(/remote\.headers +Authorization: \$TOKEN +pipeline\.config\.yaml, line 1/);
    const pem = readFileSync(team.keyFile, 'utf8').split('\n')[1] as string;
    for (const { stdout, stderr } of outputs) for (const secret of ['hidden', pem]) expect(stdout + stderr).not.toContain(secret);
    expect(server.asked.some(({ headers }) => headers.authorization === 'Bearer hidden')).toBe(true);
    for (const path of readdirSync(join(team.first.folder, 'cache'), { recursive: true, encoding: 'utf8' })) {
      const file = join(team.first.folder, 'cache', path);
      if (statSync(file).isFile()) expect(readFileSync(file, 'latin1')).not.toContain('hidden');
    }
  });
});

describe('cache keygen', () => {
  test('writes a file for its owner only, prints the public key, and never touches an existing file', async () => {
    using team = await new Team().setUp();
    expect(statSync(team.keyFile).mode & 0o777).toBe(0o600);
    const again = await team.first.run(['cache', 'keygen', team.keyFile]);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('cannot hold a new key')]);
    const other = `${team.keyFile}2`;
    const { stdout } = await team.first.run(['cache', 'keygen', other]);
    expect(stdout).toMatch(/^private key {2}.*\npublic key {3}ed25519:[A-Za-z0-9+/]{43}=\nid/);
    expect(stdout).not.toContain('PRIVATE KEY-----');
  });
});

describe('config', () => {
  test('prints what is in force, and with --show-origin why', async () => {
    using project = new FakeProject();
    expect((await project.run(['config'])).stdout).toContain('cache.directory        cache\n');
    project.write('pipeline.config.yaml', 'cache:\n  directory: elsewhere\n');
    const { stdout } = await project.run(['config', '--show-origin'], { env: { PIPELINE_REMOTE: 'off' } });
    expect(stdout).toMatch(/cache\.directory +elsewhere +pipeline\.config\.yaml, line 2, column 14\n/);
    expect(stdout).toMatch(/remote\.mode +off +PIPELINE_REMOTE\n/);
    expect(JSON.parse((await project.run(['config', '--json', '--cache-dir', 'mine'])).stdout)).toMatchObject({ schema: 'pipeline.config.v1', settings: expect.arrayContaining([{ name: 'cache.directory', value: 'mine', from: 'flag', origin: '--cache-dir' }]) as unknown });
  });

  test('cache.directory moves the store, relative to the project; flag and environment stand above it', async () => {
    using project = new FakeProject();
    project.write('pipeline.config.yaml', 'cache: { directory: elsewhere }\n');
    mkdirSync(join(project.folder, 'below'));
    await project.run(['run', 'demo.yaml']);
    expect(readdirSync(join(project.folder, 'elsewhere'))).toContain('VERSION');
    await project.run(['run', 'demo.yaml'], { env: { PIPELINE_CACHE_DIR: 'from-env' } });
    await project.run(['run', 'demo.yaml', '--cache-dir', 'from-flag'], { env: { PIPELINE_CACHE_DIR: 'from-env-2' } });
    expect(readdirSync(project.folder).filter((name) => ['cache', 'elsewhere', 'from-env', 'from-env-2', 'from-flag'].includes(name)).sort()).toEqual(['elsewhere', 'from-env', 'from-flag']);
  });

  test('all that is wrong with the file is printed', async () => {
    using project = new FakeProject();
    project.write('pipeline.config.yaml', 'cache: { dir: x }\nremote: { mode: w }\n');
    const { code, stderr } = await project.run(['config']);
    expect(code).toBe(3);
    expect(stderr).toContain('E_UNKNOWN_FIELD');
    expect(stderr).toContain('E_WRONG_TYPE');
  });
});

describe('doctor', () => {
  test('asks the shared cache, and says nothing of one that is not there', async () => {
    using team = await new Team().setUp();
    expect(team.normalise((await team.second.run(['doctor'])).stdout)).toMatch(/✓ shared cache +works +read, 1 trusted key, answers in \d+ ms: <share>\n/);
    rmSync(team.share, { recursive: true });
    const { code, stdout } = await team.second.run(['doctor']);
    expect([code, team.normalise(stdout)]).toEqual([6, expect.stringMatching(/✗ shared cache +does not work +"<share>" could not be used/)]);
    using project = new FakeProject();
    expect((await project.run(['doctor'])).stdout).not.toContain('shared cache');
  });
});

test('the configuration that counts is that of the project the pipeline file lies in, wherever the command is called from', async () => {
  using here = new FakeProject();
  using there = new FakeProject();
  here.write('pipeline.config.yaml', 'cache: { directory: wrong }\n');
  there.write('pipeline.config.yaml', 'cache: { directory: right }\n');
  await here.run(['run', join(there.folder, 'demo.yaml')]);
  expect(readdirSync(there.folder)).toContain('right');
  expect(readdirSync(here.folder)).not.toContain('wrong');
});
