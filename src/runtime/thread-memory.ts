/**
 * What the measured warm-up has chosen, per machine: one small file below the store's folder, model digest → threads. It is in no key and no result, so any
 * file may be deleted: a lost, damaged or old one means that programs are measured again. Written to a temporary name and renamed; of two
 * processes that write at once one wins.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { digestOf } from '../core/digest.js';
import { packageFolder } from './targets.js';

export interface ThreadMemory {
  /** threads chosen for the model of that digest */
  recall(model: string): number | undefined;
  keep(model: string, threads: number): void;
}

/** The oldest are forgotten: models come and go with their weights. */
const MOST = 500;

/** @param folder made when something is kept; `isWritable` false: nothing is. The file is named after the threads available, the processor and the runtime's version. */
export function threadMemory(folder: string, threads: number, isWritable: boolean): ThreadMemory {
  const file = join(folder, `threads-${digestOf(JSON.stringify([threads, cpus()[0]?.model ?? '', cpus().length, runtimeVersion()])).slice(0, 16)}.json`);
  return {
    recall: (model) => entriesIn(file).get(model),
    keep(model, chosen) {
      if (!isWritable) return;
      const entries = entriesIn(file);
      entries.delete(model);
      entries.set(model, chosen);
      const temporary = `${file}.${process.pid}.tmp`;
      try {
        mkdirSync(folder, { recursive: true });
        writeFileSync(temporary, JSON.stringify([...entries].slice(-MOST)));
        renameSync(temporary, file);
      } catch {
        // a full or read-only disk: it is measured again another time
        removeIfThere(temporary);
      }
    },
  };
}

function removeIfThere(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // there is no such folder
  }
}

/** Pairs of digest and threads, the newest last; empty for anything else. */
function entriesIn(file: string): Map<string, number> {
  try {
    const stored: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (!Array.isArray(stored)) return new Map();
    return new Map(stored.filter((entry): entry is [string, number] => Array.isArray(entry) && typeof entry[0] === 'string' && Number.isInteger(entry[1])));
  } catch {
    return new Map();
  }
}

function runtimeVersion(): string {
  const folder = packageFolder('onnxruntime-node');
  return folder === undefined ? '' : (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version;
}
