/**
 * One worker process, seen from the engine: it runs one job at a time and outlives it. Whatever happens to the process (a crash in native
 * code, an out-of-memory kill, silence after an abort) becomes the failure of that one job. It is the leader of a process group of its own,
 * so that a kill reaches what it has started too.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { PipelineError, deserializeError, serializeError } from '../core/errors.js';
import { LineSplitter } from './line-splitter.js';
import type { StoreEvent } from './events.js';
import type { FromWorker, StageJob, StageResult, StageSignal, ToWorker } from './worker-protocol.js';

/** A stage that was told to stop may finish a step and clean up. */
const GRACE_MS = 5000;
/** How much of the last output is quoted when a worker dies. */
const LAST_LINES = 12;

export interface JobListener {
  onSignal(signal: StageSignal): void;
  /** a line that the process wrote to stdout or stderr */
  onOutput(line: string): void;
  onDamage(event: StoreEvent): void;
}

interface Running {
  readonly job: StageJob;
  readonly listener: JobListener;
  readonly settle: (outcome: { readonly result: StageResult } | { readonly error: Error }) => void;
}

export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #lastLines: string[] = [];
  #running: Running | undefined;
  #alive = true;
  /** what services it holds, so that the pool can hand it the jobs that need the same */
  services = '';

  constructor(entry: string, environment: NodeJS.ProcessEnv) {
    this.#child = fork(entry, [], { serialization: 'advanced', stdio: ['ignore', 'pipe', 'pipe', 'ipc'], detached: true, env: scrubbed(environment), execArgv: [] });
    this.#exited = new Promise((resolve) => {
      const end = (how: string, signal: NodeJS.Signals | null, code: number | null): void => {
        this.#alive = false;
        this.#running?.settle({ error: crashed(this.#running.job, how, signal, code, this.#lastLines) });
        resolve();
      };
      // `close`, not `exit`: by then its last words have been read.
      this.#child.once('close', (code, signal) => end(signal === null ? `exit code ${code}` : `signal ${signal}`, signal, code));
      this.#child.once('error', (error) => end(error.message, null, null));
    });
    this.#child.on('message', (message: FromWorker) => this.#onMessage(message));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      const lines = new LineSplitter((line) => this.#onLine(line));
      stream?.on('data', (chunk: Buffer) => lines.push(chunk));
      stream?.on('end', () => lines.end());
    }
  }

  get alive(): boolean {
    return this.#alive && this.#child.connected;
  }

  /** Rejects with the stage's own error, E_STAGE_CRASHED, or the reason of `signal`. */
  async run(job: StageJob, signal: AbortSignal, listener: JobListener): Promise<StageResult> {
    this.#lastLines.length = 0;
    let killing: NodeJS.Timeout | undefined;
    const abort = (): void => {
      this.#send({ kind: 'abort', reason: serializeError(signal.reason) });
      killing = setTimeout(() => this.kill(), GRACE_MS);
    };
    try {
      const outcome = await new Promise<Parameters<Running['settle']>[0]>((settle) => {
        this.#running = { job, listener, settle };
        this.#send({ kind: 'run', job });
        if (signal.aborted) abort();
        else signal.addEventListener('abort', abort, { once: true });
      });
      // What it wrote before it answered is in the pipe already: let it be read before the job counts as over.
      await new Promise((resolve) => setImmediate(resolve));
      if (signal.aborted) throw signal.reason;
      if ('error' in outcome) throw outcome.error;
      return outcome.result;
    } finally {
      clearTimeout(killing);
      signal.removeEventListener('abort', abort);
      this.#running = undefined;
    }
  }

  /** Ends an idle process: it closes its store and leaves; one that does not is killed. */
  async stop(): Promise<void> {
    // Not `disconnect`: Node emits no `close` for a child whose channel was closed from this side.
    this.#send({ kind: 'stop' });
    const killing = setTimeout(() => this.kill(), GRACE_MS);
    await this.#exited;
    clearTimeout(killing);
  }

  kill(): void {
    const { pid } = this.#child;
    if (pid === undefined || !this.#alive) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      this.#child.kill('SIGKILL'); // no process groups on this system, or it is gone already
    }
  }

  #send(message: ToWorker): void {
    // A process that is gone settles its job when it closes; the error of the write adds nothing.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  #onMessage(message: FromWorker): void {
    const running = this.#running;
    if (running === undefined) return; // a late word of a job that is over
    switch (message.kind) {
      case 'progress':
      case 'log':
        return running.listener.onSignal(message);
      case 'damaged':
        return running.listener.onDamage(message.event);
      case 'done':
        return running.settle({ result: message.result });
      case 'described':
        return; // asked of a process of its own, see modules/ask.ts
      case 'failed':
        return running.settle({ error: deserializeError(message.error) });
    }
  }

  #onLine(line: string): void {
    this.#lastLines.push(line);
    if (this.#lastLines.length > LAST_LINES) this.#lastLines.shift();
    this.#running?.listener.onOutput(line);
  }
}

/** Options that the user gave to this process (a debugger port, a loader) are not meant for its workers. */
export function scrubbed(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _options, NODE_CHANNEL_FD: _channel, ...rest } = environment;
  return rest;
}

function crashed(job: StageJob, how: string, signal: NodeJS.Signals | null, code: number | null, lastLines: readonly string[]): PipelineError {
  const memory = signal === 'SIGKILL' || signal === 'SIGABRT' || code === 134;
  return new PipelineError('E_STAGE_CRASHED', `"${job.stage}" ended with its worker process`, {
    facts: { expected: 'an answer', found: how, type: job.type, ...(lastLines.length === 0 ? {} : { 'last output': lastLines.join('\n') }) },
    hint: memory
      ? 'Probably the memory ran out: give the stage less work at a time, or run fewer stages at once (--jobs 1).'
      : 'Look at the log of the stage; if native code crashed, report it with the model or file that it was working on.',
  });
}
