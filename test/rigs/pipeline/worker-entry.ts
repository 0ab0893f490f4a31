/** Entry of a worker process in tests: the fake stage types on the real host. */
import { runWorkerHost } from '../../../src/engine/worker-host.js';
import { Control, fakeModules, type CountingService } from './fake-stages.js';

const control = new Control(process.env['PIPELINE_RIG'] as string);
const versions = JSON.parse(process.env['PIPELINE_RIG_VERSIONS'] ?? '{}') as Record<string, number>;
if (process.env['NODE_OPTIONS'] !== undefined) control.log('NODE_OPTIONS reached the worker');

function counter(threads: number): CountingService {
  let uses = 0;
  control.log(`service made ${process.pid} threads ${threads}`);
  return {
    identity: () => process.env['PIPELINE_RIG_IDENTITY'] ?? 'counter-1',
    count: () => (uses += 1),
    dispose: async () => control.log(`service disposed ${process.pid}`),
  };
}

runWorkerHost({
  modules: fakeModules(control, versions).modules,
  services: async (names, threads) => (names.includes('counter') ? { counter: counter(threads) } : {}),
});
