/**
 * The folder of a run: `run.json` (the record), `events.ndjson` (what happened, one JSON a line with its number, appended as it happens),
 * `materials.ndjson` (the key material of every stage that was not restored: what `explain` compares with), `logs/<stage>.log`.
 * A line that a crash has torn is left out when reading; nothing else in the store depends on this folder.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { sortedJson } from './canonical.js';
import type { RunEvent } from './events.js';
import type { KeyMaterial, StageKey } from './record.js';
import type { RunRecord } from './run-record.js';
import { publishFile } from './store/durable.js';
import { nodeFs } from './store/fs-port.js';

export const RUN_FILE = 'run.json';
export const EVENTS_FILE = 'events.ndjson';
export const MATERIALS_FILE = 'materials.ndjson';
const ID_BYTES = 2;
const TEMPORARY = '.tmp-run.json';

export interface MaterialLine {
  readonly stage: string;
  readonly key: StageKey;
  readonly material: KeyMaterial;
}

/** Sorts by time, and differs between two runs of one second: `20261123-134501-9f3c` (UTC). */
export function newRunId(now: Date): string {
  const stamp = now.toISOString().replace(/\.\d+Z$/, '').replaceAll(/[-:]/g, '').replace('T', '-');
  return `${stamp}-${randomBytes(ID_BYTES).toString('hex')}`;
}

export class RunFolder {
  readonly path: string;
  readonly #events: number;
  readonly #logs = new Map<string, number>();
  #materials: number | undefined;
  #seq = 0;

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
    writeSync(this.#events, `${JSON.stringify({ seq: this.#seq, ms: Math.round(elapsedMs), ...event })}\n`);
  }

  material(line: MaterialLine): void {
    this.#materials ??= openSync(join(this.path, MATERIALS_FILE), 'ax');
    writeSync(this.#materials, `${sortedJson(line)}\n`);
  }

  log(stage: string, text: string): void {
    let file = this.#logs.get(stage);
    if (file === undefined) {
      mkdirSync(join(this.path, 'logs'), { recursive: true });
      file = openSync(join(this.path, 'logs', `${stage}.log`), 'a');
      this.#logs.set(stage, file);
    }
    writeSync(file, `${text}\n`);
  }

  endLog(stage: string): void {
    const file = this.#logs.get(stage);
    if (file === undefined) return;
    this.#logs.delete(stage);
    closeSync(file);
  }

  async save(record: RunRecord): Promise<void> {
    await publishFile(nodeFs, join(this.path, RUN_FILE), Buffer.from(`${sortedJson(record, 1)}\n`), TEMPORARY);
  }

  close(): void {
    for (const stage of [...this.#logs.keys()]) this.endLog(stage);
    if (this.#materials !== undefined) closeSync(this.#materials);
    closeSync(this.#events);
  }
}
