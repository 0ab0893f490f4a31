/** What is left running when `pipeline` is killed: code of a stage or module that never returns must not outlive it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

let folder = '';
let child: ChildProcess | undefined;

/** Leaves its process id behind and never returns. */
const SPIN = "writeFileSync(process.env.PID_FILE, String(process.pid)); for (;;) {}";
const module = (atLoad: string, inRun: string): string => `
import { writeFileSync } from 'node:fs';
import { defineStage, Type } from 'pipeline-encoding/stage';
${atLoad}
export default defineStage({
  type: 'my.spin', version: 1, summary: 'Spins.', params: Type.Object({ pid: Type.String() }, { additionalProperties: false }),
  inputs: {}, outputs: { out: { type: 'Text', description: 'text' } }, needs: [], random: false, runs: 'worker', resources: { cpus: 1, memoryMb: 10 },
  async run({ params }) { ${inRun} },
});
`;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'orphans-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(resolve('.'), join(folder, 'node_modules', 'pipeline-encoding'), 'dir');
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(join(folder, 'p.yaml'), `name: spin\nmodules: [spin.ts]\nstages:\n  spin: { type: my.spin, params: { pid: "${join(folder, 'pid')}" } }\n`);
});

afterEach(() => {
  child?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

function start(command: string): void {
  child = spawn(process.execPath, [resolve('dist/cli/main.js'), command, 'p.yaml'], { cwd: folder, stdio: 'ignore', env: { ...process.env, CI: '1', PID_FILE: join(folder, 'pid') } });
}

async function spinning(): Promise<number> {
  const pid = join(folder, 'pid');
  while (!existsSync(pid) || readFileSync(pid, 'utf8') === '') await sleep(20);
  return Number(readFileSync(pid, 'utf8'));
}

async function ended(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
      if (/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) return; // nobody waits for it here
    } catch {
      return;
    }
    await sleep(50);
  }
}

describe('a process of code that never returns', { timeout: 60_000 }, () => {
  test('ends with the pipeline that is killed while its stage runs', async () => {
    writeFileSync(join(folder, 'spin.ts'), module('', SPIN.replace('process.env.PID_FILE', 'params.pid')));
    start('run');
    const pid = await spinning();
    expect(pid).not.toBe(child?.pid);
    child?.kill('SIGKILL');
    await ended(pid);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('ends with the pipeline that gets %s while the module loads', async (signal) => {
    writeFileSync(join(folder, 'spin.ts'), module(SPIN, ''));
    start('validate');
    const pid = await spinning();
    expect(pid).not.toBe(child?.pid);
    const over = new Promise((done) => child?.once('exit', (_code, by) => done(by)));
    child?.kill(signal);
    expect(await over).toBe(signal);
    await ended(pid);
  });
});
