/** A project in a temporary folder with the real command line, the real stage types and real worker processes. Needs `npm run build`. */
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { main } from '../../src/cli/main.js';

export interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A module with one type, `lab.count`, that writes a number. */
export const COUNT = `import { defineStage, Type } from 'pipeline-encoding/stage';
import { twice } from './helper.ts';
export default defineStage({
  type: 'lab.count', version: 1, summary: 'Writes twice a number.',
  params: Type.Object({ n: Type.Integer({ minimum: 0, default: 2, description: 'how many' }) }),
  inputs: {}, outputs: { count: { type: 'Count', description: 'the count' } },
  async run({ params, outputs, log }) {
    log('counting');
    outputs.count.json('count.json', { value: twice(params.n) });
  },
});
`;
export const HELPER = 'export const twice = (x: number): number => x * 2;\n';
export const COUNT_PIPELINE = 'name: own\nmodules: [./stages/count.ts]\nstages:\n  count: { type: lab.count }\n';

export class OwnProject implements Disposable {
  readonly folder: string;
  #latest = '';
  /** errors of the latest run of `words`: stage → code, message and facts */
  failures: Record<string, Failure> = {};

  constructor(files: Readonly<Record<string, string>> = {}, folder = realpathSync(mkdtempSync(join(tmpdir(), 'pipeline-own-')))) {
    this.folder = folder;
    if (!existsSync(this.path('package.json'))) this.write({ 'package.json': '{"type":"module"}' });
    this.write(files);
  }

  static withCount(): OwnProject {
    return new OwnProject({ 'stages/count.ts': COUNT, 'stages/helper.ts': HELPER, 'p.yaml': COUNT_PIPELINE });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(this.path(name)), { recursive: true });
      writeFileSync(this.path(name), text);
    }
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  chmod(name: string, mode: number): void {
    chmodSync(this.path(name), mode);
  }

  /** The same project elsewhere, without its results; the cache goes along. */
  copied(): OwnProject {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'pipeline-own-moved-')));
    cpSync(this.folder, folder, { recursive: true, verbatimSymlinks: true });
    return new OwnProject({}, folder);
  }

  async cli(args: readonly string[], settings: { readonly signal?: AbortSignal; readonly env?: NodeJS.ProcessEnv } = {}): Promise<Said> {
    let [stdout, stderr] = ['', ''];
    const code = await main(args, {
      stdout: { write: (text) => (stdout += text) },
      stderr: { write: (text) => (stderr += text) },
      env: settings.env ?? { ...process.env },
      cwd: this.folder,
      ...(settings.signal === undefined ? {} : { signal: settings.signal }),
    });
    return { code, stdout, stderr };
  }

  run(...args: string[]): Promise<Said> {
    return this.cli(['run', 'p.yaml', ...args]);
  }

  /** stage → hit, run or maybe */
  async plan(...args: string[]): Promise<Record<string, string>> {
    const { stdout, stderr } = await this.cli(['plan', 'p.yaml', '--json', ...args]);
    if (stdout === '') return { error: stderr };
    const { stages } = JSON.parse(stdout) as { stages: readonly { stage: string; answer: string }[] };
    return Object.fromEntries(stages.map(({ stage, answer }) => [stage, answer]));
  }

  /** stage → ran, restored, failed, … of a run */
  async words(...args: string[]): Promise<Record<string, string>> {
    const { stdout } = await this.run('--json', '--keep-going', ...args);
    this.failures = {};
    const words: Record<string, string> = {};
    for (const line of stdout.split('\n')) {
      const event = line === '' ? {} : (JSON.parse(line) as { kind?: string; stage?: string; run?: string; error?: Failure });
      if (event.kind === 'run.started') this.#latest = event.run ?? '';
      if (event.error !== undefined && event.stage !== undefined) this.failures[event.stage] = event.error;
      const word = /^stage\.(ran|restored|skipped|failed|blocked)$/.exec(event.kind ?? '')?.[1];
      if (word !== undefined && event.stage !== undefined) words[event.stage] = word;
    }
    return words;
  }

  /** Text of the log of a stage in the latest run of `words`. */
  log(stage: string): string {
    return this.read(`cache/runs/${this.#latest}/logs/${stage}.log`);
  }

  /** What the store has under the key that a stage had in the latest run of `words`. */
  record(stage: string): StoredRecord {
    const { stages } = JSON.parse(this.read(`cache/runs/${this.#latest}/run.json`)) as { stages: readonly { name: string; key: string }[] };
    const { key } = stages.find(({ name }) => name === stage) as { key: string };
    return (JSON.parse(this.read(`cache/records/${key.slice(0, 2)}/${key.slice(2)}.json`)) as { record: StoredRecord }).record;
  }

  /** Files of an output of the latest run of `words`: name → text. */
  output(stage: string, port: string): Record<string, string> {
    const files = this.record(stage).outputs[port]?.files ?? [];
    return Object.fromEntries(files.map(({ name, inline, digest }) => [name, inline === undefined ? readFileSync(this.object(digest), 'utf8') : Buffer.from(inline, 'base64').toString('utf8')]));
  }

  object(digest: string): string {
    return this.path(`cache/objects/${digest.slice(0, 2)}/${digest.slice(2)}`);
  }
}

interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly facts: Readonly<Record<string, string>>;
}

export interface StoredRecord {
  readonly material: { readonly code: string | null; readonly externals: Readonly<Record<string, string>>; readonly params: Readonly<Record<string, unknown>> };
  readonly outputs: Readonly<Record<string, { readonly files: readonly { readonly name: string; readonly inline?: string; readonly digest: string }[] }>>;
  readonly metrics: Readonly<Record<string, number>>;
}
