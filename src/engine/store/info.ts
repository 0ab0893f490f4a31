/** Counts and bytes of a store by kind and by stage type. Reads names, sizes and records; changes nothing. */
import { join } from 'node:path';
import type { Digest } from '../../core/digest.js';
import type { StageKey } from '../record.js';
import { entriesOf, isMissing, nodeFs, readWhole, type FsPort } from './fs-port.js';
import { withStoreErrors } from './io-errors.js';
import { layoutOf, readFormat, type Layout, type Shelf } from './layout.js';
import { leasesOf } from './lease.js';
import { decodeRecord, objectFiles } from './record-file.js';
import { placesOf, sizeOfTree } from './walk.js';

export interface Amount {
  readonly count: number;
  readonly bytes: number;
}

export interface StageTypeInfo {
  readonly type: string;
  readonly records: number;
  readonly memos: number;
  /** bytes of the objects that its records and memos refer to, each counted once; types may share objects */
  readonly bytes: number;
}

export interface StoreInfo {
  readonly directory: string;
  readonly exists: boolean;
  readonly format: number | null;
  readonly objects: Amount;
  readonly records: Amount;
  readonly memos: Amount;
  /** records whose bytes gc has removed: history */
  readonly evicted: Amount;
  /** objects that no record refers to: gc removes them once they are old enough */
  readonly unreferenced: Amount;
  readonly staging: Amount;
  readonly checkpoints: Amount;
  readonly quarantine: Amount;
  readonly runs: Amount;
  /** files that stages had fetched */
  readonly downloads: Amount;
  readonly leases: { readonly alive: number; readonly dead: number };
  readonly stageTypes: readonly StageTypeInfo[];
}

export async function storeInfo(directory: string, fs: FsPort = nodeFs): Promise<StoreInfo> {
  const layout = layoutOf(directory);
  return withStoreErrors(fs, 'looking at the store', layout.root, () => collect(fs, layout));
}

interface Usage {
  records: number;
  memos: number;
  readonly objects: Map<Digest, number>;
}

async function collect(fs: FsPort, layout: Layout): Promise<StoreInfo> {
  const format = await readFormat(fs, layout);
  const usage = new Map<string, Usage>();
  const records = await collectRecords(fs, layout, 'records', usage);
  const memos = await collectRecords(fs, layout, 'memos', usage);
  const referenced = new Set<Digest>();
  for (const { objects } of usage.values()) for (const digest of objects.keys()) referenced.add(digest);

  const objects = { count: 0, bytes: 0 };
  const unreferenced = { count: 0, bytes: 0 };
  for await (const { size, id } of sizesOf(fs, layout, 'objects')) {
    add(objects, size);
    if (!referenced.has(id)) add(unreferenced, size);
  }
  const now = fs.now();
  const leases = await leasesOf(fs, layout, now);
  const alive = leases.filter((lease) => lease.alive).length;
  return {
    directory: layout.root,
    exists: (await entriesOf(fs, layout.root)).length > 0,
    format: format ?? null,
    objects,
    records,
    memos,
    evicted: await amountOf(fs, join(layout.root, 'evicted')),
    unreferenced,
    staging: await amountOf(fs, layout.staging),
    checkpoints: await amountOf(fs, layout.checkpoints),
    quarantine: await amountOf(fs, layout.quarantine),
    runs: { count: (await entriesOf(fs, layout.runs)).length, bytes: (await amountOf(fs, layout.runs)).bytes },
    downloads: await amountOf(fs, layout.downloads),
    leases: { alive, dead: leases.length - alive },
    stageTypes: [...usage].map(([type, used]) => describe(type, used)).sort((a, b) => b.bytes - a.bytes || (a.type < b.type ? -1 : 1)),
  };
}

async function collectRecords(fs: FsPort, layout: Layout, shelf: 'records' | 'memos', usage: Map<string, Usage>): Promise<Amount> {
  const amount = { count: 0, bytes: 0 };
  for await (const { path, size, id } of sizesOf(fs, layout, shelf)) {
    add(amount, size);
    const bytes = await readWhole(fs, path).catch((error: unknown) => {
      if (isMissing(error)) return Buffer.alloc(0); // removed while we looked
      throw error;
    });
    const decoded = decodeRecord(bytes, id as string as StageKey);
    if (decoded.kind !== 'record') continue; // verify names it
    const { record } = decoded;
    const type = record.material['type' as keyof typeof record.material];
    const name = typeof type === 'string' ? type : '(unknown)';
    const used = usage.get(name) ?? { records: 0, memos: 0, objects: new Map<Digest, number>() };
    used[shelf] += 1;
    for (const file of objectFiles(record)) used.objects.set(file.digest, file.size);
    usage.set(name, used);
  }
  return amount;
}

async function* sizesOf(fs: FsPort, layout: Layout, shelf: Shelf): AsyncGenerator<{ path: string; size: number; id: Digest }> {
  for await (const { path, id } of placesOf(fs, layout, shelf)) {
    if (id === undefined) continue;
    try {
      yield { path, id, size: Number((await fs.lstat(path)).size) };
    } catch (error) {
      if (!isMissing(error)) throw error; // removed while we looked
    }
  }
}

function describe(type: string, { records, memos, objects }: Usage): StageTypeInfo {
  let bytes = 0;
  for (const size of objects.values()) bytes += size;
  return { type, records, memos, bytes };
}

async function amountOf(fs: FsPort, folder: string): Promise<Amount> {
  const { count, bytes } = await sizeOfTree(fs, folder);
  return { count, bytes };
}

function add(amount: { count: number; bytes: number }, size: number): void {
  amount.count += 1;
  amount.bytes += size;
}
