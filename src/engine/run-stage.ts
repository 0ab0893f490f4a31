/**
 * Runs the code of one stage: builds its context, calls it, stores what it wrote. The same function serves inline stages and workers.
 * It decides nothing about keys, records or other stages, and publishes nothing.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PipelineError } from '../core/errors.js';
import { Random } from '../core/random.js';
import { FileLocator, StoredArtifact } from './artifact-reader.js';
import { StagingWriter } from './artifact-writer.js';
import { Checkpoint } from './checkpoint.js';
import { memoFor } from './stage-memo.js';
import { isMany } from './run-state.js';
import { withMachineErrors } from './stage-io-errors.js';
import { outputError } from './output-errors.js';
import type { ArtifactReader, LabelledArtifact, StageContext, StageDefinition } from './stage.js';
import { errnoOf, isMissing } from './store/fs-port.js';
import type { Store } from './store/store.js';
import type { MadeOutput, StageJob, StageResult, StageSignal } from './worker-protocol.js';

/** Progress more often than this helps nobody and costs a message each. */
const PROGRESS_EVERY_MS = 100;

export interface StageHost {
  readonly store: Store;
  /** the services that the job needs, by name */
  readonly services: unknown;
  readonly signal: AbortSignal;
  emit(signal: StageSignal): void;
}

export function runStage(definition: StageDefinition, job: StageJob, host: StageHost): Promise<StageResult> {
  return withMachineErrors(job.stage, [job.staging, host.store.directory], () => run(definition, job, host));
}

async function run(definition: StageDefinition, job: StageJob, host: StageHost): Promise<StageResult> {
  checkDefinition(definition, job);
  const { store, signal, emit } = host;
  const externals = new Map(job.externals.map((external) => [external.name, external]));
  const outside = new Map(job.outside.map(({ content, path }) => [content.digest, path]));
  const locator = new FileLocator((digest) => store.objectPath(digest), outside, join(job.staging, 'inline'));
  const writers = new Map(
    job.outputPorts.map((port) => [port, new StagingWriter(`output "${port}" of stage "${job.stage}"`, join(job.staging, 'outputs', port), externals, definition.outputs[port]?.type)]),
  );
  const metrics: Record<string, number> = {};
  const random = lazyRandom(job);
  let checkpoint: Checkpoint | undefined;
  let unkept: string | undefined;
  let lastProgress = -Infinity;

  const context: StageContext<never> = {
    params: job.params as never,
    inputs: readersOf(definition, job, locator) as never,
    outputs: Object.fromEntries(writers),
    externals: new Map(job.externals.map(({ name, path }) => [name, path])),
    get random(): Random {
      return random();
    },
    services: host.services,
    resources: job.resources,
    progress(done, total, note) {
      const now = performance.now();
      if (done < total && now - lastProgress < PROGRESS_EVERY_MS) return;
      lastProgress = now;
      emit({ kind: 'progress', done, total, ...(note === undefined ? {} : { note }) });
    },
    log: (text) => emit({ kind: 'log', level: 'info', text }),
    warn: (text) => emit({ kind: 'log', level: 'warning', text }),
    metric(name, value) {
      if (Number.isFinite(value)) metrics[name] = value;
      else emit({ kind: 'log', level: 'warning', text: `metric "${name}" is ${value} and is not recorded` });
    },
    signal,
    get checkpoint(): string {
      if (unkept !== undefined) return unkept;
      try {
        checkpoint ??= Checkpoint.claim(store.checkpointFolder(job.key));
        return checkpoint.state;
      } catch (error) {
        if (errnoOf(error) === undefined) throw error;
        // A store that does not take it costs what a kill would have left, not the stage.
        emit({ kind: 'log', level: 'warning', text: `what it keeps to go on from after a kill cannot be saved: ${(error as Error).message}` });
        unkept = join(job.staging, 'checkpoint');
        mkdirSync(unkept, { recursive: true });
        return unkept;
      }
    },
    get scratch(): string {
      const folder = join(job.staging, 'scratch');
      mkdirSync(folder, { recursive: true });
      return folder;
    },
    memo: memoFor(job, store, locator),
  };

  try {
    signal.throwIfAborted();
    await definition.run(context);
    signal.throwIfAborted();
    const outputs: Record<string, MadeOutput> = {};
    for (const [port, writer] of writers) {
      outputs[port] = await writer.finish(store);
      if (outputs[port].files.length === 0) throw missingOutput(job, port);
    }
    signal.throwIfAborted();
    return { outputs, metrics, checkpoint: checkpoint?.folder };
  } catch (error) {
    checkpoint?.release();
    throw ofTheDisk(job, error, [job.staging, store.checkpointFolder(job.key)]);
  }
}

/** Port → reader, or, where the port takes many, a list of labelled readers: empty if nothing is connected. */
function readersOf(definition: StageDefinition, job: StageJob, locator: FileLocator): Record<string, ArtifactReader | readonly LabelledArtifact[]> {
  const readers: Record<string, ArtifactReader | readonly LabelledArtifact[]> = {};
  for (const [port, { many }] of Object.entries(definition.inputs)) if (many === true) readers[port] = [];
  for (const [port, input] of Object.entries(job.inputs)) {
    readers[port] = isMany(input) ? input.map(({ labels, artifact }) => ({ labels, artifact: new StoredArtifact(artifact, locator) })) : new StoredArtifact(input, locator);
  }
  return readers;
}

/** A manifest that is older than the code would put new bytes under old keys. */
function checkDefinition(definition: StageDefinition, job: StageJob): void {
  if (definition.type === job.type && definition.version === job.version) return;
  throw new PipelineError('E_ENVIRONMENT', `"${job.type}" is not the stage type that was planned`, {
    facts: { expected: `${job.type} version ${job.version}`, found: `${definition.type} version ${definition.version}` },
    hint: 'Build again, so that the manifest of the stage types matches their code.',
  });
}

/** One stream for the whole run of the stage, however often the context is asked for it. */
function lazyRandom(job: StageJob): () => Random {
  let random: Random | undefined;
  return () => {
    if (job.seed !== null) return (random ??= new Random(job.seed));
    throw new PipelineError('E_DATA', `"${job.type}" draws random numbers without having declared it`, {
      facts: { expected: 'random: true in its definition', found: 'random: false' },
      hint: 'Declare `random: true`, so that the seed enters the key.',
    });
  };
}

function missingOutput(job: StageJob, port: string): PipelineError {
  return new PipelineError('E_OUTPUT_MISSING', `"${job.stage}" wrote no file into its output "${port}"`, {
    facts: { expected: 'at least one file', found: 'none', type: job.type },
    hint: 'Write every declared output in `run`, or remove the output from the definition.',
  });
}

/** What a disk does, or somebody who removes files of the store while they are used, is no mistake of the stage. */
function ofTheDisk(job: StageJob, error: unknown, writesTo: readonly string[]): unknown {
  const { path, syscall } = error as { path?: unknown; syscall?: unknown };
  if (!isMissing(error) || syscall === 'mkdir' || typeof path !== 'string' || !path.startsWith(job.store.directory)) return outputError(job, error, writesTo);
  return new PipelineError('E_STORE_IO', `"${path}" was removed while "${job.stage}" used it`, {
    facts: { action: 'running a stage', system: errnoOf(error) ?? '' },
    hint: 'Run again, and let nothing delete files in the folder of the store meanwhile.',
    cause: error,
  });
}
