/**
 * Which process is this, and does that one still live? A process id alone is reused and is the same in two containers, and host names are
 * overridden, so an owner is machine, boot, pid namespace, pid and the process's start tick together. Only what can be proved is answered
 * `alive` or `dead`; an owner on another machine or in another namespace is `unknown` and judged by its heartbeat.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { isPlainObject } from './plain.js';

export interface Owner {
  /** machine-id(5); images that are cloned share it, so the host name is compared too */
  readonly machine: string | null;
  readonly host: string;
  /** /proc/sys/kernel/random/boot_id */
  readonly boot: string | null;
  /** link text of /proc/self/ns/pid */
  readonly pidNamespace: string | null;
  readonly pid: number;
  /** field 22 of /proc/<pid>/stat: clock ticks from boot to the start of the process */
  readonly startTicks: number | null;
}

export type Liveness = 'alive' | 'dead' | 'unknown';

/** 1-based position in /proc/<pid>/stat (proc(5)); fields from 3 on follow the closing parenthesis of the command's name. */
const START_TIME_FIELD = 22;
const FIRST_FIELD_AFTER_NAME = 3;
/** Of the first field after the name: a process that has ended and that its parent has not yet asked about, which may last as long as the parent. */
const ENDED: ReadonlySet<string> = new Set(['Z', 'X', 'x']);
const NO_TICKS = -1;

export function currentOwner(): Owner {
  return {
    machine: readLine('/etc/machine-id') ?? readLine('/var/lib/dbus/machine-id'),
    host: hostname(),
    boot: readLine('/proc/sys/kernel/random/boot_id'),
    pidNamespace: readNamespace(),
    pid: process.pid,
    startTicks: startTicksOf(process.pid),
  };
}

export function livenessOf(owner: Owner, self: Owner = currentOwner()): Liveness {
  const sameHost = owner.host === self.host && owner.machine === self.machine;
  if (sameHost && owner.boot !== null && self.boot !== null && owner.boot !== self.boot) return 'dead';
  if (!sameHost || owner.boot !== self.boot || owner.pidNamespace !== self.pidNamespace) return 'unknown';
  if (owner.startTicks === null) return processExists(owner.pid) ? 'alive' : 'dead';
  const ticks = startTicksOf(owner.pid);
  // With hidepid another user's process has no entry in /proc though it lives: its start cannot be compared then.
  if (ticks === null && processExists(owner.pid)) return 'unknown';
  return ticks === owner.startTicks ? 'alive' : 'dead';
}

/** The owner in a lease file; undefined for anything that is not one (such a lease is never taken for dead by itself). */
export function parseOwner(data: unknown): Owner | undefined {
  if (!isPlainObject(data)) return undefined;
  const { machine, host, boot, pidNamespace, pid, startTicks } = data;
  if (typeof host !== 'string' || typeof pid !== 'number' || !isTextOrNull(machine) || !isTextOrNull(boot) || !isTextOrNull(pidNamespace)) return undefined;
  if (startTicks !== null && typeof startTicks !== 'number') return undefined;
  return { machine, host, boot, pidNamespace, pid, startTicks };
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}

function startTicksOf(pid: number): number | null {
  const line = readLine(`/proc/${pid}/stat`);
  if (line === null) return null;
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  if (ENDED.has(fields[0] ?? '')) return NO_TICKS;
  const ticks = Number(fields[START_TIME_FIELD - FIRST_FIELD_AFTER_NAME]);
  return Number.isSafeInteger(ticks) ? ticks : null;
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function readNamespace(): string | null {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return null; // not Linux
  }
}

function readLine(path: string): string | null {
  try {
    const text = readFileSync(path, 'utf8').trim();
    return text === '' ? null : text;
  } catch {
    return null; // not Linux, or the process is gone
  }
}
