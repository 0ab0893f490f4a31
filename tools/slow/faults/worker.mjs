/** Entry of a worker process in fault runs. */
import { runWorkerHost } from '../../../dist/engine/worker-host.js';
import { gate } from './gate.mjs';
import { MODULES } from './stages.mjs';

await gate('worker');
runWorkerHost({ modules: MODULES, services: async () => ({}) });
