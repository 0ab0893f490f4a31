/**
 * Entry of a worker process: the second composition root. It joins the stage code and the real services to the engine's worker host. Nothing
 * heavy is loaded until a stage asks for it.
 */
import { PipelineError } from '../core/errors.js';
import { runWorkerHost } from '../engine/worker-host.js';
import { STAGE_MODULES } from '../stages/index.js';

runWorkerHost({
  modules: STAGE_MODULES,
  services: async (names, threads, identities) => {
    const services: Record<string, unknown> = {};
    for (const name of names) {
      if (name !== 'tensor') throw new PipelineError('E_SERVICE_MISSING', `service "${name}" does not exist`, { facts: { expected: 'tensor', found: name }, hint: 'correct `needs` of the stage type' });
      const { createTensorService } = await import('../runtime/create-service.js');
      services[name] = await createTensorService(identities[name] ?? '', threads);
    }
    return services;
  },
});
