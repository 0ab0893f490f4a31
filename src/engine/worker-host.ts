/**
 * The inside of a worker process: waits for jobs, runs one at a time, answers. It keeps one set of services, made when a job first needs them
 * and replaced when a job needs others; it ends when its parent is gone. The composition root hands in the stage modules and how services
 * are made, so nothing here knows a stage or a numeric library.
 */
import { PipelineError, deserializeError, serializeError } from '../core/errors.js';
import { watchParent } from './parent-watch.js';
import { runStage } from './run-stage.js';
import { runOwnStage } from './modules/run-own-stage.js';
import type { StageCode, StageModule } from './stage.js';
import { openStore, type FileStore } from './store/file-store.js';
import type { FromWorker, StageJob, StageResult, ToWorker } from './worker-protocol.js';

export interface WorkerHostOptions {
  readonly modules: Readonly<Record<string, StageModule>>;
  /** Makes the named services with that many threads, for jobs on that store; `services` of the job: what the key says of each. A service may have `identity()` and `dispose()`. */
  services(names: readonly string[], threads: number, job: Pick<StageJob, 'store' | 'services'>): Promise<object>;
}

interface LifeCycle {
  identity?(): string;
  dispose?(): Promise<void>;
}

interface ServiceSet {
  readonly id: string;
  readonly bag: Readonly<Record<string, LifeCycle | undefined>>;
}

export function runWorkerHost(options: WorkerHostOptions): void {
  let services: ServiceSet | undefined;
  let store: { readonly id: string; readonly store: FileStore } | undefined;
  let aborting: AbortController | undefined;

  process.on('message', (message: ToWorker) => {
    switch (message.kind) {
      case 'run':
        return void answer(message.job);
      case 'describe':
        return void describe(message.code);
      case 'abort':
        return aborting?.abort(deserializeError(message.reason));
      case 'stop':
        return void leave();
    }
  });
  // Ctrl-C goes to the whole terminal; the engine decides what it means for a running stage.
  process.on('SIGINT', letEngineDecide);
  process.once('disconnect', () => void leave());
  watchParent();

  async function answer(job: StageJob): Promise<void> {
    const controller = new AbortController();
    aborting = controller;
    try {
      send({ kind: 'done', result: await work(job, controller.signal) });
    } catch (error) {
      send({ kind: 'failed', error: serializeError(error) });
    } finally {
      aborting = undefined;
    }
  }

  async function describe(code: StageCode): Promise<void> {
    process.off('SIGINT', letEngineDecide); // nothing is lost here, and a module that loops while it loads has to end as well
    try {
      const { describeBundle } = await import('./modules/describe.js');
      send({ kind: 'described', manifests: await describeBundle(code) });
    } catch (error) {
      send({ kind: 'failed', error: serializeError(error) });
    }
  }

  async function work(job: StageJob, signal: AbortSignal): Promise<StageResult> {
    if (job.code !== undefined) {
      const [bag, opened] = [await servicesFor(job), await storeFor(job)];
      return runOwnStage(job.code, job, { store: opened, services: bag, signal, emit: send });
    }
    const module = options.modules[job.type];
    if (module === undefined || !Object.hasOwn(options.modules, job.type)) throw unknownType(job.type);
    const [definition, bag, opened] = [await module.load(), await servicesFor(job), await storeFor(job)];
    return runStage(definition, job, { store: opened, services: bag, signal, emit: send });
  }

  async function servicesFor(job: StageJob): Promise<object> {
    if (job.needs.length === 0) return {}; // what is loaded stays for the next job that needs it
    const id = JSON.stringify([job.needs, job.resources.cpus, job.services, job.store]);
    if (services?.id !== id) {
      const old = services;
      services = undefined;
      for (const service of Object.values(old?.bag ?? {})) await service?.dispose?.();
      services = { id, bag: (await options.services(job.needs, job.resources.cpus, job)) as ServiceSet['bag'] };
    }
    for (const name of job.needs) checkService(job, name, services.bag[name]);
    return services.bag;
  }

  async function storeFor(job: StageJob): Promise<FileStore> {
    const { directory, ...openOptions } = job.store;
    const id = JSON.stringify(job.store);
    if (store?.id !== id || store.store.mode !== job.store.mode) {
      await store?.store.close();
      // A disk that is full takes not even our lease: what this job makes then goes to the scratch folder of the run, and the next one tries again.
      store = { id, store: await openStore(directory, { ...openOptions, fallback: 'read' }) };
      store.store.onEvent((event) => send({ kind: 'damaged', event }));
    }
    return store.store;
  }

  async function leave(): Promise<void> {
    aborting?.abort(new PipelineError('E_CANCELLED', '"pipeline" has ended', { hint: 'Run again: finished work is in the cache.' }));
    try {
      await store?.store.close();
    } finally {
      process.exit(0);
    }
  }
}

function letEngineDecide(): void {}

function send(message: FromWorker): void {
  if (process.connected) process.send?.(message);
}

function checkService(job: StageJob, name: string, service: LifeCycle | undefined): void {
  if (service === undefined) {
    throw new PipelineError('E_SERVICE_MISSING', `"${name}" is a service that this program does not have`, {
      facts: { expected: `a service "${name}" for stage type ${job.type}`, found: 'none' },
      hint: 'Correct `needs` in the definition of the stage type.',
    });
  }
  const expected = job.services[name];
  const found = service.identity?.();
  if (found === undefined || found === expected) return;
  throw new PipelineError('E_ENVIRONMENT', `"${name}" is another numeric back end than the key was made for`, {
    facts: { expected: expected ?? 'none', found },
    hint: 'Choose the same back end for planning and running.',
  });
}

function unknownType(type: string): PipelineError {
  return new PipelineError('E_UNKNOWN_STAGE_TYPE', `"${type}" is not a stage type of the worker`, {
    facts: { expected: 'a type that the worker was built with', found: type },
    hint: 'Build again, so that the manifest of the stage types matches their code.',
  });
}
