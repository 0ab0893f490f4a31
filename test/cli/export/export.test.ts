import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { csv } from '../../../src/cli/export/csv.js';
import { FakeProject } from '../fake-project.js';

type Entity = Record<string, unknown> & { '@id': string };

function graphOf(folder: string): Map<string, Entity> {
  const crate = JSON.parse(readFileSync(join(folder, 'ro-crate-metadata.json'), 'utf8')) as { '@graph': Entity[] };
  return new Map(crate['@graph'].map((entity) => [entity['@id'], entity]));
}

const list = (value: unknown): { '@id': string }[] => (Array.isArray(value) ? value : [value]) as { '@id': string }[];

describe('tables', () => {
  test('whatever stands in a cell can be read back', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', ' ', 'é') });
    fc.assert(fc.property(fc.array(fc.array(cell, { minLength: 2, maxLength: 2 }), { maxLength: 4 }), (rows) => {
      expect(parseCsv(csv(['x', 'y'], rows))).toEqual([['x', 'y'], ...rows]);
    }), { seed: 4 });
  });

  test('hold every stage, parameter and metric of the run', async () => {
    using project = new FakeProject();
    await project.run(['run', 'demo.yaml']);
    const { code, stdout } = await project.run(['export', '--format', 'csv', '--out', 'tables']);
    expect([code, stdout]).toEqual([0, 'csv of run <run>: 3 files in\n  tables\n']);
    const table = (name: string): string[][] => parseCsv(readFileSync(join(project.folder, 'tables', name), 'utf8'));
    expect(table('stages.csv').map(([name, , , word]) => [name, word])).toEqual([['stage', 'word'], ['number', 'ran'], ['twice', 'ran'], ['never', 'skipped']]);
    expect(table('params.csv')).toContainEqual(['number', 'value', '2']);
    expect(table('metrics.csv')).toEqual([['stage', 'metric', 'value'], ['twice', 'value', '4']]);
  });

  test('the JSON holds the key material and every file of every output', async () => {
    using project = new FakeProject();
    await project.run(['run', 'demo.yaml']);
    await project.run(['export', 'latest', '--format', 'json', '--out', 'all']);
    const run = JSON.parse(readFileSync(join(project.folder, 'all', 'run.json'), 'utf8')) as { stages: { name: string; material: { params: object } | null; files: { name: string }[] }[] };
    expect(run.stages[0]?.material?.params).toEqual({ value: 2 });
    expect(run.stages[1]?.files.map(({ name }) => name)).toEqual(['number.csv', 'number.json', 'number.png', 'report.json']);
    expect(run.stages[2]?.material).toBeNull();
  });
});

describe('an RO-Crate', () => {
  test('describes the workflow, its run, every step and every file that lies in it', async () => {
    using project = new FakeProject();
    await project.run(['run', 'demo.yaml']);
    expect((await project.run(['export', '--out', 'crate'])).code).toBe(0);
    const folder = join(project.folder, 'crate');
    const graph = graphOf(folder);
    const root = graph.get('./') as Entity;
    expect(list(root['conformsTo']).map((each) => each['@id'])).toContain('https://w3id.org/ro/wfrun/provenance/0.5');
    const parts = list(root['hasPart']).map((each) => each['@id']);
    expect(parts).toEqual(['demo.yaml', 'twice/number/number.csv', 'twice/number/number.png']);
    for (const part of parts) expect(existsSync(join(folder, part)), part).toBe(true);
    expect(graph.get('#action/twice')).toMatchObject({ instrument: { '@id': '#type/fake.double' }, actionStatus: 'http://schema.org/CompletedActionStatus' });
    expect(graph.has('#action/never')).toBe(false); // it was skipped
    // every reference within the crate leads somewhere
    for (const entity of graph.values()) for (const value of Object.values(entity)) for (const each of list(value)) {
      if (typeof each === 'object' && each !== null && '@id' in each && !each['@id'].startsWith('http')) expect(graph.has(each['@id']), each['@id']).toBe(true);
    }
    const input = list(graph.get('#action/twice')?.['object']).find((each) => each['@id'].startsWith('#artifact/'));
    expect(list(graph.get('#action/number')?.['result'])[0]).toEqual(input);
  });

  test('names restricted files by digest and leaves them out, unless told otherwise', async () => {
    using project = new FakeProject();
    project.during = (type, { outputs }) => void (type === 'fake.number' && outputs['number']?.restrict());
    await project.run(['run', 'demo.yaml']);
    const { code, stderr } = await project.run(['export', '--out', 'crate']);
    expect(code).toBe(0);
    expect(stderr).toBe('warning: 2 files are restricted, described but not copied (--with-restricted copies them)\n');
    expect(readdirSync(join(project.folder, 'crate')).sort()).toEqual(['demo.yaml', 'ro-crate-metadata.json']);
    expect(JSON.stringify([...graphOf(join(project.folder, 'crate')).values()])).toContain('may not be redistributed');
    await project.run(['export', '--out', 'whole', '--with-restricted']);
    expect(existsSync(join(project.folder, 'whole', 'twice/number/number.png'))).toBe(true);
  });

  test('is refused when the file that was run is gone, and never written over something', async () => {
    using project = new FakeProject();
    await project.run(['run', 'demo.yaml']);
    await project.run(['export', '--out', 'crate']);
    const again = await project.run(['export', '--out', 'crate']);
    expect([again.code, again.stderr.includes('"<project>/crate" is not empty')]).toEqual([2, true]);
  });

  test('a failed run says which stage failed and how', async () => {
    using project = new FakeProject();
    project.during = (type) => {
      if (type === 'fake.double') throw new Error('no');
    };
    await project.run(['run', 'demo.yaml']);
    await project.run(['export', '--out', 'crate']);
    expect(graphOf(join(project.folder, 'crate')).get('#action/twice')).toMatchObject({ actionStatus: 'http://schema.org/FailedActionStatus', error: expect.stringContaining('no') as unknown });
  });
});

describe('MLflow', () => {
  let server: Server | undefined;
  afterEach(() => server?.close());

  /** The endpoints that are documented, with their limits; anything else is refused. */
  async function tracking(): Promise<{ uri: string; runs: Map<string, { params: object; metrics: object; status: string; tags: Record<string, string> }>; seen: string[] }> {
    const runs = new Map<string, { params: Record<string, string>; metrics: Record<string, number>; status: string; tags: Record<string, string> }>();
    const experiments = new Map<string, string>();
    const seen: string[] = [];
    server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        const url = new URL(request.url as string, 'http://x');
        const path = url.pathname.replace('/api/2.0/mlflow/', '');
        seen.push(`${request.method as string} ${path}`);
        const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
        const answer = (status: number, data: object): void => void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(data));
        const pairs = <T>(items: { key: string; value: T }[] = []): Record<string, T> => Object.fromEntries(items.map(({ key, value }) => [key, value]));
        switch (`${request.method as string} ${path}`) {
          case 'GET experiments/get-by-name': {
            const id = experiments.get(url.searchParams.get('experiment_name') as string);
            return id === undefined ? answer(404, { error_code: 'RESOURCE_DOES_NOT_EXIST' }) : answer(200, { experiment: { experiment_id: id } });
          }
          case 'POST experiments/create':
            experiments.set(body['name'] as string, '7');
            return answer(200, { experiment_id: '7' });
          case 'POST runs/search': {
            const wanted = /= '(.+)'/.exec(body['filter'] as string)?.[1] as string;
            return answer(200, { runs: [...runs].filter(([, { tags }]) => tags['pipeline.run_id'] === wanted).map(([id]) => ({ info: { run_id: id } })) });
          }
          case 'POST runs/create':
            runs.set('r1', { params: {}, metrics: {}, status: 'RUNNING', tags: pairs(body['tags'] as { key: string; value: string }[]) });
            return answer(200, { run: { info: { run_id: 'r1' } } });
          case 'POST runs/log-batch': {
            const run = runs.get(body['run_id'] as string);
            const [params, metrics, tags] = [body['params'] ?? [], body['metrics'] ?? [], body['tags'] ?? []] as [{ key: string; value: string }[], { key: string; value: number }[], { key: string; value: string }[]];
            const names = [...params, ...metrics, ...tags].map(({ key }) => key);
            if (run === undefined || params.length > 100 || metrics.length > 1000 || tags.length > 100 || names.some((name) => !/^[\w\-.:/ ]{1,250}$/.test(name))) return answer(400, { error_code: 'INVALID_PARAMETER_VALUE', message: names.join() });
            Object.assign(run.params, pairs(params));
            Object.assign(run.metrics, pairs(metrics));
            Object.assign(run.tags, pairs(tags));
            return answer(200, {});
          }
          case 'POST runs/update':
            (runs.get(body['run_id'] as string) as { status: string }).status = body['status'] as string;
            return answer(200, {});
          default:
            return answer(404, { error_code: 'ENDPOINT_NOT_FOUND' });
        }
      });
    });
    await new Promise<void>((resolve) => (server as Server).listen(0, '127.0.0.1', resolve));
    return { uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, runs, seen };
  }

  test('gets params and metrics once, however often the run is sent', async () => {
    using project = new FakeProject();
    project.write('sweep.yaml', `name: sweep\nstages:\n  number: { type: fake.number, matrix: { value: [1, 2] }, params: { value: "\${matrix.value}" } }\n  twice: { type: fake.double, matrix: { value: [1, 2] }, inputs: { number: "\${stages.number}" } }\n`);
    await project.run(['run', 'sweep.yaml']);
    const { uri, runs, seen } = await tracking();
    const first = await project.run(['export', '--format', 'mlflow'], { env: { MLFLOW_TRACKING_URI: uri } });
    expect([first.code, first.stderr]).toEqual([0, '']);
    const second = await project.run(['export', '--format', 'mlflow', '--tracking-uri', uri]);
    expect(second.stdout).toBe('run <run> is MLflow run r1 (brought up to date): 2 params, 2 metrics\n');
    expect(runs.size).toBe(1);
    expect(runs.get('r1')).toMatchObject({ status: 'FINISHED', params: { 'number/value:1/value': '1', 'number/value:2/value': '2' }, metrics: { 'twice/value:1/value': 2, 'twice/value:2/value': 4 } });
    expect(seen.filter((call) => call === 'POST runs/create')).toHaveLength(1);
  });

  test('a server that is not there, and one that is no MLflow, are named', async () => {
    using project = new FakeProject();
    await project.run(['run', 'demo.yaml']);
    const none = await project.run(['export', '--format', 'mlflow', '--tracking-uri', 'http://127.0.0.1:9']);
    expect([none.code, none.stderr.includes('E_REMOTE')]).toEqual([6, true]);
    expect((await project.run(['export', '--format', 'mlflow'])).code).toBe(2);
    server = createServer((_, response) => void response.end('<html>'));
    await new Promise<void>((resolve) => (server as Server).listen(0, '127.0.0.1', resolve));
    const html = await project.run(['export', '--format', 'mlflow', '--tracking-uri', `http://127.0.0.1:${(server.address() as AddressInfo).port}`]);
    expect(html.stderr).toContain('not JSON: <html>');
  });
});

test('a changed pipeline file is not passed off as the one that was run', async () => {
  using project = new FakeProject();
  await project.run(['run', 'demo.yaml']);
  const path = join(project.folder, 'demo.yaml');
  writeFileSync(path, `${readFileSync(path, 'utf8')}# later\n`);
  const { code, stdout } = await project.run(['export', '--format', 'json', '--out', 'all']);
  expect([code, stdout.includes('json of run')]).toEqual([0, true]);
});

/** A reader of RFC 4180, independent of the writer. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  let [cell, quoted] = ['', false];
  for (let i = 0; i < text.length; i += 1) {
    const letter = text[i] as string;
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (text[i + 1] === '"') cell += text[(i += 1)];
      else quoted = false;
    } else if (letter === '"') quoted = true;
    else if (letter === ',' || letter === '\n') {
      rows.at(-1)?.push(cell);
      cell = '';
      if (letter === '\n') rows.push([]);
    } else cell += letter;
  }
  return rows.slice(0, -1);
}
