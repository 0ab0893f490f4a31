/**
 * Stage types for tests of running. Real definitions, run by the real engine inline and in real worker processes. What a test wants of them
 * beyond their parameters (hold, fail, crash, be slow to stop) lies as files in a control folder, because it must not be in the key; every
 * run leaves a line there, so tests count runs whichever process they happened in.
 */
import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Type } from '@sinclair/typebox';
import { PipelineError } from '../../../src/core/errors.js';
import { manifestOf, stageDefiner, type ArtifactReader, type StageDefinition, type StageManifest, type StageModule } from '../../../src/engine/stage.js';

export interface CountingService {
  identity(): string;
  count(): number;
  dispose(): Promise<void>;
}

const define = stageDefiner<{ counter: CountingService }>();

const PARAMS = Type.Object(
  {
    /** names the stage in the control folder */
    label: Type.String({ default: 'x' }),
    text: Type.String({ default: '' }),
    /** the output is only this many characters long: other inputs, same bytes */
    keep: Type.Integer({ minimum: 0, default: 1_000_000 }),
    /** pads the output with so many bytes, so that it becomes an object */
    pad: Type.Integer({ minimum: 0, default: 0 }),
    chunks: Type.Array(Type.String(), { default: [] }),
  },
  { additionalProperties: false },
);
const TEXT_IN = { a: { type: 'Text', description: 'a', optional: true }, b: { type: 'Text', description: 'b', optional: true } } as const;
const TEXT_OUT = { out: { type: 'Text', description: 'text', publish: ['text.txt', 'more/*.txt'] } } as const;

export class Control {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  log(line: string): void {
    appendFileSync(join(this.folder, 'runs.log'), `${line}\n`);
  }

  lines(): string[] {
    const path = join(this.folder, 'runs.log');
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter((line) => line !== '') : [];
  }

  wants(what: string, label: string): boolean {
    return existsSync(join(this.folder, `${what}-${label}`));
  }
}

function read(reader: ArtifactReader | undefined): string {
  return reader === undefined ? '-' : reader.text('text.txt').trimEnd();
}

async function behave(control: Control, label: string, signal: AbortSignal): Promise<void> {
  control.log(`run ${label} ${process.pid}`);
  while (control.wants('hold', label)) {
    if (!control.wants('deaf', label)) signal.throwIfAborted();
    await sleep(10);
  }
  if (control.wants('crash', label)) process.abort();
  if (control.wants('kill', label)) process.kill(process.pid, 'SIGKILL');
  if (control.wants('exit', label)) {
    process.stderr.write('last words\n');
    process.exit(3);
  }
  if (control.wants('bug', label)) throw new TypeError('a mistake in the stage');
  if (control.wants('fail', label)) throw new PipelineError('E_DATA', `"${label}" was told to fail`, { facts: { expected: 'luck', found: 'none' }, hint: 'Try again.' });
}

export function fakeDefinitions(control: Control, versions: Readonly<Record<string, number>> = {}): StageDefinition[] {
  const version = (type: string): number => versions[type] ?? 1;
  const textStage = (type: string, runs: 'inline' | 'worker', cpus: number) =>
    define({
      type, version: version(type), summary: 'Joins texts.', params: PARAMS, inputs: TEXT_IN, outputs: TEXT_OUT, needs: [], random: false, runs, resources: { cpus, memoryMb: 10 },
      async run({ params, inputs, outputs, signal, progress, metric, log }) {
        await behave(control, params.label, signal);
        log(`joining for ${params.label}`);
        process.stdout.write(control.wants('print', params.label) ? `printed by ${params.label}\n` : '');
        progress(1, 1);
        const dice = control.wants('dice', params.label) ? ` ${process.hrtime.bigint()}` : '';
        const text = `${params.text}${dice}(${read(inputs.a)},${read(inputs.b)})v${version(type)}`.slice(0, params.keep);
        metric('length', text.length);
        if (control.wants('silent', params.label)) return;
        outputs.out.write('text.txt', `${text}\n${'.'.repeat(params.pad)}`);
        control.log(`end ${params.label}`);
      },
    });
  return [
    textStage('fake.inline', 'inline', 1),
    textStage('fake.work', 'worker', 1),
    textStage('fake.wide', 'worker', 64),
    define({
      type: 'fake.random', version: 1, summary: 'Draws numbers.', params: PARAMS, inputs: TEXT_IN, outputs: TEXT_OUT, needs: [], random: true, runs: 'inline', resources: { cpus: 1, memoryMb: 10 },
      async run({ params, outputs, random }) {
        control.log(`run ${params.label}`);
        outputs.out.json('text.txt', Array.from({ length: 4 }, () => random.uint32()));
      },
    }),
    define({
      type: 'fake.source', version: 1, summary: 'Takes an outside file.',
      params: Type.Object({ label: Type.String({ default: 'source' }), file: Type.String({ default: '', 'x-external': 'file' }), restrict: Type.Boolean({ default: false }) }, { additionalProperties: false }),
      inputs: {}, outputs: TEXT_OUT, needs: [], random: false, runs: 'inline', resources: { cpus: 1, memoryMb: 10 },
      async run({ params, outputs, externals, signal }) {
        control.log(`run ${params.label}`);
        if (externals.size !== 1) throw new PipelineError('E_DATA', '"externals" is not one file');
        outputs.out.external('text.txt', 'data.txt');
        if (params.restrict) outputs.out.restrict();
        await behave(control, params.label, signal);
      },
    }),
    ...(['inline', 'worker'] as const).map((runs) =>
      define({
        type: runs === 'inline' ? 'fake.gather' : 'fake.gather-work', version: 1, summary: 'Lists texts with their labels.', params: PARAMS,
        inputs: { texts: { type: 'Text', description: 'texts', many: true }, more: { type: 'Text', description: 'more texts', many: true, optional: true } },
        outputs: TEXT_OUT, needs: [], random: false, runs, resources: { cpus: 1, memoryMb: 10 },
        async run({ params, inputs, outputs, signal }) {
          await behave(control, params.label, signal);
          const lines = [...inputs.texts, ...inputs.more].map(({ labels, artifact }) => `${JSON.stringify(labels)} ${read(artifact)}`);
          outputs.out.write('text.txt', `${lines.join('\n')}\n${inputs.texts.length}+${inputs.more.length}\n${'.'.repeat(params.pad)}`);
        },
      }),
    ),
    define({
      type: 'fake.memo', version: version('fake.memo'), summary: 'Works in chunks.', params: PARAMS, inputs: TEXT_IN, outputs: TEXT_OUT, needs: [], random: false, runs: 'worker', resources: { cpus: 1, memoryMb: 10 },
      async run({ params, outputs, memo, signal, checkpoint, metric }) {
        control.log(`run ${params.label}`);
        const state = join(checkpoint, 'state');
        if (existsSync(state)) control.log(`resumed ${params.label} ${readFileSync(state, 'utf8')}`);
        let restored = 0;
        for (const [i, chunk] of params.chunks.entries()) {
          const entry = await memo({ chunk, pad: params.pad }, async (writer) => {
            control.log(`chunk ${chunk}`);
            writer.write('value', `${chunk}${'.'.repeat(params.pad)}`);
          });
          if (entry.restored) restored += 1;
          if (statSync(entry.path('value')).size !== chunk.length + params.pad) throw new PipelineError('E_DATA', '"value" has another size');
          outputs.out.adopt(`chunks/${i}`, entry.file('value'));
          writeFileSync(state, `after ${chunk}`);
          if (control.wants('hold', `${params.label}-${chunk}`)) await behave(control, `${params.label}-${chunk}`, signal);
        }
        metric('restored', restored);
        outputs.out.write('text.txt', params.chunks.join(' '));
      },
    }),
    define({
      type: 'fake.serviced', version: 1, summary: 'Uses a service.', params: PARAMS, inputs: TEXT_IN, outputs: TEXT_OUT, needs: ['counter'], random: false, runs: 'worker', resources: { cpus: 2, memoryMb: 10 },
      async run({ params, outputs, services, resources }) {
        control.log(`serviced ${params.label} ${process.pid} use ${services.counter.count()} threads ${resources.cpus}`);
        outputs.out.write('text.txt', params.text);
      },
    }),
  ] as unknown as StageDefinition[];
}

export function fakeModules(control: Control, versions: Readonly<Record<string, number>> = {}): { modules: Record<string, StageModule>; manifests: Map<string, StageManifest> } {
  const definitions = fakeDefinitions(control, versions);
  const modules: Record<string, StageModule> = {};
  for (const definition of definitions) {
    modules[definition.type] = {
      load: async () => {
        control.log(`load ${definition.type}`);
        return definition;
      },
      ...(definition.type === 'fake.source' ? { externals: async () => async (params) => [{ name: 'data.txt', path: String(params['file']) }] } : {}),
    };
  }
  return { modules, manifests: new Map(definitions.map((definition) => [definition.type, manifestOf(definition)])) };
}

export function digestOfText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
