/**
 * Entry of a worker process: the second composition root. It joins the stage code and the real services to the engine's worker host. Nothing
 * heavy is loaded until a stage asks for it.
 */
import { join } from 'node:path';
import { PipelineError } from '../core/errors.js';
import { DOWNLOADS, TUNING } from '../engine/store/layout.js';
import { runWorkerHost } from '../engine/worker-host.js';
import { STAGE_MODULES } from '../stages/index.js';

runWorkerHost({
  modules: STAGE_MODULES,
  services: async (names, threads, { store, services: identities }) => {
    const makers: Readonly<Record<string, () => Promise<unknown>>> = {
      tensor: async () => (await import('../runtime/create-service.js')).createTensorService(identities['tensor'] ?? '', threads, async () => (await import('./model-reader.js')).MODEL_READER, { folder: join(store.directory, TUNING), isWritable: store.mode === 'read-write' }),
      downloads: async () => {
        const kept = join(store.directory, DOWNLOADS);
        const { createDownloadService } = await import('../downloads/service.js');
        // A store that may not be written is looked into; what is new serves this run.
        return createDownloadService(store.mode === 'read-write' || store.scratch === undefined ? { folder: kept } : { folder: join(store.scratch, DOWNLOADS), readOnlyFolder: kept });
      },
    };
    const services: Record<string, unknown> = {};
    for (const name of names) {
      const make = Object.hasOwn(makers, name) ? makers[name] : undefined;
      if (make === undefined) throw new PipelineError('E_SERVICE_MISSING', `service "${name}" does not exist`, { facts: { expected: Object.keys(makers).join(', '), found: name }, hint: 'correct `needs` of the stage type' });
      services[name] = await make();
    }
    return services;
  },
});
