/**
 * The folder of a run: `run.json` (the record), `events.ndjson` (what happened, one JSON a line with its number, appended as it happens),
 * `materials.ndjson` (the key material of every stage that was not restored: what `explain` compares with), `logs/<stage>.log` (of an instance `logs/<stage>/<coordinates>.log`).
 * A line that a crash has torn is left out when reading; nothing else in the store depends on this folder.
 */
import { randomInt } from 'node:crypto';
import { closeSync, mkdirSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { sortedJson } from './canonical.js';
import { stagePath } from './coordinates.js';
import type { RunEvent } from './events.js';
import type { KeyMaterial, StageKey } from './record.js';
import type { RunRecord } from './run-record.js';
import { publishFile } from './store/durable.js';
import { nodeFs } from './store/fs-port.js';
import { RUN_TEMPORARY } from './store/layout.js';

export const RUN_FILE = 'run.json';
export const EVENTS_FILE = 'events.ndjson';
export const MATERIALS_FILE = 'materials.ndjson';
/** Hundreds of stages may be under way at once, and file handles are few: the log that was written to longest ago is closed, and opened again when needed. */
const MOST_OPEN_LOGS = 4;
/** characters of events that wait to be written together */
const MOST_PENDING = 65536;

export interface MaterialLine {
  readonly stage: string;
  readonly key: StageKey;
  readonly material: KeyMaterial;
}

/**
 * Sorts by time to the millisecond: `20261123-134501-0c3f` is UTC to the second, the milliseconds in three hexadecimal digits, and one random
 * digit for runs that begin in the same millisecond (whoever makes the folder first has the id; the other tries again).
 */
export function newRunId(now: Date): string {
  const stamp = now.toISOString().replace(/\.\d+Z$/, '').replaceAll(/[-:]/g, '').replace('T', '-');
  return `${stamp}-${now.getUTCMilliseconds().toString(16).padStart(3, '0')}${randomInt(16).toString(16)}`;
}

export class RunFolder {
  readonly path: string;
  readonly #events: number;
  /** the log written to last comes last */
  readonly #logs = new Map<string, number>();
  #materials: number | undefined;
  #seq = 0;
  /** lines of stages that were found done: thousands in a moment, so they are written together */
  #pending = '';
  #late: Error | undefined;

  /** Makes the folder; `path` must not exist. */
  constructor(path: string) {
    this.path = path;
    mkdirSync(join(path, '..'), { recursive: true });
    mkdirSync(path);
    this.#events = openSync(join(path, EVENTS_FILE), 'ax');
  }

  /** Progress is not kept: it is worth nothing once the stage is over. */
  event(event: RunEvent, elapsedMs: number): void {
    if (event.kind === 'stage.progress') return;
    this.#seq += 1;
    if (this.#pending === '') setImmediate(() => this.#flushLate());
    this.#pending += `${JSON.stringify({ seq: this.#seq, ms: Math.round(elapsedMs), ...event })}\n`;
    // Whatever else happens is on disk before anything follows from it: a stage may take this process down with it.
    if ((event.kind !== 'stage.restored' && event.kind !== 'stage.skipped') || this.#pending.length > MOST_PENDING) this.#flush();
  }

  #flush(): void {
    if (this.#late !== undefined) throw this.#late;
    if (this.#pending === '') return;
    const lines = this.#pending;
    this.#pending = '';
    writeFileSync(this.#events, lines);
  }

  /** Nobody waits for this: an error is kept for the next who writes. */
  #flushLate(): void {
    try {
      this.#flush();
    } catch (error) {
      this.#late = error as Error;
    }
  }

  material(line: MaterialLine): void {
    this.#materials ??= openSync(join(this.path, MATERIALS_FILE), 'ax');
    writeSync(this.#materials, `${sortedJson(line)}\n`);
  }

  log(stage: string, text: string): void {
    const file = this.#logs.get(stage) ?? this.#openLog(stage);
    this.#logs.delete(stage);
    this.#logs.set(stage, file);
    writeSync(file, `${text}\n`);
  }

  #openLog(stage: string): number {
    const [longestAgo] = this.#logs.keys();
    if (longestAgo !== undefined && this.#logs.size >= MOST_OPEN_LOGS) this.endLog(longestAgo);
    const path = join(this.path, logOf(stage));
    mkdirSync(dirname(path), { recursive: true });
    return openSync(path, 'a');
  }

  endLog(stage: string): void {
    const file = this.#logs.get(stage);
    if (file === undefined) return;
    this.#logs.delete(stage);
    closeSync(file);
  }

  /** Whole or not at all, whatever becomes of this process; it is not worth a wait for the disk. */
  begin(record: RunRecord): void {
    const temporary = join(this.path, RUN_TEMPORARY);
    writeFileSync(temporary, textOf(record));
    renameSync(temporary, join(this.path, RUN_FILE));
  }

  /** Durable when it resolves. */
  async finish(record: RunRecord): Promise<void> {
    this.#close();
    await publishFile(nodeFs, join(this.path, RUN_FILE), Buffer.from(textOf(record)), RUN_TEMPORARY);
  }

  #close(): void {
    for (const stage of [...this.#logs.keys()]) this.endLog(stage);
    this.#flush();
    if (this.#materials !== undefined) closeSync(this.#materials);
    closeSync(this.#events);
  }
}

/** Where the log of a stage lies in the folder of its run. */
export function logOf(stage: string): string {
  return join('logs', `${stagePath(stage)}.log`);
}

function textOf(record: RunRecord): string {
  return `${sortedJson(record, 1)}\n`;
}
