/**
 * The memory of one execution: passes events on, appends them to the run's folder, and builds the run record and the summary.
 * A store that may not be written to gets no folder; the summary is the same. Must not decide anything about the run.
 */
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import type { Digest } from '../core/digest.js';
import { PipelineError, type SerializedError } from '../core/errors.js';
import type { Artifact } from './artifact.js';
import { baseName, type Coordinates } from './coordinates.js';
import { keepEvidence } from './determinism.js';
import type { Difference, RunEvent, RunEventListener, StageWord, UnsavedThing } from './events.js';
import { gitState, type GitState } from './git-state.js';
import { hardware, softwareVersions } from './machine.js';
import type { Plan, PlannedStage } from './plan.js';
import { keptReasons, type StageReason } from './reasons.js';
import { newRunId, RunFolder } from './run-folder.js';
import type { StageKey } from './record.js';
import { runIds } from './run-history.js';
import { nameAmong } from './run-name.js';
import type { OutputSummary, RunRecord, StageOutcome } from './run-record.js';
import type { RunRequest } from './run-request.js';
import type { RunCommand } from './run-command.js';
import { keepSources } from './run-sources.js';
import type { KeyedStage, RunContents } from './run-state.js';
import type { KnownExternal } from './stage-externals.js';
import { errnoOf } from './store/fs-port.js';
import { layoutOf } from './store/layout.js';
import { currentOwner } from './store/owner.js';
import type { Store } from './store/store.js';
import { UnsavedList, type Unsaved } from './unsaved.js';
import type { JobListener } from './worker-process.js';

export interface RunSummary {
  readonly id: string;
  readonly outcome: 'succeeded' | 'failed' | 'cancelled';
  readonly durationMs: number;
  readonly counts: Readonly<Record<StageWord, number>>;
  readonly failures: readonly { readonly stage: string; readonly error: SerializedError }[];
  /** what is (or, in modes `off` and `read`, would be) in the run's folder */
  readonly record: RunRecord;
  /** the run's folder in the store; undefined in modes `off` and `read` */
  readonly folder: string | undefined;
  /** stage → output → artifact, for the stages that ran or were restored */
  readonly outputs: ReadonlyMap<string, Readonly<Record<string, Artifact>>>;
  /** where the outside files lie that artifacts of this run refer to */
  readonly outside: ReadonlyMap<Digest, string>;
  /** stage → the outside files that its key was made from, if there are any */
  readonly read: ReadonlyMap<string, readonly KnownExternal[]>;
  /** what the store did not take, if anything */
  readonly unsaved?: Unsaved;
}

export interface JournalOptions {
  readonly store: Store;
  readonly onEvent?: RunEventListener;
  readonly software?: Readonly<Record<string, string>>;
  readonly request?: RunRequest;
  /** by `performance.now()`; default: now */
  readonly began?: number;
  readonly command?: RunCommand;
}

/** What a run record says of a plan besides its stages. */
export type PlanHead = Omit<Plan, 'stages'>;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
const RUN_ID_ATTEMPTS = 20;

export class RunJournal {
  readonly id: string;
  readonly software: Readonly<Record<string, string>>;
  /** called once, when a listener threw or the run could not be recorded: no stage is to blame */
  onFailure: () => void = () => undefined;
  readonly #plan: PlanHead;
  #folder: RunFolder | undefined;
  /** a folder that could not be written at some point gets its record at the end all the same */
  #lostFolder: RunFolder | undefined;
  readonly #unsaved = new UnsavedList();
  #unsynced = false;
  readonly #store: Store;
  readonly #listener: RunEventListener | undefined;
  readonly #request: RunRequest | undefined;
  readonly #command: RunCommand | undefined;
  readonly #startedAt: Date;
  readonly #began: number;
  readonly #outcomes: ReadonlyMap<string, Mutable<StageOutcome>>;
  readonly #outputs = new Map<string, Readonly<Record<string, Artifact>>>();
  readonly #read = new Map<string, readonly KnownExternal[]>();
  /** what was taken from the second level of the cache */
  readonly #fetched = new Set<StageKey>();
  #git: Promise<GitState | null> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #over = false;
  readonly #openFailure: unknown;

  private constructor(plan: PlanHead, outcomes: readonly Mutable<StageOutcome>[], options: JournalOptions) {
    this.#plan = plan;
    this.#store = options.store;
    this.#listener = options.onEvent;
    this.#request = options.request;
    this.#began = options.began ?? performance.now();
    this.#startedAt = new Date(Date.now() - (performance.now() - this.#began));
    this.#command = options.command;
    this.software = { ...softwareVersions(), ...options.software };
    this.#outcomes = new Map(outcomes.map((outcome) => [outcome.name, outcome]));
    let failure: unknown;
    [this.id, this.#folder, failure] = openFolder(options.store);
    this.#openFailure = failure;
  }

  static begin(plan: Plan, options: JournalOptions): RunJournal {
    const journal = new RunJournal(plan, plan.stages.map(outcomeOf), options);
    journal.#write((folder) => folder.begin({ ...journal.#record('running'), owner: currentOwner() }));
    journal.#keepSources();
    journal.#started();
    return journal;
  }

  /**
   * Of a run in which everything is as it was: `outcomes` (of stages that were restored or skipped) are its outcomes. They are all told at once, so a
   * record of the run under way would be replaced before anybody could read it, and is not written.
   */
  static unchanged(plan: PlanHead, outcomes: readonly StageOutcome[], options: JournalOptions): RunJournal {
    const journal = new RunJournal(plan, outcomes, options);
    journal.#keepSources();
    journal.#started();
    for (const { name, reason = '', word } of outcomes) if (word === 'skipped') journal.emit({ kind: 'stage.skipped', stage: name, reason });
    for (const { name, key, word } of outcomes) if (word === 'restored') journal.emit({ kind: 'stage.restored', stage: name, key: key as StageKey, durationMs: 0 });
    return journal;
  }

  #started(): void {
    const { name: pipeline, file } = this.#plan;
    const stages = [...this.#outcomes.values()].map(({ name, type, coordinates }) => ({ name, type, ...(coordinates === undefined ? {} : { coordinates }) }));
    this.emit({ kind: 'run.started', run: this.id, name: this.#name(), pipeline, file, stages });
    if (this.#openFailure !== undefined) this.notSaved('run', this.#openFailure);
  }

  emit(event: RunEvent): void {
    if (this.#over) return; // the store may outlive this run
    if (event.kind === 'remote.fetched') this.#fetched.add(event.key);
    if (event.kind === 'store.unsaved' && !this.#unsaved.add(event)) return; // told once
    if (event.kind === 'store.unsynced') {
      if (this.#unsynced) return;
      this.#unsynced = true;
    }
    this.#write((folder) => folder.event(event, performance.now() - this.#began));
    this.#guard(() => this.#listener?.(event));
  }

  /** A system error that keeps something from being saved, as an event; anything else is thrown on. */
  notSaved(what: UnsavedThing, error: unknown): void {
    const cause = error instanceof PipelineError && error.cause !== undefined ? error.cause : error;
    const system = errnoOf(cause);
    if (system === undefined) throw error;
    const { path } = cause as { path?: unknown };
    this.emit({ kind: 'store.unsaved', what, path: typeof path === 'string' ? path : this.#store.directory, system, message: (cause as Error).message });
  }

  /** The stage ran, and its result is not in the store though it was meant to be. */
  unsavedStage(stage: string): void {
    if (this.#store.mode === 'read-write') this.#unsaved.stage(stage);
  }

  /** Its result serves this run alone: what it has read of the file is not known. */
  touched(stage: string, { name, path }: KnownExternal): void {
    if (this.#store.mode !== 'read-write') return;
    this.emit({ kind: 'store.unsaved', what: 'result', path, system: 'touched', message: `"${name}" was touched while "${stage}" ran` });
  }

  /** The same key gave other bytes: kept for this run, and in the store. */
  async differs({ name, manifest }: PlannedStage, key: StageKey, difference: Difference): Promise<void> {
    this.#outcome(name).differs = difference;
    this.emit({ kind: 'stage.differs', stage: name, key, ...difference });
    if (this.#store.mode !== 'read-write') return;
    try {
      await keepEvidence(this.#store.directory, { format: 1, key, stage: name, type: manifest.type, run: this.id, at: new Date().toISOString(), host: hostname(), ...difference });
    } catch (error) {
      this.notSaved('evidence', error);
    }
  }

  keyed(stage: string, { key, externals }: KeyedStage): void {
    this.#outcome(stage).key = key;
    if (externals.length > 0) this.#read.set(stage, externals);
  }

  started(stage: PlannedStage, { key, material }: KeyedStage, reason: string, because: readonly StageReason[]): void {
    this.#git ??= gitState(dirname(this.#plan.file), this.#folder?.path);
    const reasons = keptReasons(because);
    Object.assign(this.#outcome(stage.name), { reason, reasons });
    this.#write((folder) => folder.material({ stage: stage.name, key, material }));
    this.emit({ kind: 'stage.started', stage: stage.name, type: stage.manifest.type, key, reason, reasons });
  }

  listenerFor(stage: string): JobListener {
    const log = (level: 'info' | 'warning', text: string): void => {
      this.#write((folder) => folder.log(stage, level === 'warning' ? `warning: ${text}` : text));
      this.emit({ kind: 'stage.log', stage, level, text });
    };
    return {
      onSignal: (signal) => (signal.kind === 'log' ? log(signal.level, signal.text) : this.emit({ ...signal, kind: 'stage.progress', stage })),
      onOutput: (line) => log('info', line),
      onDamage: (event) => this.emit(event),
    };
  }

  made(stage: string, outputs: Readonly<Record<string, Artifact>>, metrics: Readonly<Record<string, number>>): void {
    this.#outputs.set(stage, outputs);
    const outcome = this.#outcome(stage);
    outcome.metrics = metrics;
    outcome.outputs = Object.fromEntries(Object.entries(outputs).map(([port, artifact]) => [port, summaryOf(artifact)]));
  }

  /** An attempt is over and another one will come. */
  retrying(stage: string, event: Extract<RunEvent, { kind: 'stage.retrying' }>): void {
    const { attempt, of, delayMs, error } = event;
    this.attempted(stage, attempt + 1);
    this.#guard(() => this.#folder?.log(stage, `attempt ${attempt} of ${of} failed, the next in ${delayMs / 1000} s: ${error.code} ${error.message}${error.stack === undefined ? '' : `\n${error.stack}`}`));
    this.emit(event);
  }

  attempted(stage: string, attempts: number): void {
    if (attempts > 1) this.#outcome(stage).attempts = attempts;
  }

  failed(stage: string, error: SerializedError): void {
    this.#outputs.delete(stage);
    const outcome = this.#outcome(stage);
    outcome.error = error;
    outcome.outputs = {};
    this.#write((folder) => error.stack !== undefined && folder.log(stage, error.stack));
  }

  settled(stage: string, word: StageWord, event: RunEvent): void {
    const outcome = this.#outcome(stage);
    outcome.word = word;
    if (event.kind === 'stage.skipped') outcome.reason = event.reason;
    if (event.kind === 'stage.blocked') outcome.reason = event.reason ?? `blocked by ${event.by}`;
    if ('durationMs' in event) outcome.durationMs = Math.round(event.durationMs);
    this.#write((folder) => folder.endLog(stage));
    if (event.kind === 'stage.restored' && this.#fetched.has(event.key)) {
      outcome.from = 'remote';
      this.emit({ ...event, from: 'remote' });
    } else this.emit(event);
  }

  async finish(cancelled: boolean, contents: RunContents): Promise<RunSummary> {
    const counts: Record<StageWord, number> = { ran: 0, restored: 0, skipped: 0, failed: 0, blocked: 0 };
    for (const { word } of this.#outcomes.values()) if (word !== undefined) counts[word] += 1;
    // Ctrl-C after the last stage has ended takes nothing away.
    const outcome = counts.failed + counts.blocked === 0 ? 'succeeded' : cancelled ? 'cancelled' : 'failed';
    const git = await this.#git;
    const record: RunRecord = { ...this.#record(outcome), ...(git === undefined ? {} : { git }) };
    this.emit({ kind: 'run.finished', run: this.id, durationMs: record.durationMs, counts, outcome });
    this.throwFailure();
    this.#over = true;
    const folder = this.#folder ?? this.#lostFolder;
    try {
      await folder?.finish(record);
    } catch (error) {
      this.#folder = undefined;
      this.#over = false;
      this.notSaved('run', error);
      this.#over = true;
    }
    const unsaved = this.#unsaved.summary();
    return {
      id: this.id,
      outcome,
      durationMs: record.durationMs,
      counts,
      failures: record.stages.flatMap(({ name, error }) => (error === undefined ? [] : [{ stage: name, error }])),
      record,
      ...(unsaved === undefined ? {} : { unsaved }),
      folder: this.#folder?.path,
      outputs: this.#outputs,
      outside: new Map([...contents.outside].map(([digest, { path }]) => [digest, path])),
      read: this.#read,
    };
  }

  throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Among the runs of the store, whose younger ones do not change it. */
  #name(): string {
    return nameAmong(this.id, this.#folder === undefined ? [] : runIds(this.#store.directory));
  }

  #keepSources(): void {
    this.#write(({ path }) => keepSources(path, this.#plan));
  }

  #record(outcome: RunRecord['outcome']): RunRecord {
    const plan = this.#plan;
    const unsaved = this.#unsaved.summary();
    return {
      format: 1,
      id: this.id,
      pipeline: plan.name,
      ...(plan.description === undefined ? {} : { description: plan.description }),
      file: plan.file,
      source: plan.source,
      sources: plan.sources,
      ...(this.#request === undefined ? {} : { request: this.#request }),
      params: plan.params,
      env: plan.env,
      cacheMode: this.#store.mode,
      ...(this.#command === undefined ? {} : { command: this.#command }),
      outcome,
      startedAt: this.#startedAt.toISOString(),
      durationMs: Math.round(performance.now() - this.#began),
      restricted: [...this.#outcomes.values()].some(({ outputs }) => Object.values(outputs).some((output) => output.restricted)),
      stages: [...this.#outcomes.values()],
      software: this.software,
      hardware: hardware(),
      ...(unsaved === undefined ? {} : { unsaved }),
      ...(this.#unsynced ? { durability: 'reduced' } : {}),
    };
  }

  /** The folder is a memory of the run: a disk that does not take it takes nothing from the results. After a first failure only the record is tried, at the end. */
  #write(work: (folder: RunFolder) => unknown): void {
    const folder = this.#folder;
    if (folder === undefined) return;
    try {
      work(folder);
    } catch (error) {
      this.#folder = undefined;
      this.#lostFolder = folder;
      this.#guard(() => this.notSaved('run', error));
    }
  }

  /** Events come from callbacks that nobody awaits: an error there is kept for the execution to end with. */
  #guard(work: () => unknown): void {
    if (this.#failure !== undefined) return;
    try {
      work();
    } catch (error) {
      this.#failure = { error };
      this.onFailure();
    }
  }

  #outcome(stage: string): Mutable<StageOutcome> {
    return this.#outcomes.get(stage) as Mutable<StageOutcome>;
  }
}

/** A folder under an id that nobody else has; none if the store may not, or (then with the error) cannot be written to. */
function openFolder(store: Store): [id: string, folder: RunFolder | undefined, failure?: unknown] {
  for (let attempt = 1; ; attempt += 1) {
    const id = newRunId(new Date());
    if (store.mode !== 'read-write') return [id, undefined];
    try {
      return [id, new RunFolder(join(layoutOf(store.directory).runs, id))];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt === RUN_ID_ATTEMPTS) return [id, undefined, error];
    }
  }
}

function outcomeOf(stage: PlannedStage): Mutable<StageOutcome> {
  const inputs = Object.fromEntries(Object.entries(stage.inputs).map(([port, bindings]) => [port, bindings.map((binding) => `${binding.stage}.${binding.output}`)]));
  return { name: stage.name, ...ofInstance(stage), type: stage.manifest.type, version: stage.manifest.version, params: stage.params, inputs, metrics: {}, outputs: {}, ...(stage.seed === null ? {} : { seed: stage.seed }) };
}

function ofInstance({ name, coordinates }: PlannedStage): { readonly coordinates?: Coordinates } {
  return name === baseName(name) ? {} : { coordinates };
}

function summaryOf(artifact: Artifact): OutputSummary {
  const bytes = artifact.files.reduce((sum, file) => sum + file.size, 0);
  return { type: artifact.type, digest: artifact.digest, files: artifact.files.length, bytes, restricted: artifact.restricted === true };
}
