/**
 * What the command line is given from outside: streams, environment, current folder, and optionally a signal and a composition. The process
 * entry passes the real ones; tests pass their own and call `main` in-process. Commands never touch `process` directly.
 */
import type { StageRegistry } from '../engine/stage.js';

export interface OutputStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** What the commands run with; tests put fake stages here. */
export interface Composition {
  readonly registry: StageRegistry;
  /** absolute path of the module that a worker process starts with */
  readonly workerEntry: string;
  /** a digest of all code that decides about plans, keys and results; without it no run is remembered (engine/run-memory.ts) */
  readonly build?: string;
}

export interface CliIo {
  /** results */
  readonly stdout: OutputStream;
  /** progress, logs, warnings, errors */
  readonly stderr: OutputStream;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** aborting it stops a run cleanly; without it the run command listens to SIGINT, SIGTERM and SIGHUP of the process */
  readonly signal?: AbortSignal;
  /** built-in stages and worker when absent */
  readonly composition?: Composition;
}
