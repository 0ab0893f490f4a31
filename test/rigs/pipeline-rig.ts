/**
 * A project in a temporary folder with a store of its own and fake stages that count, hold and fail.
 *
 *   await using rig = PipelineRig.create();
 *   rig.write({ 'p.yaml': … });
 *   const { summary } = await rig.run();
 *   rig.runs('a'); rig.words(summary);
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunSummary } from '../../src/engine/run-journal.js';
import { compiledRig } from './pipeline/compiled.js';
import { Control } from './pipeline/fake-stages.js';
import { fakeRegistryFor, planOf, runPipeline, type RunRequest, type RunResult } from './pipeline/run-pipeline.js';

export class PipelineRig implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'pipeline-rig-'));
  readonly storeDirectory = join(this.folder, 'cache');
  readonly control: Control;

  private constructor() {
    mkdirSync(join(this.folder, 'control'));
    this.control = new Control(join(this.folder, 'control'));
  }

  static create(): PipelineRig {
    return new PipelineRig();
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      const path = join(this.folder, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Writes `p.yaml` with these stages. */
  pipeline(stages: string, before = ''): void {
    this.write({ 'p.yaml': `name: test\n${before}stages:\n${stages}` });
  }

  run(request: Partial<RunRequest> = {}): Promise<RunResult> {
    return runPipeline({ file: this.path('p.yaml'), storeDirectory: this.storeDirectory, control: this.control, workerEntry: compiledRig('worker-entry'), ...request });
  }

  plan(set: readonly string[] = [], versions: Readonly<Record<string, number>> = {}) {
    const registry = fakeRegistryFor(this.control, versions);
    return { plan: planOf(this.path('p.yaml'), registry, set), registry };
  }

  /** The same run in a process of its own. */
  spawnRun(): ChildProcess {
    return spawn(process.execPath, [compiledRig('run-child'), this.path('p.yaml'), this.storeDirectory, this.control.folder, compiledRig('worker-entry')], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  }

  /** `hold-a`, `fail-a`, …: see the fake stages. */
  want(...what: string[]): void {
    for (const name of what) writeFileSync(join(this.control.folder, name), '');
  }

  release(...what: string[]): void {
    for (const name of what) unlinkSync(join(this.control.folder, name));
  }

  /** How often the stage with this label has run. */
  runs(label: string): number {
    return this.lines('run').filter((line) => line.split(' ')[1] === label).length;
  }

  lines(word: string): string[] {
    return this.control.lines().filter((line) => line.startsWith(`${word} `));
  }

  async until(condition: () => boolean): Promise<void> {
    for (let i = 0; i < 2000; i += 1) {
      if (condition()) return;
      await sleep(10);
    }
    throw new Error('waited 20 s in vain');
  }

  words({ record }: RunSummary): Record<string, string> {
    return Object.fromEntries(record.stages.map(({ name, word }) => [name, word ?? '?']));
  }

  digests({ record }: RunSummary): Record<string, string> {
    return Object.fromEntries(record.stages.flatMap(({ name, outputs }) => Object.entries(outputs).map(([port, { digest }]) => [`${name}.${port}`, digest as string])));
  }

  files(shelf: string): string[] {
    const root = join(this.storeDirectory, shelf);
    if (!existsSync(root)) return [];
    return readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).sort();
  }

  text(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
