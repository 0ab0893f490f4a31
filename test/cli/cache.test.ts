import { chmodSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FakeProject } from './fake-project.js';

const PLAIN = { env: { CI: 'true' } };

/** A cache of two records and one object of 8 kB. */
async function project(): Promise<FakeProject> {
  const made = new FakeProject();
  made.during = (type, { outputs }) => {
    if (type === 'fake.number') outputs['number']?.write('big.bin', Buffer.alloc(8000, 1));
  };
  await made.run(['run', 'demo.yaml'], PLAIN);
  return made;
}

function objectOf({ folder }: FakeProject): string {
  const objects = join(folder, 'cache', 'objects');
  const [shard] = readdirSync(objects) as [string];
  return join(objects, shard, (readdirSync(join(objects, shard)) as [string])[0]);
}

describe('cache verify and repair', () => {
  test('a whole cache: 0; a damaged one: 4, with a command for each problem and one for all', async () => {
    using made = await project();
    expect(await made.run(['cache', 'verify', '--read-data'])).toMatchObject({ code: 0, stdout: 'whole: 1 objects, 2 records, 0 memos, 8.0 KB read\n' });
    const object = objectOf(made);
    chmodSync(object, 0o644);
    writeFileSync(object, Buffer.alloc(8000, 2));
    const found = await made.run(['cache', 'verify', '--read-data']);
    expect(found.code).toBe(4);
    expect(found.stdout).toContain('object-damaged');
    expect(found.stdout).toContain('(needed by fake.number)');
    expect(found.stdout).toContain('to put it all right: pipeline cache repair --read-data\n');
    const repaired = await made.run(['cache', 'repair', '--read-data']);
    expect(repaired.code).toBe(0);
    expect(repaired.stdout).toContain('repaired: 1 objects, 2 records');
    expect((await made.run(['cache', 'verify', '--read-data'])).code).toBe(0);
    const again = await made.run(['run', 'demo.yaml'], PLAIN);
    expect(again).toMatchObject({ code: 0 });
    expect(made.runs.filter((type) => type === 'fake.number')).toHaveLength(2);
  });

  test('a part of the bytes', async () => {
    using made = await project();
    expect((await made.run(['cache', 'verify', '--read-data-subset=100%'])).stdout).toBe('whole: 1 objects, 2 records, 0 memos, 8.0 KB read\n');
    const [one, two] = [await made.run(['cache', 'verify', '--read-data-subset=1/2', '--json']), await made.run(['cache', 'verify', '--read-data-subset=2/2', '--json'])];
    expect(JSON.parse(one.stdout).objectsRead + JSON.parse(two.stdout).objectsRead).toBe(1);
    expect(await made.run(['cache', 'verify', '--read-data-subset=half'])).toMatchObject({ code: 2, stderr: expect.stringContaining('write --read-data-subset=5%') });
  });
});

describe('cache gc', () => {
  test('says by stage type and by run what would have to run again, and keeps the record', async () => {
    using made = await project();
    const old = new Date(Date.now() - 3 * 86_400_000);
    const { utimesSync } = await import('node:fs');
    const age = (folder: string): void => {
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) if (entry.isFile()) utimesSync(join(entry.parentPath, entry.name), old, old);
    };
    for (const shelf of ['objects', 'records']) age(join(made.folder, 'cache', shelf));
    const planned = await made.run(['cache', 'gc', '--max-size', '2KB', '--dry-run']);
    expect(planned.stdout).toContain('stage type   results   bytes\nfake.number        1  8.0 KB');
    expect(planned.stdout).toMatch(/used by run +results +bytes\n<run> +1 +8\.0 KB/);
    expect((await made.run(['cache', 'gc', '--max-size', '2KB'])).code).toBe(0);
    expect((await made.run(['cache', 'verify'])).stdout).toContain('1 records, 0 memos, 1 evicted');
    expect((await made.run(['plan', 'demo.yaml'])).stdout).toContain('evicted by gc');
    expect(await made.run(['cache', 'gc', '--keep-history', '0'])).toMatchObject({ code: 2 });
  });
});

describe('run --check-determinism', () => {
  test('ends with 0 where nothing differs, and with 5 and both digests where something does', async () => {
    using made = await project();
    expect(await made.run(['run', 'demo.yaml', '--check-determinism'], PLAIN)).toMatchObject({ code: 0 });
    expect(made.runs).toEqual(['fake.number', 'fake.double', 'fake.number', 'fake.double']);
    let draw = 0;
    made.during = (type, { outputs }) => {
      if (type === 'fake.number') outputs['number']?.write('big.bin', Buffer.alloc(8000, 1));
      if (type === 'fake.double') outputs['number']?.write('draw', String((draw += 1)));
    };
    const differs = await made.run(['run', '--check-determinism=twice', 'demo.yaml'], PLAIN);
    expect(differs.code).toBe(5);
    expect(differs.stderr).toContain('E_NOT_DETERMINISTIC  "twice" gave other bytes under the same key');
    expect(differs.stderr).toContain('expected: no such file');
    expect(differs.stderr).toMatch(/evidence: <project>\/cache\/evidence\/<digest>-\*\.json/);
    expect(made.runs.filter((type) => type === 'fake.number')).toHaveLength(2);
    expect(await made.run(['run', 'demo.yaml'], PLAIN)).toMatchObject({ code: 0 });
    expect(await made.run(['run', 'demo.yaml', '--check-determinism=nothing'], PLAIN)).toMatchObject({ code: 2 });
    const json = await made.run(['run', 'demo.yaml', '--check-determinism', '--json'], PLAIN);
    expect(json.code).toBe(5);
    expect(JSON.parse(json.stderr)).toMatchObject({ code: 'E_NOT_DETERMINISTIC', exitCode: 5 });
  });
});

describe('a run whose cache cannot take everything', () => {
  test('succeeds and says so, also with --quiet', async () => {
    using made = await project();
    rmSync(join(made.folder, 'cache', 'records'), { recursive: true });
    writeFileSync(join(made.folder, 'cache', 'records'), 'a file in the way');
    const { code, stderr } = await made.run(['run', 'demo.yaml', '--quiet'], PLAIN);
    expect(code).toBe(0);
    expect(stderr).toContain('not saved: the results of number, twice');
    expect(existsSync(join(made.folder, 'results'))).toBe(true);
    const [run] = readdirSync(join(made.folder, 'cache', 'runs')).sort().slice(-1) as [string];
    expect(JSON.parse(readFileSync(join(made.folder, 'cache', 'runs', run, 'run.json'), 'utf8'))).toMatchObject({ outcome: 'succeeded', unsaved: { stages: ['number', 'twice'] } });
  });

  test('a folder that cannot be written at all is read, unless the command line says that it must be', async () => {
    using made = await project();
    rmSync(join(made.folder, 'cache', 'leases'), { recursive: true, force: true });
    writeFileSync(join(made.folder, 'cache', 'leases'), 'a file in the way');
    const { code, stderr } = await made.run(['run', 'demo.yaml', '--set', 'params.number=3'], PLAIN);
    expect(code).toBe(0);
    expect(stderr).toContain('not saved: the cache cannot be written; it is only read');
    expect(stderr).toContain('not saved: nothing of this run: the cache can only be read');
    expect(await made.run(['run', 'demo.yaml', '--cache-mode', 'read-write'], PLAIN)).toMatchObject({ code: 6, stderr: expect.stringContaining('E_STORE_IO') });
  });
});
