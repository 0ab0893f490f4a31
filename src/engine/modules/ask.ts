/** Asks a process of its own what a bundle defines. Nothing of a module ever runs in the process that plans. */
import { fork } from 'node:child_process';
import { deserializeError, PipelineError } from '../../core/errors.js';
import type { StageCode, StageManifest } from '../stage.js';
import { scrubbed } from '../worker-process.js';
import type { FromWorker, ToWorker } from '../worker-protocol.js';

const PATIENCE_MS = 60_000;
const QUOTED = 600;
const STOP_SIGNALS: readonly NodeJS.Signals[] = ['SIGHUP', 'SIGINT', 'SIGTERM'];

/** Errors: E_MODULE and what else `describeBundle` says. */
export async function askFor(code: StageCode, workerEntry: string, env: NodeJS.ProcessEnv): Promise<readonly StageManifest[]> {
  const child = fork(workerEntry, [], { serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'], env: scrubbed(env), execArgv: [] });
  let said = '';
  let timer: NodeJS.Timeout | undefined;
  child.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString('utf8')).slice(-QUOTED)));
  const stop = (signal: NodeJS.Signals): void => {
    child.kill('SIGKILL');
    process.off(signal, stop);
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal); // nobody else answers to it: what it does without us
  };
  for (const signal of STOP_SIGNALS) process.on(signal, stop);
  const question: ToWorker = { kind: 'describe', code };
  try {
    return await new Promise((resolve, reject) => {
      timer = setTimeout(() => reject(silent(`no answer in ${PATIENCE_MS / 1000} s`, said)), PATIENCE_MS);
      child.on('message', (message: FromWorker) => {
        if (message.kind === 'described') resolve(message.manifests);
        else if (message.kind === 'failed') reject(deserializeError(message.error));
      });
      child.once('error', (error) => reject(silent(error.message, said)));
      child.once('close', (status, signal) => reject(silent(signal === null ? `the process ended with code ${status}` : `the process was ended by ${signal}`, said)));
      child.send(question, () => undefined);
    });
  } finally {
    clearTimeout(timer);
    for (const signal of STOP_SIGNALS) process.off(signal, stop);
    child.kill('SIGKILL');
  }
}

function silent(found: string, said: string): PipelineError {
  return new PipelineError('E_MODULE', 'the module did not say which stage types it defines', {
    facts: { expected: 'a module that only defines stage types when it is loaded', found, ...(said === '' ? {} : { 'last output': said }) },
    hint: 'move work into `run`',
  });
}
