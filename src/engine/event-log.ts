/** Reads the log of events of a run, line by line, and counts what cannot be read: a kill tears the last line, and a disk may do worse. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunEvent } from './events.js';
import { EVENTS_FILE } from './run-folder.js';
import { isMissing } from './store/fs-port.js';
import { isPlainObject } from './store/plain.js';

export interface LoggedEvent {
  readonly seq: number;
  /** since the run began */
  readonly ms: number;
  readonly event: RunEvent;
}

export interface EventLog {
  readonly events: readonly LoggedEvent[];
  /** lines that are no event */
  readonly torn: number;
  /** one of them is the last */
  readonly tornAtEnd: boolean;
}

/** undefined if there is none. */
export function readEventLog(runFolder: string): EventLog | undefined {
  let text: string;
  try {
    text = readFileSync(join(runFolder, EVENTS_FILE), 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  const lines = text.split('\n').filter((line) => line !== '');
  const read = lines.map(eventIn);
  return { events: read.filter((event) => event !== undefined), torn: read.filter((event) => event === undefined).length, tornAtEnd: read.length > 0 && read.at(-1) === undefined };
}

function eventIn(line: string): LoggedEvent | undefined {
  try {
    const data: unknown = JSON.parse(line);
    if (!isPlainObject(data)) return undefined;
    const { seq, ms, ...event } = data;
    return typeof seq === 'number' && typeof ms === 'number' && typeof event['kind'] === 'string' ? { seq, ms, event: event as unknown as RunEvent } : undefined;
  } catch {
    return undefined;
  }
}
