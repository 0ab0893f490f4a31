/**
 * Worker processes, made when they are needed and used again by later stages. How many run at once is the scheduler's matter: the pool
 * only finds a free one, preferably one that already holds the services that the job needs.
 */
import { WorkerProcess, type JobListener } from './worker-process.js';
import type { StageJob, StageResult } from './worker-protocol.js';

export interface WorkerPool {
  /** Rejects with the stage's own error, E_STAGE_CRASHED, or the reason of `signal`. */
  run(job: StageJob, signal: AbortSignal, listener: JobListener): Promise<StageResult>;
  /** Ends idle workers in good order. */
  close(): Promise<void>;
  /** Kills everything at once (second Ctrl-C). */
  kill(): void;
}

export interface WorkerPoolOptions {
  /** absolute path of a module that calls `runWorkerHost` */
  readonly workerEntry: string;
  /** default: the environment of this process; NODE_OPTIONS never reaches a worker */
  readonly env?: NodeJS.ProcessEnv;
}

export function createWorkerPool(options: WorkerPoolOptions): WorkerPool {
  const idle: WorkerProcess[] = [];
  const busy = new Set<WorkerProcess>();

  function take(services: string): WorkerProcess {
    for (let i = idle.length - 1; i >= 0; i -= 1) if (idle[i]?.alive === false) idle.splice(i, 1);
    const at = idle.findIndex((worker) => worker.services === services);
    const fresh = at < 0 ? idle.findIndex((worker) => worker.services === '') : at;
    const [found] = idle.length === 0 ? [] : idle.splice(Math.max(fresh, 0), 1);
    return found ?? new WorkerProcess(options.workerEntry, options.env ?? process.env);
  }

  return {
    async run(job, signal, listener) {
      const services = job.needs.length === 0 ? '' : JSON.stringify([job.needs, job.resources.cpus, job.services]);
      const worker = take(services);
      if (services !== '') worker.services = services;
      busy.add(worker);
      try {
        return await worker.run(job, signal, listener);
      } finally {
        busy.delete(worker);
        if (worker.alive) idle.push(worker);
      }
    },
    async close() {
      await Promise.all([...idle.splice(0), ...busy].map((worker) => worker.stop()));
    },
    kill() {
      for (const worker of [...idle, ...busy]) worker.kill();
    },
  };
}
