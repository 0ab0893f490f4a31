/** Loads and executes a pipeline file with the fake stage types: what the command line does, without it. */
import { execute, type ExecuteOptions } from '../../../src/engine/execute.js';
import type { RunEvent } from '../../../src/engine/events.js';
import { loadPlan } from '../../../src/engine/load-plan.js';
import { createWorkerPool, type WorkerPool } from '../../../src/engine/pool.js';
import type { Plan } from '../../../src/engine/plan.js';
import type { RunSummary } from '../../../src/engine/run-journal.js';
import { LayeredStore } from '../../../src/engine/remote/layered-store.js';
import type { StageRegistry } from '../../../src/engine/stage.js';
import { openStore, type FileStore, type OpenStoreOptions } from '../../../src/engine/store/file-store.js';
import { fakeModules, type Control } from './fake-stages.js';

export interface RunRequest extends Partial<Pick<ExecuteOptions, 'cpus' | 'jobs' | 'memoryMb' | 'keepGoing' | 'force' | 'checkDeterminism' | 'signal'>> {
  readonly file: string;
  readonly storeDirectory: string;
  readonly control: Control;
  readonly workerEntry: string;
  readonly set?: readonly string[];
  readonly versions?: Readonly<Record<string, number>>;
  /** what the workers were built with, where that differs from what was planned */
  readonly workerVersions?: Readonly<Record<string, number>>;
  readonly mode?: 'off' | 'read' | 'read-write';
  readonly env?: NodeJS.ProcessEnv;
  /** how this process opens the store; workers open it as ever */
  readonly store?: Pick<OpenStoreOptions, 'fs' | 'fallback'>;
  /** puts a second level behind the store */
  readonly behind?: (store: FileStore) => LayeredStore;
  readonly onEvent?: (event: RunEvent) => void;
  /** called before the store is closed */
  readonly inspect?: (store: FileStore, plan: Plan, summary: RunSummary, pool: WorkerPool) => Promise<void>;
}

export interface RunResult {
  readonly summary: RunSummary;
  readonly events: readonly RunEvent[];
}

export function fakeRegistryFor(control: Control, versions: Readonly<Record<string, number>> = {}): StageRegistry {
  return { ...fakeModules(control, versions), serviceIdentity: (name) => `${name}-1` };
}

export function planOf(file: string, registry: StageRegistry, set: readonly string[] = []): Plan {
  const { plan, diagnostics } = loadPlan(file, { registry, set, env: {} });
  if (plan === undefined) throw new Error(diagnostics.map(({ error }) => error.message).join('\n'));
  return plan;
}

export async function runPipeline(request: RunRequest): Promise<RunResult> {
  const { control, versions = {} } = request;
  const registry = fakeRegistryFor(control, versions);
  const plan = planOf(request.file, registry, request.set);
  const local = await openStore(request.storeDirectory, { mode: request.mode ?? 'read-write', ...request.store });
  const store = request.behind?.(local) ?? local;
  const pool = createWorkerPool({
    workerEntry: request.workerEntry,
    env: { ...process.env, ...request.env, PIPELINE_RIG: control.folder, PIPELINE_RIG_VERSIONS: JSON.stringify(request.workerVersions ?? versions) },
  });
  const events: RunEvent[] = [];
  try {
    const summary = await execute(plan, {
      registry, store, pool,
      cpus: request.cpus ?? 2, memoryMb: request.memoryMb ?? 1000,
      ...(request.jobs === undefined ? {} : { jobs: request.jobs }),
      ...(request.keepGoing === undefined ? {} : { keepGoing: request.keepGoing }),
      ...(request.force === undefined ? {} : { force: request.force }),
      ...(request.checkDeterminism === undefined ? {} : { checkDeterminism: request.checkDeterminism }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
      onEvent: (event) => {
        events.push(event);
        request.onEvent?.(event);
      },
    });
    if (store instanceof LayeredStore) await store.drain(20_000);
    await request.inspect?.(local, plan, summary, pool);
    return { summary, events };
  } finally {
    await pool.close();
    await store.close();
  }
}
