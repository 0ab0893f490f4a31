/**
 * The memory of runs in which nothing was left to do: under a digest of what was asked for, what the outcome was and what it rested on. With it a
 * run in which nothing changed is known after looking at texts and stamps, without planning, making keys or reading records.
 *
 * An accelerator, never a truth. It says no more than a run that verified every record has established: these keys have these outputs. It is used
 * only if every record file is the very file of then (by its stamp: device, inode, size, times), every object is there at its size, what was
 * published still has its bytes and lies where it lay, and everything outside the store is as it was. Anything else, damage of the memory itself
 * included, is answered with undefined and the ordinary way finds out. Nothing is computed from it: a stage that runs goes the ordinary way.
 */
import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, readFileSync, readlinkSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { digestOf, type Digest } from '../core/digest.js';
import type { JsonValue } from '../core/json.js';
import { canonicalDigest } from './canonical.js';
import type { LoadedModules } from './modules/own-types.js';
import type { Plan } from './plan.js';
import { publishedFiles } from './published-files.js';
import type { PublishedResults } from './publish-results.js';
import type { StageKey } from './record.js';
import { conditionsOf, stillHold, type RunConditions } from './run-conditions.js';
import type { PlanHead, RunSummary } from './run-journal.js';
import type { StageOutcome } from './run-record.js';
import type { StageRegistry } from './stage.js';
import { TEMPORARY_PREFIX } from './store/durable.js';
import { nodeFs } from './store/fs-port.js';
import { hashFile } from './store/hash-file.js';
import { layoutOf, objectPath, recordPath } from './store/layout.js';
import { isStoredObject } from './store/record-file.js';
import { USED_WITHIN_MS } from './store/records.js';
import { stampOf, type Stamp } from './store/stamp.js';

const FORMAT = 2;

/** What was asked for, as named parts: the file, what was set, the program, … Equal parts, same memory. */
export type RunRequest = readonly (readonly [name: string, value: JsonValue])[];

export interface RememberedRun {
  readonly format: typeof FORMAT;
  readonly plan: PlanHead;
  readonly conditions: RunConditions;
  /** each `restored` or `skipped`, in the order of the plan */
  readonly stages: readonly StageOutcome[];
  readonly records: readonly (readonly [key: StageKey, stamp: Stamp])[];
  readonly objects: readonly StoredBytes[];
  /** objects whose bytes were copied to the results */
  readonly shown: readonly StoredBytes[];
  readonly results: PublishedResults;
  /** sizes of its files */
  readonly sizes: readonly number[];
}

type StoredBytes = readonly [digest: Digest, size: number];

export interface MemoryPlace {
  readonly storeDirectory: string;
  readonly request: RunRequest;
  readonly registry: StageRegistry;
  /** of the project: its modules lie in it */
  readonly root: string;
  /** of this program */
  readonly version: string;
}

/** The last run of this request, if everything is as it left it. */
export async function recallRun(place: MemoryPlace, environment: NodeJS.ProcessEnv): Promise<RememberedRun | undefined> {
  const { storeDirectory: directory } = place;
  const run = read(pathOf(place));
  if (run === undefined || !(await stillHold(run.conditions, place, environment))) return undefined;
  if (!resultsStand(run, directory)) return undefined;
  for (const [key, stamp] of run.records) if (stampAt(recordPath(directory, 'records', key)) !== stamp) return undefined;
  for (const [digest, size] of run.objects) if (!hasSize(objectPath(directory, digest), size)) return undefined;
  for (const [digest, size] of run.shown) if (!(await hasBytes(objectPath(directory, digest), digest, size))) return undefined;
  return run;
}

/** For gc: the records of this run were used now. They get new stamps by that, so the memory is written anew. */
export function touchRecords(place: MemoryPlace, run: RememberedRun, now: number): void {
  const time = new Date(now);
  let touched = false;
  const records = run.records.map(([key, stamp]): readonly [StageKey, Stamp] => {
    if (modifiedMs(stamp) > now - USED_WITHIN_MS) return [key, stamp];
    const path = recordPath(place.storeDirectory, 'records', key);
    try {
      utimesSync(path, time, time);
    } catch {
      return [key, stamp]; // another user's record keeps its time, as it does on a hit
    }
    touched = true;
    return [key, stampAt(path) ?? stamp];
  });
  if (touched) write(pathOf(place), { ...run, records });
}

/** Keeps a run that succeeded. Nothing is kept, and nothing is said, if some part of it cannot be vouched for or the folder cannot be written. */
export async function rememberRun(place: MemoryPlace, plan: Plan, modules: LoadedModules, summary: RunSummary, results: PublishedResults): Promise<void> {
  const { storeDirectory: directory } = place;
  if (summary.outcome !== 'succeeded' || summary.folder === undefined || summary.unsaved !== undefined) return;
  const conditions = await conditionsOf(plan, modules, summary.read, place);
  if (conditions === undefined) return;
  const stages: StageOutcome[] = [];
  const stamps = new Map<StageKey, Stamp>();
  const objects = new Map<Digest, number>();
  const shown = new Map<Digest, number>();
  for (const outcome of summary.record.stages) {
    const stage = settled(outcome);
    if (stage === undefined) return;
    stages.push(stage);
    if (stage.key === undefined || stamps.has(stage.key)) continue;
    const stamp = stampAt(recordPath(directory, 'records', stage.key));
    if (stamp === undefined) return;
    stamps.set(stage.key, stamp);
  }
  for (const { name, manifest } of plan.stages) {
    const outputs = summary.outputs.get(name) ?? {};
    for (const { files } of Object.values(outputs)) for (const file of files) if (isStoredObject(file)) objects.set(file.digest, file.size);
    for (const { file } of publishedFiles(manifest, outputs)) if (isStoredObject(file)) shown.set(file.digest, file.size);
  }
  const sizes = results.files.map(({ path }) => statSync(path, { throwIfNoEntry: false })?.size ?? -1);
  const { stages: _, ...head } = plan;
  write(pathOf(place), { format: FORMAT, plan: head, conditions, stages, records: [...stamps], objects: [...objects], shown: [...shown], results, sizes });
}

/** The outcome of a stage when the same run is made again: without what this time alone is to blame for. undefined if it cannot be foretold. */
function settled(outcome: StageOutcome): StageOutcome | undefined {
  const { word, reason, reasons: _reasons, from: _from, durationMs: _durationMs, error: _error, attempts: _attempts, differs: _differs, ...lasting } = outcome;
  if (word === 'skipped') return { ...lasting, word, ...(reason === undefined ? {} : { reason }) };
  if ((word !== 'ran' && word !== 'restored') || lasting.key === undefined) return undefined;
  return { ...lasting, word: 'restored', durationMs: 0 };
}

/** The results that an unchanged run points to are the newest ones, and nobody tidied up: see publish-results.ts. */
function resultsStand({ results, sizes }: RememberedRun, directory: string): boolean {
  const { folder, report, files } = results;
  const id = basename(folder);
  if (pointed(dirname(folder)) !== id || statSync(join(layoutOf(directory).runs, id, 'run.json'), { throwIfNoEntry: false }) === undefined) return false;
  if (statSync(report, { throwIfNoEntry: false })?.isFile() !== true) return false;
  return files.every(({ path }, i) => hasSize(path, sizes[i] as number));
}

function pointed(folder: string): string | undefined {
  const latest = join(folder, 'latest');
  try {
    return readlinkSync(latest);
  } catch {
    return undefined; // a file system without links takes the ordinary way
  }
}

function hasSize(path: string, size: number): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats?.isFile() === true && stats.size === size;
}

async function hasBytes(path: string, digest: Digest, size: number): Promise<boolean> {
  try {
    const file = await nodeFs.open(path, 'r');
    try {
      return (await hashFile(file, size)).digest === digest;
    } finally {
      await file.close();
    }
  } catch {
    return false;
  }
}

function stampAt(path: string): Stamp | undefined {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stats?.isFile() === true ? stampOf(stats) : undefined;
}

function modifiedMs(stamp: Stamp): number {
  return Number(stamp.split(':')[3]) / 1e6;
}

function pathOf({ storeDirectory, request, registry }: MemoryPlace): string {
  const manifests = [...registry.manifests.values()] as unknown as JsonValue;
  const needs = [...new Set([...registry.manifests.values()].flatMap((manifest) => manifest.needs))].sort();
  const services = needs.map((name) => [name, registry.serviceIdentity(name)]);
  return join(layoutOf(storeDirectory).unchanged, `${canonicalDigest('unchanged-run/1', [request as unknown as JsonValue, manifests, services])}.json`);
}

/** A first line with the digest of the rest, so that a torn or edited file counts as none. */
function read(path: string): RememberedRun | undefined {
  try {
    const bytes = readFileSync(path);
    const end = bytes.indexOf('\n');
    if (end < 0 || digestOf(bytes.subarray(end + 1)) !== bytes.toString('latin1', 0, end)) return undefined;
    const run = JSON.parse(bytes.toString('utf8', end + 1)) as RememberedRun;
    return run.format === FORMAT ? run : undefined;
  } catch {
    return undefined;
  }
}

/** Not synced: a file that a crash has torn is none. */
function write(path: string, run: RememberedRun): void {
  const body = JSON.stringify(run);
  const folder = dirname(path);
  const temporary = join(folder, `${TEMPORARY_PREFIX}${randomBytes(8).toString('hex')}`);
  try {
    mkdirSync(folder, { recursive: true });
    try {
      writeFileSync(temporary, `${digestOf(body)}\n${body}`);
      renameSync(temporary, path);
    } catch {
      rmSync(temporary, { force: true });
    }
  } catch {
    return; // no room, no permission, something else in its place: then the next run takes the ordinary way
  }
}
