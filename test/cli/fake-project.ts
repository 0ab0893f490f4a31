/**
 * A project in a temporary folder with fake stage types that run in-process, and the real command line on top. The stages count their runs,
 * can fail on demand, and leave blocks for the report.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { main } from '../../src/cli/main.js';
import { manifestOf, type LabelledArtifact, type StageContext, type StageDefinition, type StageManifest } from '../../src/engine/stage.js';

export const PIXEL = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');

export const FILE = `name: demo
description: two numbers
params:
  number: 2
stages:
  number:
    type: fake.number
    params: { value: "\${params.number}" }
  twice:
    type: fake.double
    inputs: { number: "\${stages.number}" }
  never:
    type: fake.double
    when: \${params.number > 100}
    inputs: { number: "\${stages.number}" }
`;

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunSettings {
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  /** each line of stdout, and each text on stderr, as it comes */
  readonly onLine?: (line: string) => void;
  readonly onError?: (text: string) => void;
}

export class FakeProject {
  readonly folder = mkdtempSync(join(tmpdir(), 'pipeline-cli-'));
  readonly runs: string[] = [];
  /** versions of stage types other than 1 */
  readonly versions: Record<string, number> = {};
  /** how often a pipeline file was planned */
  planned = 0;
  /** with one, runs are remembered */
  build: string | undefined;
  /** called inside the running stage */
  during: (type: string, context: StageContext) => void | Promise<void> = () => undefined;

  constructor() {
    writeFileSync(join(this.folder, 'package.json'), '{}');
    this.write('demo.yaml', FILE);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text);
  }

  async run(args: readonly string[], settings: RunSettings = {}): Promise<Result> {
    let [stdout, stderr] = ['', ''];
    const definitions = this.#definitions();
    const code = await main(args, {
      stdout: {
        write: (text) => {
          stdout += text;
          for (const line of text.trimEnd().split('\n')) settings.onLine?.(line);
        },
      },
      stderr: {
        write: (text) => {
          stderr += text;
          settings.onError?.(text);
        },
      },
      env: settings.env ?? {},
      cwd: this.folder,
      ...(settings.signal === undefined ? {} : { signal: settings.signal }),
      composition: {
        registry: {
          manifests: new Map(definitions.map((definition): [string, StageManifest] => [definition.type, manifestOf(definition)])),
          modules: Object.fromEntries(definitions.map((definition) => [definition.type, { load: () => Promise.resolve(definition) }])),
          serviceIdentity: (name) => name,
          validators: () => {
            this.planned += 1;
            return {};
          },
        },
        ...(this.build === undefined ? {} : { build: this.build }),
        workerEntry: join(this.folder, 'no-worker.js'),
      },
    });
    return { code, stdout: this.normalise(stdout), stderr: this.normalise(stderr) };
  }

  /** Folder, run ids, keys and times replaced, so that texts can be compared exactly. In a time that grows with the text alone: no pattern may begin within a word. */
  normalise(text: string): string {
    return text
      .replaceAll(this.folder, '<project>')
      .replace(/(?<![a-z])[a-z]+-[a-z]+-[0-9a-f]{2,} \(\d{8}-\d{6}-[0-9a-f]{4}\)|\d{8}-\d{6}-[0-9a-f]{4}/g, '<run>')
      .replace(/\b[0-9a-f]{64}\b/g, '<digest>')
      .replace(/\b[0-9a-f]{8}\b/g, '<key>')
      .replace(/\b\d+(?:\.\d)? s\b/g, '<time>');
  }

  #definitions(): StageDefinition[] {
    const common = { version: 1, summary: 'a fake', needs: [], random: false, runs: 'inline' as const, resources: { cpus: 1, memoryMb: 10 } };
    const run = (type: string, work: (context: StageContext) => void) => async (context: StageContext): Promise<void> => {
      this.runs.push(type);
      await this.during(type, context);
      work(context);
    };
    const number = {
      ...common,
      type: 'fake.number',
      params: { type: 'object', additionalProperties: false, properties: { value: { type: 'integer', minimum: 0, default: 1 } } },
      inputs: {},
      outputs: { number: { type: 'Number', description: 'a number' } },
      run: run('fake.number', ({ params, outputs }) => outputs['number']?.json('number.json', { value: params['value'] })),
    };
    const double = {
      ...common,
      type: 'fake.double',
      params: { type: 'object', additionalProperties: false, properties: {} },
      inputs: { number: { type: 'Number', description: 'what to double' } },
      outputs: { number: { type: 'Number', description: 'twice as much', publish: ['*.png', '*.csv'] } },
      run: run('fake.double', ({ inputs, outputs, metric, progress }) => {
        const { value } = (inputs['number'] as NonNullable<(typeof inputs)['number']>).json<{ value: number }>('number.json');
        progress(1, 2, 'half way');
        metric('value', 2 * value);
        const out = outputs['number'];
        out?.json('number.json', { value: 2 * value });
        out?.write('number.png', PIXEL);
        out?.write('number.csv', `value\n${2 * value}\n`);
        out?.json('report.json', [
          { kind: 'metrics', title: 'Numbers', values: { twice: 2 * value } },
          { kind: 'images', title: 'Pictures', items: [{ file: 'number.png', caption: '<b>one pixel</b>' }] },
        ]);
      }),
    };
    const sum = {
      ...common,
      type: 'fake.sum',
      params: { type: 'object', additionalProperties: false, properties: {} },
      inputs: { numbers: { type: 'Number', description: 'what to add', many: true } },
      outputs: { number: { type: 'Number', description: 'the sum', publish: ['*.csv'] } },
      run: run('fake.sum', ({ inputs, outputs }) => {
        const numbers = inputs['numbers'] as unknown as readonly LabelledArtifact[];
        const values = numbers.map(({ artifact }) => artifact.json<{ value: number }>('number.json').value);
        outputs['number']?.json('number.json', { value: values.reduce((total, value) => total + value, 0) });
        outputs['number']?.write('sum.csv', `${numbers.map(({ labels }, i) => `${JSON.stringify(labels)} ${values[i]}`).join('\n')}\n`);
      }),
    };
    const source = {
      ...common,
      type: 'fake.source',
      params: { type: 'object', additionalProperties: false, properties: { file: { type: 'string', 'x-external': 'file' } }, required: ['file'] },
      inputs: {},
      outputs: { number: { type: 'Number', description: 'a number' } },
      run: run('fake.source', ({ outputs }) => outputs['number']?.json('number.json', { value: 1 })),
    };
    return [number, double, sum, source].map((definition) => ({ ...definition, version: this.versions[definition.type] ?? 1 })) as unknown as StageDefinition[];
  }
}
