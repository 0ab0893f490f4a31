/**
 * Ctrl-C and its kin as an abort signal. The first one asks for a clean stop, the second ends the process at once (workers notice that their
 * parent is gone). The reason of the abort carries the exit code that the shell expects: 128 + number of the signal.
 */
import { PipelineError } from '../core/errors.js';
import type { CliIo } from './io.js';

const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
type StopSignal = keyof typeof SIGNAL_NUMBERS;

export interface Interruption extends Disposable {
  readonly signal: AbortSignal;
  /** 130 and the like once it was stopped */
  exitCode(): number | undefined;
}

export interface InterruptionListeners {
  /** the first signal: a clean stop was asked for */
  readonly onStop?: (message: string) => void;
  /** the second: the process ends right after this */
  readonly onKill?: () => void;
}

export function interruption(io: CliIo, { onStop, onKill }: InterruptionListeners = {}): Interruption {
  const controller = new AbortController();
  let received: StopSignal | undefined;
  const stop = (name: StopSignal): void => {
    received ??= name;
    if (controller.signal.aborted) {
      onKill?.();
      process.exit(128 + SIGNAL_NUMBERS[name]);
    }
    onStop?.('Stopping… press Ctrl-C again to kill');
    controller.abort(new Interrupted(name));
  };
  const dispose = subscribe(io, stop);
  return {
    signal: controller.signal,
    exitCode: () => (received === undefined ? undefined : 128 + SIGNAL_NUMBERS[received]),
    [Symbol.dispose]: dispose,
  };
}

/** For the time between two runs, when nobody else listens: a signal then does not end the process, and is remembered. */
export function noticeStop(io: CliIo): Disposable & { readonly stopped: () => boolean } {
  let noticed = false;
  const dispose = subscribe(io, () => (noticed = true));
  return { stopped: () => noticed, [Symbol.dispose]: dispose };
}

/** What work that looks at the signal throws. */
class Interrupted extends PipelineError {
  readonly #name: StopSignal;

  constructor(name: StopSignal) {
    super('E_CANCELLED', `"pipeline" was stopped by ${name}`, { hint: 'Run the same command again to finish.' });
    this.#name = name;
  }

  override get exitCode(): number {
    return 128 + SIGNAL_NUMBERS[this.#name];
  }
}

/** A signal given by the caller stands for one Ctrl-C. */
function subscribe({ signal }: CliIo, stop: (name: StopSignal) => void): () => void {
  if (signal !== undefined) {
    const onAbort = (): void => stop('SIGINT');
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort);
    return () => signal.removeEventListener('abort', onAbort);
  }
  const names = Object.keys(SIGNAL_NUMBERS) as StopSignal[];
  for (const name of names) process.on(name, stop);
  return () => {
    for (const name of names) process.off(name, stop);
  };
}
