/**
 * Ends this process when its parent is gone, even while its code never returns to the event loop: a thread of its own looks, once a second, at who the
 * parent is. Code that does return is told by the closed channel and gets some seconds to leave by itself. Costs a thread that sleeps.
 */
import { Worker } from 'node:worker_threads';

const LOOK_EVERY_MS = 1000;
/** to close the store and leave */
const GRACE_MS = 3000;

export function watchParent(): void {
  const thread = new Worker(`(${watch.toString()})(${process.ppid}, ${LOOK_EVERY_MS}, ${GRACE_MS})`, { eval: true, env: {}, execArgv: [], resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1 } });
  thread.on('error', () => undefined); // a system without a thread to spare: the closed channel still tells
  thread.unref();
}

/** Runs in the thread, as text: it must refer to nothing outside of it. */
function watch(parent: number, everyMs: number, graceMs: number): void {
  setInterval(() => {
    if (process.ppid === parent) return;
    setTimeout(() => {
      try {
        process.kill(-process.pid, 'SIGKILL'); // with what it has started, if it leads a group
      } catch {
        process.kill(process.pid, 'SIGKILL');
      }
    }, graceMs);
  }, everyMs);
}
