/**
 * Starts a program without a shell and waits for it, in a process group of its own: an abort reaches everything that it has started, and nothing of it is left
 * when the stage goes on to look at what it wrote.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { PipelineError } from '../../core/errors.js';
import type { OutputLog } from './output-log.js';

/** After a request to end; then it is killed. */
const GRACE_MS = 5000;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProgramOptions {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly output: OutputLog;
}

/** Groups that are running. When this process leaves in a hurry they go with it. */
const groups = new Set<number>();
let watching = false;

/** Errors: E_ENVIRONMENT if it cannot be started; the reason of `signal`. */
export async function runProgram({ argv, cwd, env, signal, output }: ProgramOptions): Promise<Ended> {
  signal.throwIfAborted();
  const [program, ...args] = argv as [string, ...string[]];
  const child = spawn(program, args, { cwd, env, shell: false, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const { pid } = child;
  if (pid !== undefined) watch(pid);
  for (const stream of [child.stdout, child.stderr]) {
    const lines = output.stream();
    stream.on('data', (chunk: Buffer) => lines.push(chunk));
    stream.on('end', () => lines.end());
  }
  let killing: NodeJS.Timeout | undefined;
  const abort = (): void => {
    kill(pid, 'SIGTERM');
    killing = setTimeout(() => kill(pid, 'SIGKILL'), GRACE_MS);
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await new Promise<Ended>((resolve, reject) => {
      let ended: Ended | undefined;
      child.once('exit', (code, by) => {
        ended = { code, signal: by };
        // What it left running could go on writing, and would hold its output open.
        kill(pid, 'SIGKILL');
      });
      child.once('close', () => {
        output.close();
        if (signal.aborted) reject(signal.reason as Error);
        else if (ended !== undefined) resolve(ended);
      });
      child.once('error', (error: NodeJS.ErrnoException) => reject(notStarted(program, cwd, env, error)));
    });
  } finally {
    clearTimeout(killing);
    signal.removeEventListener('abort', abort);
    if (pid !== undefined) groups.delete(pid);
  }
}

/** E_COMMAND_FAILED unless it ended with 0. */
export function checkEnd(stage: { readonly argv: readonly string[] }, { code, signal }: Ended, output: OutputLog): void {
  if (code === 0) return;
  const by = signal ?? signalOf(code);
  const last = output.last();
  throw new PipelineError('E_COMMAND_FAILED', `"${output.cover(stage.argv[0] ?? '')}" failed`, {
    facts: {
      expected: 'exit code 0',
      found: signal === null ? `exit code ${code}${by === undefined ? '' : ` (128 + ${by})`}` : `ended by ${signal}`,
      command: output.cover(JSON.stringify(stage.argv)).slice(0, 1000),
      ...(last === '' ? {} : { 'last output': last }),
    },
    hint: hintFor(code, by),
  });
}

function hintFor(code: number | null, by: string | undefined): string {
  if (by === 'SIGKILL') return 'Probably the memory ran out: give it less work at a time, or run fewer stages at once (--jobs 1).';
  if (by === 'SIGSEGV' || by === 'SIGBUS' || by === 'SIGILL' || by === 'SIGABRT') return 'It crashed in native code: run it by hand on the same inputs, and check the versions of its libraries.';
  if (code === 126 || code === 127) return 'It could not start another program: check what it calls, and PATH.';
  return 'Look at its last output, or at the log of the stage.';
}

/** What a shell or a wrapper says of a child that a signal ended. */
function signalOf(code: number | null): string | undefined {
  return code === null || code <= 128 ? undefined : Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0];
}

function notStarted(program: string, cwd: string, env: NodeJS.ProcessEnv, error: NodeJS.ErrnoException): PipelineError {
  const facts = { expected: program.includes('/') ? `a program, seen from ${cwd}` : 'a program on PATH', found: error.code ?? error.message, ...(program.includes('/') ? {} : { PATH: env['PATH'] ?? 'unset' }) };
  return new PipelineError('E_ENVIRONMENT', `"${program}" cannot be started`, {
    facts,
    hint: error.code === 'EACCES' ? `Make it executable: chmod +x ${program}` : error.code === 'E2BIG' ? 'Hand long values over in `values:` (a file), not in argv or env.' : 'Install it, or correct the first word of argv.',
    cause: error,
  });
}

function kill(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // the whole group is gone already
  }
}

function watch(pid: number): void {
  groups.add(pid);
  if (watching) return;
  watching = true;
  process.once('exit', () => {
    for (const group of groups) kill(group, 'SIGKILL');
  });
}
