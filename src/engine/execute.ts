/**
 * Runs a plan. Every stage goes the same way as soon as its inputs are final: find its key, look it up, and either take what is there
 * (restored) or verify the bytes of its inputs and run it. Inputs enter the key by content, so a stage that ran again and gave the same
 * bytes changes nothing after it. Which stage ends first never changes a result.
 *
 * A stage that another process is computing waits for it (store/claims.ts) with no cores in its hands, and then finds the record. What the store cannot
 * take serves this run from a scratch folder.
 *
 * A damaged object is found when it is about to be read: the stage that made it runs again within the same run.
 * Must not know a stage type, a service or how anything is shown.
 */
import { setMaxListeners } from 'node:events';
import { rm } from 'node:fs/promises';
import { PipelineError, serializeError, type SerializedError } from '../core/errors.js';
import type { Artifact } from './artifact.js';
import { checkInputs } from './check-inputs.js';
import { compareOutputs } from './determinism.js';
import type { ClaimHolder, Difference, RunEvent, RunEventListener, StageWord } from './events.js';
import { ExternalDigests } from './external-digests.js';
import { Gate } from './gate.js';
import { servicesOf } from './key-material.js';
import type { Plan } from './plan.js';
import type { StageKey, StageRecord } from './record.js';
import type { WorkerPool } from './pool.js';
import { findKey } from './find-key.js';
import { ResourceLedger } from './resource-ledger.js';
import type { StageRegistry } from './stage.js';
import { delayBefore, waitFor } from './retries.js';
import type { RunRequest } from './run-request.js';
import { LEFT_OUT } from './run-selection.js';
import { RunJournal, type RunSummary } from './run-journal.js';
import { performStage, type PerformedStage } from './perform-stage.js';
import type { RunCommand } from './run-command.js';
import { publishedFiles } from './published-files.js';
import { isReady, nodesOf, type Node } from './run-nodes.js';
import { holdRestricted, inputsOf, type KeyedStage, type RunContents } from './run-state.js';
import { isClaim, NO_CLAIM } from './store/claims.js';
import { openStore } from './store/file-store.js';
import { nodeFs } from './store/fs-port.js';
import { withStoreErrors } from './store/io-errors.js';
import { isStoredObject } from './store/record-file.js';
import type { Store } from './store/store.js';
import { because, Past } from './why.js';

/** Stages whose keys are sought at a time: a few overlap their waits for the disk, many would only hold files open. */
const RESOLVING_AT_ONCE = 16;
/** Inline stages that run at a time: they wait for nobody, but each holds files open. */
const INLINE_AT_ONCE = 64;
/** An object that is damaged again right after its stage ran again is a failing disk. */
const MOST_REPAIRS = 2;

export interface ExecuteOptions {
  readonly registry: StageRegistry;
  /** `scratch`: where a store in mode `off` or `read` keeps what this run makes */
  readonly store: Store & { readonly scratch?: string | undefined };
  readonly pool: WorkerPool;
  /** all that stages may use together; more cores than a stage can get are never granted to it */
  readonly cpus: number;
  readonly memoryMb: number;
  /** the most stages that run at once; default: as many as fit */
  readonly jobs?: number;
  /** after a failure, go on with what does not depend on it */
  readonly keepGoing?: boolean;
  /** true for a stage that is to run whatever the store has */
  readonly force?: (stage: string) => boolean;
  /** false for a stage that may be restored and not run: what the store does not have is then blocked. Default: any may */
  readonly mayRun?: (stage: string) => boolean;
  /** true for a stage that, if it would be restored, is run again beside that and compared; what is stored stands */
  readonly checkDeterminism?: (stage: string) => boolean;
  readonly signal?: AbortSignal;
  readonly onEvent?: RunEventListener;
  /** versions for the record, e.g. of this program */
  readonly software?: Readonly<Record<string, string>>;
  /** for the run record */
  readonly request?: RunRequest;
  /** how the run was called, for the record */
  readonly command?: RunCommand;
}

/** Never rejects for a stage's failure: that is in the summary. Errors: E_STORE_IO and E_NO_SPACE if the run cannot be recorded; bugs. */
export async function execute(plan: Plan, options: ExecuteOptions): Promise<RunSummary> {
  const digests = await ExternalDigests.open(options.store.directory);
  return withStoreErrors(nodeFs, 'recording the run', options.store.directory, async () => {
    const journal = RunJournal.begin(plan, options);
    options.store.onEvent((event) => journal.emit(event));
    return new Execution(plan, options, digests, journal).run();
  });
}

class Execution {
  readonly #options: ExecuteOptions;
  readonly #digests: ExternalDigests;
  readonly #journal: RunJournal;
  readonly #nodes: readonly Node[];
  readonly #contents: RunContents = { outside: new Map() };
  readonly #gate = new Gate(RESOLVING_AT_ONCE);
  readonly #ledger: ResourceLedger;
  readonly #past: Past;
  /** key → the end of the last stage with that key that is under way */
  readonly #turns = new Map<StageKey, Promise<void>>();
  /** what ran in this execution: a forced stage with the same key need not run again */
  readonly #ran = new Set<StageKey>();
  /** what ran and could not be recorded because of the store's mode: it serves this run alone */
  readonly #unstored = new Map<StageKey, StageRecord>();
  readonly #abort = new AbortController();
  /** aborted as soon as nothing new may start: for those that wait */
  readonly #stopping = new AbortController();
  readonly #inline = new Gate(INLINE_AT_ONCE);
  /** set once nothing new may start: what is to blame */
  #stoppedBy: string | undefined;
  #moving = 0;
  #allStill: () => void = () => undefined;

  constructor(plan: Plan, options: ExecuteOptions, digests: ExternalDigests, journal: RunJournal) {
    this.#options = options;
    this.#digests = digests;
    this.#journal = journal;
    this.#nodes = nodesOf(plan);
    this.#ledger = new ResourceLedger({ cpus: options.cpus, memoryMb: options.memoryMb }, options.jobs ?? Infinity);
    this.#past = new Past(plan.file, options.store, plan.env);
    setMaxListeners(0, this.#abort.signal, this.#stopping.signal); // every stage under way listens
  }

  async run(): Promise<RunSummary> {
    const { signal } = this.#options;
    const end = (by: string): void => {
      this.#stop(by);
      this.#abort.abort(cancelled());
    };
    const cancel = (): void => end('cancellation');
    this.#journal.onFailure = () => end('a failure of the run itself');
    this.#journal.throwFailure();
    if (signal?.aborted === true) cancel();
    else signal?.addEventListener('abort', cancel, { once: true });
    try {
      const still = new Promise<void>((resolve) => (this.#allStill = resolve));
      this.#moving += 1;
      for (const node of this.#nodes) {
        if (node.stage.skipped !== undefined) this.#settle(node, 'skipped', { kind: 'stage.skipped', stage: node.stage.name, reason: node.stage.skipped });
      }
      for (const node of this.#nodes) this.#startIfReady(node);
      this.#rest();
      await still;
      this.#journal.throwFailure();
      for (const node of this.#nodes) if (node.state !== 'final') this.#block(node, this.#stoppedBy ?? 'an earlier failure');
      return await this.#journal.finish(signal?.aborted === true, this.#contents);
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  #startIfReady(node: Node): void {
    if (node.state !== 'waiting' || this.#stoppedBy !== undefined) return;
    if (!isReady(node)) return;
    node.state = 'moving';
    this.#moving += 1;
    void this.#move(node).finally(() => this.#rest());
  }

  #rest(): void {
    this.#moving -= 1;
    if (this.#moving === 0) this.#allStill();
  }

  /** From "all inputs are final" to "final itself", or back to waiting if an input has to be repaired. */
  async #move(node: Node): Promise<void> {
    const began = performance.now();
    try {
      const keyed = await this.#gate.run(() => this.#keyOf(node));
      await this.#inTurn(keyed.key, async () => {
        for (;;) {
          const toCompare = this.#isToCompare(node, keyed) ? await this.#options.store.lookup(keyed.key) : undefined;
          if (toCompare === undefined && (await this.#gate.run(() => this.#restore(node, keyed, began)))) return;
          if (this.#options.mayRun?.(node.stage.name) === false) return this.#leaveOut(node);
          const { broken, stale } = await this.#gate.run(() => checkInputs(node, keyed, this.#contents, this.#options.store, this.#digests));
          if (stale || broken.length > 0) return this.#repair(node, broken as readonly Node[]);
          if (toCompare !== undefined) await this.#withResources(node, () => this.#compare(node, keyed, toCompare));
          else if (await this.#perform(node, keyed).catch((error: unknown) => this.#tryAgain(node, error))) return;
        }
      });
    } catch (error) {
      if (error instanceof Stopped || (this.#abort.signal.aborted && !node.started)) node.state = 'waiting'; // it will count as blocked
      else this.#fail(node, began, error);
    }
  }

  /** Stages with the same key take turns, so that the second finds what the first has made. No turn is awaited within the gate. */
  async #inTurn(key: StageKey, work: () => Promise<void>): Promise<void> {
    const before = this.#turns.get(key);
    const turn = before === undefined ? work() : before.then(work);
    const over = turn.catch(() => undefined);
    this.#turns.set(key, over);
    try {
      await turn;
    } finally {
      if (this.#turns.get(key) === over) this.#turns.delete(key);
    }
  }

  async #keyOf(node: Node): Promise<KeyedStage> {
    const { registry, store } = this.#options;
    const { name } = node.stage;
    this.#throwIfStopped();
    const keyed = await findKey(node, registry, this.#digests, this.#contents, {
      signal: this.#abort.signal,
      onProgress: (done, total) => this.#journal.emit({ kind: 'stage.progress', stage: name, done, total, note: 'digesting outside files' }),
      keep: async () => store.mode === 'read-write' && this.#digests.save().catch((error: unknown) => this.#journal.notSaved('digests', error)),
    });
    this.#journal.keyed(name, keyed);
    return keyed;
  }

  /** False if the stage has to run. */
  async #restore(node: Node, { key }: KeyedStage, began: number): Promise<boolean> {
    const { store, force } = this.#options;
    const { name } = node.stage;
    this.#throwIfStopped();
    if (node.repairing || (force?.(name) === true && !this.#ran.has(key))) return false;
    const record = this.#unstored.get(key) ?? (await store.lookup(key));
    if (record === undefined) return false;
    // What is copied to the results is read without a stage in between, so its bytes are verified here.
    for (const { file } of publishedFiles(node.stage.manifest, record.outputs)) {
      if (!isStoredObject(file) || (await store.verifyObject(file.digest, file.size)) === 'ok') continue;
      node.repairing = true;
      await this.#drop(key);
      return false;
    }
    // The record may be older than the restriction of its inputs, which is not part of any key.
    const outputs = holdRestricted(inputsOf(node)) ? allRestricted(record.outputs) : record.outputs;
    node.outputs = outputs;
    node.key = key;
    this.#journal.made(name, outputs, record.metrics);
    this.#settle(node, 'restored', { kind: 'stage.restored', stage: name, key, durationMs: performance.now() - began });
    return true;
  }

  /** False if it is worth looking again: another process has computed the key meanwhile, or has given up. */
  async #perform(node: Node, keyed: KeyedStage): Promise<boolean> {
    const { store, force } = this.#options;
    const { key } = keyed;
    const forced = force?.(node.stage.name) === true && !this.#ran.has(key);
    let holder: ClaimHolder | undefined;
    const done = await this.#withResources(node, async () => {
      const answer = await store.claim(key, `run ${this.#journal.id}, stage ${node.stage.name}`);
      if (!isClaim(answer) && !forced) {
        holder = answer;
        return false;
      }
      const claim = isClaim(answer) ? answer : NO_CLAIM; // who forces a stage has no use for what another process makes
      try {
        // Between our look and our claim another process may have ended.
        if (claim.held && !forced && !node.repairing && (await store.lookupHere(key)) !== undefined) return false;
        this.#throwIfStopped();
        await this.#performNow(node, keyed, forced);
        return true;
      } finally {
        await claim.release();
      }
    });
    if (holder === undefined) return done ?? true;
    this.#journal.emit({ kind: 'stage.waiting', stage: node.stage.name, key, holder });
    await store.awaitClaim(key, this.#stopping.signal);
    node.repairing = false; // what the other process has just made is whole
    return false;
  }

  /** False, after its delay, if the stage is to be tried again; what it held is free for others meanwhile. Throws the error of the last attempt. */
  async #tryAgain(node: Node, error: unknown): Promise<false> {
    if (error instanceof Stopped || this.#stoppedBy !== undefined) throw error;
    const { name, retries } = node.stage;
    node.failedAttempts += 1;
    const serialized = serializeError(error);
    const delayMs = delayBefore(retries, node.failedAttempts, serialized);
    if (delayMs === undefined) throw error;
    this.#journal.retrying(name, { kind: 'stage.retrying', stage: name, attempt: node.failedAttempts, of: (retries?.times ?? 0) + 1, delayMs, error: serialized });
    if (await waitFor(delayMs, this.#stopping.signal)) return false;
    throw this.#abort.signal.aborted ? this.#abort.signal.reason : error;
  }

  /** Undefined if nothing starts any more: the stage is blocked in the end. */
  async #withResources<T>(node: Node, work: () => Promise<T>): Promise<T | undefined> {
    // Inline work is cheap by its contract and shares the engine's thread anyway: it waits for no cores.
    if (this.#isLight(node)) return this.#inline.run(work);
    const release = await this.#ledger.acquire(node.priority, node.stage.resources);
    if (release === undefined) throw new Stopped();
    try {
      this.#throwIfStopped();
      return await work();
    } finally {
      release();
    }
  }

  #isLight({ stage: { manifest } }: Node): boolean {
    return manifest.runs === 'inline' && manifest.needs.length === 0;
  }

  async #performNow(node: Node, keyed: KeyedStage, forced: boolean): Promise<void> {
    const { store } = this.#options;
    const { name } = node.stage;
    const why = node.repairing
      ? because('damaged', 'one of its outputs was damaged')
      : forced
        ? because('forced', 'forced')
        : await this.#past.whyIfReadable(name, keyed.key, keyed.material);
    node.started = true;
    if (node.failedAttempts === 0) this.#journal.started(node.stage, keyed, why.text, why.reasons);
    const began = performance.now();
    const { record: made, checkpoint, touched } = await this.#make(node, keyed, store);
    for (const file of touched) this.#journal.touched(name, file);
    const whole = touched.length === 0;
    const replaced = forced && whole ? await store.lookup(keyed.key) : undefined;
    let rival: StageRecord | undefined;
    const stored = whole && (await store.publish(made, ...(forced ? [] : [(stands: StageRecord) => (rival = stands)])));
    const record = rival ?? made; // others may have built on it already
    await this.#noteDifference(node, made, replaced ?? rival, forced ? { cause: 'forced', stands: 'new' } : { cause: 'race', stands: 'stored' });
    // The result stands; gc removes what cannot be removed now.
    if (checkpoint !== undefined) await rm(checkpoint, { recursive: true, force: true }).catch(() => undefined);
    this.#ran.add(keyed.key);
    if (!stored) {
      this.#unstored.set(keyed.key, record);
      this.#journal.unsavedStage(name);
    }
    node.outputs = record.outputs;
    node.key = keyed.key;
    node.repairing = false;
    node.failedAttempts = 0;
    this.#journal.made(name, record.outputs, record.metrics);
    this.#settle(node, 'ran', { kind: 'stage.ran', stage: name, key: keyed.key, durationMs: performance.now() - began, metrics: record.metrics, stored });
  }

  async #make(node: Node, keyed: KeyedStage, store: ExecuteOptions['store'], fresh?: true): Promise<PerformedStage> {
    const { registry } = this.#options;
    const { name, manifest, resources } = node.stage;
    const granted = { ...resources, ...this.#ledger.grant(resources) };
    return performStage({ ...node, granted, services: servicesOf(manifest, registry) }, keyed, this.#contents, {
      registry,
      store,
      digests: this.#digests,
      pool: this.#isLight(node) || manifest.runs === 'program' ? undefined : this.#options.pool,
      signal: this.#abort.signal,
      listener: this.#journal.listenerFor(name),
      software: this.#journal.software,
      ...(fresh === undefined ? {} : { fresh }),
    });
  }

  /** Other bytes under the same key are evidence against the stage, however they were found. */
  async #noteDifference({ stage }: Node, made: StageRecord, stored: StageRecord | undefined, how: Pick<Difference, 'cause' | 'stands'>): Promise<void> {
    const files = stored === undefined ? [] : compareOutputs(stored.outputs, made.outputs);
    if (files.length > 0) await this.#journal.differs(stage, made.key, { ...how, files });
  }

  #isToCompare(node: Node, { key }: KeyedStage): boolean {
    const { checkDeterminism, force } = this.#options;
    const { name } = node.stage;
    return checkDeterminism?.(name) === true && !node.compared && !node.repairing && !this.#ran.has(key) && force?.(name) !== true;
  }

  /** Runs a stage whose result is stored again, in a folder of its own and with nothing that an earlier run kept, and compares. Nothing of it is kept. */
  async #compare(node: Node, keyed: KeyedStage, stored: StageRecord): Promise<void> {
    const { store } = this.#options;
    node.started = true;
    const why = because('compared', 'again, to compare with what is stored');
    this.#journal.started(node.stage, keyed, why.text, why.reasons);
    const scratch = await store.createStaging('compare');
    try {
      const beside = await openStore(store.directory, { mode: 'read', scratch });
      try {
        const { record, touched } = await this.#make(node, keyed, beside, true);
        for (const file of touched) this.#journal.touched(node.stage.name, file);
        if (touched.length === 0) await this.#noteDifference(node, record, stored, { cause: 'check', stands: 'stored' });
      } finally {
        await beside.close();
      }
    } finally {
      await store.discardStaging(scratch);
    }
    node.compared = true;
  }

  /** The producers of damaged inputs run again; the stage waits for them like at the beginning. */
  async #repair(node: Node, broken: readonly Node[]): Promise<void> {
    for (const producer of broken) {
      if (producer.state !== 'final') continue; // somebody else has asked for it already
      producer.repairs += 1;
      if (producer.repairs > MOST_REPAIRS) throw damagedAgain(producer.stage.name);
      if (producer.key !== undefined) await this.#drop(producer.key);
      producer.repairing = true;
      producer.state = 'waiting';
    }
    node.state = 'waiting';
    for (const producer of broken) this.#startIfReady(producer);
    const failed = node.needed.find(({ state, outputs }) => state === 'final' && outputs === undefined);
    if (failed === undefined) this.#startIfReady(node); // a producer may have been repaired meanwhile
    else this.#block(node, failed.stage.name);
  }

  async #drop(key: StageKey): Promise<void> {
    this.#unstored.delete(key);
    await this.#options.store.dropRecord(key);
  }

  #fail(node: Node, began: number, error: unknown): void {
    const { name } = node.stage;
    delete node.outputs;
    const serialized: SerializedError = serializeError(error);
    this.#journal.failed(name, serialized);
    this.#settle(node, 'failed', { kind: 'stage.failed', stage: name, durationMs: performance.now() - began, error: serialized });
    this.#blockDependents(node, name);
    if (this.#options.keepGoing !== true) this.#stop(name);
  }

  #blockDependents(node: Node, by: string): void {
    const open = [...node.dependents];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (next.state !== 'waiting') continue;
      this.#block(next, by);
      open.push(...next.dependents);
    }
  }

  #block(node: Node, by: string, reason?: string): void {
    this.#settle(node, 'blocked', { kind: 'stage.blocked', stage: node.stage.name, by, ...(reason === undefined ? {} : { reason }) });
  }

  /** It is needed, has no result, and was not selected to make one. What does not need it goes on. */
  #leaveOut(node: Node): void {
    this.#block(node, node.stage.name, LEFT_OUT);
    this.#blockDependents(node, node.stage.name);
  }

  #settle(node: Node, word: StageWord, event: RunEvent): void {
    node.state = 'final';
    this.#journal.settled(node.stage.name, word, event);
    if (word === 'ran' || word === 'restored') for (const dependent of node.dependents) this.#startIfReady(dependent);
  }

  #stop(by: string): void {
    this.#stoppedBy ??= by;
    this.#ledger.close();
    this.#stopping.abort(new Stopped());
  }

  #throwIfStopped(): void {
    if (this.#stoppedBy !== undefined) throw new Stopped();
  }
}

/** Not a failure: nothing new starts any more. */
class Stopped extends PipelineError {
  constructor() {
    super('E_CANCELLED', '"pipeline" does not start anything any more');
  }
}

function allRestricted(outputs: Readonly<Record<string, Artifact>>): Record<string, Artifact> {
  return Object.fromEntries(Object.entries(outputs).map(([port, artifact]) => [port, { ...artifact, restricted: true }]));
}

function cancelled(): PipelineError {
  return new PipelineError('E_CANCELLED', '"pipeline run" was cancelled', { hint: 'Run again: what was finished is in the cache.' });
}

function damagedAgain(stage: string): PipelineError {
  return new PipelineError('E_OBJECT_DAMAGED', `"${stage}" ran again and its outputs were damaged again`, {
    facts: { expected: 'objects that stay as they were written', found: `${MOST_REPAIRS} repairs in one run` },
    hint: 'Check the disk of the store, or put the store elsewhere with --cache-dir; `pipeline cache verify --read-data` lists what is damaged.',
  });
}
