/** The real command line with the cheap stage types of fault runs: `node cli.mjs run p.yaml …`. */
import { fileURLToPath } from 'node:url';
import { main } from '../../../dist/cli/main.js';
import { gate } from './gate.mjs';
import { REGISTRY } from './stages.mjs';

// Loaded before the gate, so that what is traced after it is the run and not the loading of modules.
await Promise.all(['../../../dist/cli/commands/run.js', '../../../dist/cli/parse.js', '../../../dist/cli/render/lines.js'].map((path) => import(path)));
await gate('engine');
const composition = { registry: REGISTRY, workerEntry: fileURLToPath(new URL('worker.mjs', import.meta.url)) };
process.exitCode = await main(process.argv.slice(2), { stdout: process.stdout, stderr: process.stderr, env: process.env, cwd: process.cwd(), composition });
