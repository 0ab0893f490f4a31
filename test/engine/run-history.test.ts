import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { publishResults } from '../../src/engine/publish-results.js';
import { listRuns, readEvents, readRun } from '../../src/engine/run-history.js';
import { newRunId } from '../../src/engine/run-folder.js';
import { PipelineRig } from '../rigs/pipeline-rig.js';

const PIPELINE = `
  a: { type: fake.inline, params: { label: a, text: A, pad: 6000 } }
  b: { type: fake.inline, params: { label: b, text: B }, inputs: { a: '\${stages.a}' } }
`;

describe('run records', () => {
  test('hold what a report needs, and are found by the beginning of their id', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(PIPELINE, 'params: { p: 1 }\n');
    const { summary } = await rig.run({ set: ['params.p=2'] });
    const record = readRun(rig.storeDirectory, summary.id.slice(0, 18));
    expect(record).toEqual(JSON.parse(JSON.stringify(summary.record)));
    expect(record).toMatchObject({ format: 1, pipeline: 'test', file: rig.path('p.yaml'), params: { p: 2 }, outcome: 'succeeded', cacheMode: 'read-write', restricted: false });
    expect(record.stages[1]).toMatchObject({ name: 'b', type: 'fake.inline', version: 1, word: 'ran', reason: 'never run', inputs: { a: ['a.out'] }, metrics: { length: 6016 }, outputs: { out: { type: 'Text', files: 1 } } });
    expect(record.hardware.cpus).toBeGreaterThan(0);
    expect(record.software['node']).toBe(process.versions.node);
    expect(record.owner).toBeUndefined();
    expect(readRun(rig.storeDirectory, 'latest').id).toBe(summary.id);
  });

  test('events are numbered, without progress, and a torn last line is left out', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(PIPELINE);
    const { summary, events } = await rig.run();
    const kept = events.filter((event) => event.kind !== 'stage.progress');
    appendFileSync(join(summary.folder as string, 'events.ndjson'), '{"seq":99,"ms":1,"kind":"run.fin');
    const read = readEvents(rig.storeDirectory, summary.id);
    expect(read.map(({ event }) => event)).toEqual(JSON.parse(JSON.stringify(kept)));
    expect(read.map(({ seq }) => seq)).toEqual(kept.map((_, i) => i + 1));
  });

  test('are listed newest first, and what cannot be read is left out', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(PIPELINE);
    const first = (await rig.run()).summary.id;
    const second = (await rig.run()).summary.id;
    mkdirSync(join(rig.storeDirectory, 'runs', '20200101-000000-abcd'));
    writeFileSync(join(rig.storeDirectory, 'runs', '20200101-000000-abcd', 'run.json'), '{"format":1');
    expect(listRuns(rig.storeDirectory).map(({ id }) => id)).toEqual([second, first]);
    expect(listRuns(rig.storeDirectory, 1).map(({ id }) => id)).toEqual([second]);
    expect(() => readRun(rig.storeDirectory, '2')).toThrow(expect.objectContaining({ code: 'E_UNKNOWN_RUN' }));
    expect(() => readRun(rig.storeDirectory, 'x')).toThrow('"x" means no run');
    expect(listRuns(join(rig.folder, 'nowhere'))).toEqual([]);
  });

  test('ids sort by time', () => {
    expect(newRunId(new Date('2026-11-23T13:45:01.999Z'))).toMatch(/^20261123-134501-[0-9a-f]{4}$/);
    expect(newRunId(new Date('2026-11-23T09:00:00.001Z')) < newRunId(new Date('2026-11-23T09:00:00.002Z'))).toBe(true);
    expect(newRunId(new Date('2026-11-23T09:00:00Z')) < newRunId(new Date('2026-11-23T10:00:00Z'))).toBe(true);
  });
});

const REPORT = (): Promise<string> => Promise.resolve('a report');

describe('results', () => {
  test('are copies that may be edited without changing the cache, under a pointer to the latest', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(PIPELINE);
    const folder = rig.path('results');
    for (const round of [1, 2]) {
      const { summary } = await rig.run({
        inspect: async (store, plan, made) => {
          const results = await publishResults(plan, made, store, folder, REPORT);
          expect(results.folder).toBe(join(folder, 'test', made.id));
          expect(results.files.map(({ stage, output, name }) => `${stage}/${output}/${name}`)).toEqual(['a/out/text.txt', 'b/out/text.txt']);
          for (const { path } of results.files) {
            expect(statSync(path).nlink).toBe(1);
            writeFileSync(path, 'edited');
          }
        },
      });
      expect(readlinkSync(join(folder, 'test', 'latest'))).toBe(summary.id);
      expect(readdirSync(join(folder, 'test'))).toHaveLength(round + 1);
      if (round === 2) expect(rig.words(summary)).toEqual({ a: 'restored', b: 'restored' });
    }
  });

  test('are not copied again by a run that restored everything; they are when a value of the file changed', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(PIPELINE, 'params: { p: 1 }\n');
    const publish = async (set: readonly string[] = []): Promise<{ id: string; folder: string; report: string; files: readonly unknown[] }> => {
      let folder = '';
      let report = '';
      let files: readonly unknown[] = [];
      const { summary } = await rig.run({ set, inspect: async (store, plan, made) => void ({ folder, report, files } = await publishResults(plan, made, store, rig.path('results'), REPORT)) });
      return { id: summary.id, folder, report, files };
    };
    const first = await publish();
    const second = await publish();
    expect({ ...second, id: '' }).toEqual({ ...first, id: '' });
    expect(readFileSync(second.report, 'utf8')).toBe('a report');
    const third = await publish(['params.p=2']);
    expect(third.folder).toBe(rig.path(join('results', 'test', third.id)));
    expect((await publish(['params.p=2'])).folder).toBe(third.folder);
  });

  test('the pointer moves only when the run succeeded and its report is written', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline(PIPELINE);
    const latest = rig.path('results/test/latest');
    const publish = (report: (folder: string) => string): Promise<unknown> =>
      rig.run({ force: () => true, inspect: async (store, plan, made) => void (await publishResults(plan, made, store, rig.path('results'), () => Promise.resolve(report(rig.path(`results/test/${made.id}`))))) });
    const inTheWay = (folder: string): string => {
      mkdirSync(join(folder, 'report.html'));
      return '';
    };
    await expect(publish(inTheWay)).rejects.toMatchObject({ code: 'E_STORE_IO', facts: { system: 'EISDIR' } });
    expect(existsSync(latest)).toBe(false);
    await publish(() => {
      expect(existsSync(latest)).toBe(false);
      return '';
    });
    const before = readlinkSync(latest);
    rig.want('fail-b');
    await publish(() => '');
    expect(readlinkSync(latest)).toBe(before);
    expect(readdirSync(rig.path('results/test'))).toHaveLength(4);
  });

  test('an outside file that is to be published is copied from where it lies', async () => {
    await using rig = PipelineRig.create();
    rig.pipeline('  s: { type: fake.source, params: { file: data.bin } }\n');
    rig.write({ 'data.bin': 'content' });
    await rig.run({
      inspect: async (store, plan, made) => {
        const results = await publishResults(plan, made, store, rig.path('results'), REPORT);
        expect(readFileSync(results.files[0]?.path as string, 'utf8')).toBe('content');
      },
    });
  });
});
