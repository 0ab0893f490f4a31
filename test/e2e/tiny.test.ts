/**
 * The main job in miniature through the real program: separate processes, real files, real numbers. One store is shared by the tests in order, as a
 * user's would be.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const CLI = resolve('dist/cli/main.js');
const TINY = resolve('pipelines/tiny.yaml');
const folder = mkdtempSync(join(tmpdir(), 'tiny-'));
const STAGES = ['simulate', 'source', 'stimuli', 'voxels', 'pictures', 'backbone', 'features', 'readout', 'evaluation', 'dream', 'selection', 'attribution', 'true-attribution', 'truth', 'comparison'];
const environment: NodeJS.ProcessEnv = { ...process.env, CI: '1', NO_COLOR: '1' };
delete environment['NSD_ROOT'];

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly words: Readonly<Record<string, string>>;
  /** stage.output → digest */
  readonly digests: Readonly<Record<string, string>>;
}

function pipeline(...args: string[]): { code: number | null; stdout: string; stderr: string } {
  const done = spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8', cwd: resolve('.'), env: environment });
  return { code: done.status, stdout: done.stdout, stderr: done.stderr };
}

function run(cache: string, ...more: string[]): Outcome {
  const done = pipeline('run', TINY, '--cache-dir', join(folder, cache), '--results', join(folder, `${cache}-results`), ...more);
  const runs = join(folder, cache, 'runs');
  const newest = readdirSync(runs).sort().at(-1) as string;
  const record = JSON.parse(readFileSync(join(runs, newest, 'run.json'), 'utf8')) as {
    stages: { name: string; word: string; outputs: Record<string, { digest: string }> }[];
  };
  return {
    ...done,
    words: Object.fromEntries(record.stages.map((stage) => [stage.name, stage.word])),
    digests: Object.fromEntries(record.stages.flatMap((stage) => Object.entries(stage.outputs).map(([port, output]) => [`${stage.name}.${port}`, output.digest]))),
  };
}

const named = (words: Readonly<Record<string, string>>, word: string): string[] => Object.keys(words).filter((name) => words[name] === word).sort();

describe('pipelines/tiny.yaml', () => {
  let first: Outcome;
  beforeAll(() => {
    first = run('cache');
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('runs every kind of stage from nothing', () => {
    expect(first.stderr + first.stdout).toContain('15 ran, 0 restored, 0 skipped, 0 failed, 0 blocked');
    expect(first.code).toBe(0);
    expect(named(first.words, 'ran')).toEqual([...STAGES].sort());
  });

  it('leaves pictures, tables and a self-contained report in results/', () => {
    const latest = join(folder, 'cache-results', 'tiny', 'latest');
    const root = statSync(latest).isDirectory() ? latest : readFileSync(latest, 'utf8').trim();
    const report = readFileSync(join(root, 'report.html'), 'utf8');
    expect(report).toContain('<!doctype html>');
    expect(report).not.toMatch(/(src|href)="https?:/);
    for (const file of ['dream/dreams/faces-1.png', 'dream/dreams/contact.png', 'attribution/attributions/contact.png', 'evaluation/scores/rois.csv', 'truth/check/check.json']) {
      expect(existsSync(join(root, file)), file).toBe(true);
    }
  });

  it('restores everything the second time', () => {
    const second = run('cache');
    expect(named(second.words, 'restored')).toEqual([...STAGES].sort());
    expect(second.digests).toEqual(first.digests);
  });

  it('plans, explains and reruns only the dream and what follows when its steps change', () => {
    const cache = ['--cache-dir', join(folder, 'cache'), '--set', 'params.steps=7'];
    const planned = pipeline('plan', TINY, ...cache);
    expect(planned.stdout).toMatch(/dream +run .*params\.steps 6 → 7/);
    expect(planned.stdout).toMatch(/truth +maybe .*after "dream"/);
    expect(planned.stdout).toContain('12 hit, 1 run, 2 maybe, 0 skipped');
    expect(pipeline('explain', TINY, 'dream', ...cache).stdout).toContain('params.steps 6 → 7');
    expect(named(run('cache', '--set', 'params.steps=7').words, 'ran')).toEqual(['comparison', 'dream', 'truth']);
  });

  it('does not extract features or voxels again when the alphas of the readout change', () => {
    const ran = named(run('cache', '--set', 'stages.readout.params.alphas=[10, 1000]').words, 'ran');
    expect(ran).toEqual(['attribution', 'comparison', 'dream', 'evaluation', 'readout', 'truth']);
  });

  it('is all restored when the seed of the simulator goes there and back', () => {
    const there = run('cache', '--set', 'params.simulator_seed=2');
    expect(there.code).toBe(0);
    expect(named(there.words, 'restored')).toEqual(['backbone', 'pictures']);
    const back = run('cache');
    expect(named(back.words, 'restored')).toEqual([...STAGES].sort());
  }, 120_000);

  it('gives the same bytes from another store, with another number of threads', () => {
    const threads = ['backbone', 'features', 'readout', 'dream', 'attribution', 'evaluation'].flatMap((stage) => ['--set', `stages.${stage}.resources.cpus=1`]);
    expect(run('other', ...threads).digests).toEqual(first.digests);
  }, 120_000);

  it('finds a damaged object, sets it aside, recomputes it and ends with the same outputs', () => {
    const key = JSON.parse(pipeline('show', 'features', '--json', '--cache-dir', join(folder, 'cache')).stdout) as unknown;
    const digest = /"digest":\s*"([0-9a-f]{64})"/.exec(JSON.stringify(findOutput(key, '0000-00.npy')))?.[1] as string;
    const path = join(folder, 'cache', 'objects', digest.slice(0, 2), digest.slice(2));
    const bytes = readFileSync(path);
    bytes[10] = (bytes[10] as number) ^ 1;
    rmSync(path);
    writeFileSync(path, bytes);
    const healed = run('cache', '--force=readout');
    expect(healed.code).toBe(0);
    expect(healed.stderr + healed.stdout).toMatch(/damaged/);
    expect(healed.digests).toEqual(first.digests);
    expect(named(healed.words, 'ran')).toContain('features');
  }, 120_000);

  it('reads the same tree from a folder as the real data set, and what follows cannot tell the difference', () => {
    const record = JSON.parse(pipeline('show', 'simulate', '--json', '--cache-dir', join(folder, 'cache')).stdout) as {
      record: { outputs: { nsd: { files: { name: string; digest: string; inline?: string }[] } } };
    };
    const root = join(folder, 'nsd');
    for (const file of record.record.outputs.nsd.files) {
      const path = join(root, file.name);
      mkdirSync(dirname(path), { recursive: true });
      if (file.inline === undefined) copyFileSync(join(folder, 'cache', 'objects', file.digest.slice(0, 2), file.digest.slice(2)), path);
      else writeFileSync(path, Buffer.from(file.inline, 'base64'));
    }
    const real = run('cache', '--set', `params.nsd=${root}`);
    expect(real.code).toBe(0);
    expect(named(real.words, 'skipped')).toEqual(['comparison', 'simulate', 'true-attribution', 'truth']);
    expect(named(real.words, 'ran')).toEqual(['source']);
    expect(named(real.words, 'restored')).toEqual(STAGES.filter((name) => !['comparison', 'simulate', 'true-attribution', 'truth', 'source'].includes(name)).sort());
    expect(real.digests['source.nsd']).toBe(first.digests['source.nsd']);

    // Another place, the other format: other files, the same trials.
    const compressed = run('cache', '--set', `params.nsd=${root}`, '--set', 'stages.source.params.format=nii.gz');
    expect(compressed.code).toBe(0);
    expect(compressed.digests['voxels.voxels']).toBe(first.digests['voxels.voxels']);
  }, 120_000);

  it('names the missing file when the data set is incomplete', () => {
    const root = join(folder, 'nsd');
    rmSync(join(root, 'nsddata/ppdata/subj01/func1pt8mm/roi/floc-words.nii.gz'));
    const done = pipeline('run', TINY, '--cache-dir', join(folder, 'cache'), '--set', `params.nsd=${root}`);
    expect(done.code).toBe(3);
    expect(done.stderr + done.stdout).toMatch(/E_EXTERNAL_MISSING[\s\S]*floc-words\.nii\.gz/);
  });

  it('reports every error of a broken file at once, with places and nearest names, and runs nothing', () => {
    const broken = join(folder, 'broken.yaml');
    writeFileSync(broken, ['name: broken', 'stages:', '  a:', '    type: stimuli.drwa', '  b:', '    type: stimuli.draw', '    params: { count: 0 }', '  c:', '    type: backbone.train', '    inputs: { imags: "${stages.b}" }', ''].join('\n'));
    const done = pipeline('run', broken, '--cache-dir', join(folder, 'never'));
    expect(done.code).toBe(3);
    expect(done.stderr).toMatch(/broken\.yaml:4:11 {2}E_UNKNOWN_STAGE_TYPE/);
    expect(done.stderr).toContain('did you mean "stimuli.draw"?');
    expect(done.stderr).toMatch(/broken\.yaml:7:22 {2}E_OUT_OF_RANGE/);
    expect(done.stderr).toMatch(/broken\.yaml:10:15 {2}E_UNKNOWN_INPUT/);
    expect(done.stderr).toContain('did you mean "images"?');
    expect(existsSync(join(folder, 'never', 'runs'))).toBe(false);
  });
});

/** The description of one file anywhere in a JSON answer. */
function findOutput(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  if ((value as { name?: unknown }).name === name) return value;
  for (const child of Object.values(value)) {
    const found = findOutput(child, name);
    if (found !== undefined) return found;
  }
  return undefined;
}
