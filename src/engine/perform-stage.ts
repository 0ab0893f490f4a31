/**
 * Runs one stage and turns what it wrote into a record: staging folder, job, timeout, the check that nothing outside changed meanwhile,
 * sealed outputs. Nothing is published here, and after any error nothing of the run is left but unreferenced objects and what the stage
 * itself kept to go on from: memo values and checkpoints, neither of which outlives a change of what it was made from.
 */
import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { PipelineError } from '../core/errors.js';
import type { Artifact } from './artifact.js';
import { sealArtifact } from './artifact-seal.js';
import { assertInputsIntact, outsideFiles } from './check-inputs.js';
import { Checkpoint } from './checkpoint.js';
import type { ExternalDigests } from './external-digests.js';
import { stageSeed } from './key.js';
import type { PlannedStage } from './plan.js';
import type { WorkerPool } from './pool.js';
import type { StageRecord } from './record.js';
import { artifactsOf, holdRestricted, inputsOf, type KeyedStage, type RunContents, type StageInput, type StageWithProducers } from './run-state.js';
import { runOwnStage } from './modules/run-own-stage.js';
import { WRITING_OUTPUTS } from './output-errors.js';
import { runStage } from './run-stage.js';
import type { StageRegistry, StageResources } from './stage.js';
import { areUnchanged, assertUnchanged, touchedSince, withCurrentStamps, type KnownExternal } from './stage-externals.js';
import type { Store } from './store/store.js';
import type { JobListener } from './worker-process.js';
import type { StageJob, StageResult, StageSignal } from './worker-protocol.js';

export interface PerformOptions {
  readonly registry: StageRegistry;
  readonly store: Store & { readonly scratch?: string | undefined };
  readonly digests: ExternalDigests;
  /** undefined: in this process */
  readonly pool: WorkerPool | undefined;
  readonly signal: AbortSignal;
  readonly listener: JobListener;
  readonly software: Readonly<Record<string, string>>;
  /** see StageJob */
  readonly fresh?: true;
}

interface Place {
  /** where its outputs are made: not in the store's folder, whose disk does not take them */
  readonly elsewhere: boolean;
}

export interface StageToPerform extends StageWithProducers {
  readonly granted: StageResources;
  readonly services: Readonly<Record<string, string>>;
}

export interface PerformedStage {
  readonly record: StageRecord;
  /** to be removed once the record is published */
  readonly checkpoint: string | undefined;
  /** outside files that somebody touched while it ran: what it has read of them is not known, so the record serves this run and is not published */
  readonly touched: readonly KnownExternal[];
}

/** Errors: what the stage throws, E_STAGE_CRASHED, E_TIMEOUT, E_CANCELLED, E_OUTPUT_MISSING, E_INPUT_CHANGED, errors of the store. */
export async function performStage(node: StageToPerform, keyed: KeyedStage, contents: RunContents, options: PerformOptions): Promise<PerformedStage> {
  try {
    return await attempt(node, keyed, contents, options, { elsewhere: false });
  } catch (error) {
    if (options.store.mode !== 'read-write' || !(error instanceof PipelineError) || error.facts['action'] !== WRITING_OUTPUTS) throw error;
    // The stage is not to blame, and what it does may still be wanted: once more where there may be room, for this run alone.
    const { message, facts } = error;
    options.listener.onDamage({ kind: 'store.unsaved', what: 'staging', path: String(facts['folder']), system: String(facts['system']), message });
    return attempt(node, keyed, contents, options, { elsewhere: true });
  }
}

async function attempt(node: StageToPerform, keyed: KeyedStage, contents: RunContents, options: PerformOptions, { elsewhere }: Place): Promise<PerformedStage> {
  const { store, digests } = options;
  const { stage } = node;
  const began = performance.now();
  const inputs = inputsOf(node);
  const externals = await withCurrentStamps(stage.name, keyed.externals, digests);
  const outside = await withCurrentStamps(stage.name, outsideFiles(artifactsOf(inputs), contents), digests);
  const read = [...externals, ...outside];
  const staging = await store.createStaging(stage.name, ...(elsewhere ? (['scratch'] as const) : []));
  let result: StageResult | undefined;
  try {
    const job: StageJob = {
      stage: stage.name,
      type: stage.manifest.type,
      version: stage.manifest.version,
      ...(stage.manifest.code === undefined ? {} : { code: stage.manifest.code }),
      key: keyed.key,
      params: stage.params,
      inputs,
      outputPorts: Object.keys(stage.manifest.outputs),
      externals,
      outside,
      seed: keyed.material.seed === null ? null : stageSeed(keyed.material),
      needs: stage.manifest.needs,
      services: node.services,
      resources: { cpus: node.granted.cpus, memoryMb: node.granted.memoryMb },
      staging,
      ...(options.fresh === true ? { fresh: true } : {}),
      store: { directory: store.directory, mode: elsewhere ? 'read' : store.mode, ...(store.scratch === undefined ? {} : { scratch: store.scratch }) },
    };
    result = await withTimeout(stage, options.signal, (signal) => runJob(job, signal, options));
    await assertUnchanged(stage.name, read, digests);
    if (stage.manifest.runs === 'program') await assertInputsIntact(stage.name, artifactsOf(inputs), store);
    const record: StageRecord = {
      format: 1,
      key: keyed.key,
      material: keyed.material,
      outputs: seal(stage, inputs, result),
      metrics: result.metrics,
      made: { at: new Date().toISOString(), durationMs: Math.round(performance.now() - began), host: hostname(), software: options.software },
    };
    const touched = touchedSince(read);
    if (touched.length === 0) return { record, checkpoint: result.checkpoint, touched };
    await discardCheckpoints(store.checkpointFolder(keyed.key), result.checkpoint);
    return { record, checkpoint: undefined, touched };
  } catch (error) {
    // A file that cannot be looked at any more is as bad as a changed one; the error to report is the stage's.
    const asItWas = (await areUnchanged(read, digests).catch(() => false)) && touchedSince(read).length === 0;
    if (!asItWas) await discardCheckpoints(store.checkpointFolder(keyed.key), result?.checkpoint);
    throw error;
  } finally {
    await store.discardStaging(staging);
  }
}

async function runJob(job: StageJob, signal: AbortSignal, { pool, registry, store, listener }: PerformOptions): Promise<StageResult> {
  if (pool !== undefined) return pool.run(job, signal, listener);
  const host = { store, services: {}, signal, emit: (said: StageSignal) => listener.onSignal(said) };
  if (job.code !== undefined) return runOwnStage(job.code, job, host);
  const definition = await registry.modules[job.type]?.load();
  if (definition === undefined) {
    throw new PipelineError('E_UNKNOWN_STAGE_TYPE', `"${job.type}" has a manifest but no code`, {
      facts: { expected: 'a module for every type in the manifest', found: 'none' },
      hint: 'Build again, so that the manifest of the stage types matches their code.',
    });
  }
  return runStage(definition, job, host);
}

/** `own`: the folder of a run whose stage had ended well; its process lives on, so it does not count as left behind. */
async function discardCheckpoints(base: string, own: string | undefined): Promise<void> {
  if (own !== undefined) await rm(own, { recursive: true, force: true });
  Checkpoint.discard(base);
}

/** What shows restricted data is restricted, whatever the stage says. */
function seal(stage: PlannedStage, inputs: Readonly<Record<string, StageInput>>, result: StageResult): Record<string, Artifact> {
  const inherited = holdRestricted(inputs);
  return Object.fromEntries(
    Object.entries(result.outputs).map(([port, made]) => {
      const type = stage.manifest.outputs[port]?.type ?? port;
      return [port, sealArtifact({ type, files: made.files, restricted: inherited || made.restricted })];
    }),
  );
}

async function withTimeout<T>(stage: PlannedStage, outer: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const forward = (): void => controller.abort(outer.reason);
  if (outer.aborted) forward();
  else outer.addEventListener('abort', forward, { once: true });
  const { timeoutMs } = stage.resources;
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => controller.abort(timedOut(stage, timeoutMs)), timeoutMs);
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    outer.removeEventListener('abort', forward);
  }
}

function timedOut(stage: PlannedStage, timeoutMs: number): PipelineError {
  return new PipelineError('E_TIMEOUT', `"${stage.name}" did not end in its time`, {
    facts: { expected: `at most ${timeoutMs / 1000} s`, found: 'still running' },
    hint: `Give it more time (\`resources: { time: … }\`) or less work${stage.manifest.runs === 'program' ? '' : '; memoised parts of its work are kept'}.`,
    span: stage.span,
  });
}
