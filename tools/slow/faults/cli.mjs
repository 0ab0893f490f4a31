/**
 * The real command line with the cheap stage types of fault runs: `node cli.mjs run p.yaml …`. In the environment: FAULTS_GATE lets a tracer attach first;
 * FAULTS_BARRIER names a file to wait for once everything is loaded; FAULTS_CLOCK `after:ms` sets the clock by so much after so many looks at it.
 */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { main } from '../../../dist/cli/main.js';
import { gate } from './gate.mjs';
import { REGISTRY } from './stages.mjs';

// Loaded before the gate, so that what is traced after it is the run and not the loading of modules.
if (process.env['FAULTS_GATE'] !== undefined || process.env['FAULTS_BARRIER'] !== undefined) await Promise.all(['../../../dist/cli/commands/run.js', '../../../dist/cli/parse.js', '../../../dist/cli/render/lines.js'].map((path) => import(path)));
await gate('engine');
for (const barrier = process.env['FAULTS_BARRIER']; barrier !== undefined && !existsSync(barrier); await sleep(1));
jumpingClock(process.env['FAULTS_CLOCK']);
const composition = { registry: REGISTRY, workerEntry: fileURLToPath(new URL('worker.mjs', import.meta.url)) };
process.exitCode = await main(process.argv.slice(2), { stdout: process.stdout, stderr: process.stderr, env: process.env, cwd: process.cwd(), composition });

function jumpingClock(setting) {
  if (setting === undefined) return;
  const [after, milliseconds] = setting.split(':').map(Number);
  const Real = Date;
  let looks = 0;
  const now = () => Real.now() + ((looks += 1) > after ? milliseconds : 0);
  globalThis.Date = class extends Real {
    constructor(...args) {
      if (args.length === 0) super(now());
      else super(...args);
    }
    static now() {
      return now();
    }
  };
}
