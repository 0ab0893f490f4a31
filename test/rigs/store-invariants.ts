/**
 * What must hold of a store after any fault (numbers as in the fault plan):
 *   I1   every object hashes to its name, or verify lists it
 *   I2   every record that lookup returns has all its objects present and right
 *   I3   no record exists for a stage that did not finish (only the caller knows which did)
 *   I6   what is left over is only temporary or staged, and a gc without grace removes it
 *   I10  verify examines everything
 * Expects that nobody uses the store: leases that a killed process left are made to look so.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Digest } from '../../src/core/digest.js';
import type { StageKey } from '../../src/engine/record.js';
import { nodeFs, type FsPort } from '../../src/engine/store/fs-port.js';
import { openStore } from '../../src/engine/store/file-store.js';
import { collectGarbage } from '../../src/engine/store/gc.js';
import { verifyStore, type StoreProblem } from '../../src/engine/store/verify.js';

export interface InvariantOptions {
  /** the stages that finished: no other record may exist */
  readonly finished?: ReadonlySet<StageKey>;
  /** damage was done on purpose: verify may list problems */
  readonly damaged?: boolean;
}

export async function assertStoreInvariants(directory: string, options: InvariantOptions = {}): Promise<void> {
  killLeases(directory);
  const problems: StoreProblem[] = [];
  await verifyStore(directory, { readData: true, onProblem: (problem) => problems.push(problem) });
  const listed = new Set(problems.map((problem) => problem.path));
  if (options.damaged !== true) expect(problems).toEqual([]);

  for (const path of filesBelow(join(directory, 'objects'))) {
    if (/\/\.tmp-[^/]*$/.test(path)) continue;
    const name = path.slice(-65).replace('/', '');
    if (sha256(path) !== name) expect(listed, `I1: ${path} is damaged and not listed`).toContain(path);
  }

  const store = await openStore(directory, { mode: 'read' });
  try {
    for (const shelf of ['records', 'memos'] as const) {
      for (const path of filesBelow(join(directory, shelf))) {
        if (/\/\.tmp-[^/]*$/.test(path)) continue;
        const key = path.slice(-70, -5).replace('/', '') as StageKey;
        if (shelf === 'records' && options.finished !== undefined) expect(options.finished, `I3: ${path}`).toContain(key);
        const record = shelf === 'records' ? await store.lookup(key) : await store.lookupMemo(key);
        if (record === undefined) {
          expect(options.damaged, `${path} is not served`).toBe(true);
          continue;
        }
        for (const artifact of Object.values(record.outputs)) {
          for (const file of artifact.files) {
            if (file.inline !== undefined || file.external !== undefined) continue;
            const object = store.objectPath(file.digest);
            expect(statSync(object).size, `I2: ${object}`).toBe(file.size);
            if (!listed.has(object)) expect(sha256(object), `I2: ${object}`).toBe(file.digest);
          }
        }
      }
    }
  } finally {
    await store.close();
  }

  await collectGarbage(directory, { dryRun: false, fs: later(2) });
  const left = filesBelow(directory).filter((path) => path.includes('/.tmp-') || path.includes('/staging/') || path.includes('/leases/'));
  expect(left, 'I6: leftovers that gc did not remove').toEqual([]);
}

/** The same file system some days from now. */
export function later(days: number): FsPort {
  return { ...nodeFs, now: () => Date.now() + days * 24 * 3_600_000 };
}

/** The process of a test lives on, so its leases do: pretend that they were taken before the machine was started again. */
export function killLeases(directory: string): void {
  for (const path of filesBelow(join(directory, 'leases')).filter((name) => name.endsWith('.json'))) {
    const text = readFileSync(path, 'utf8');
    if (text.endsWith('\n')) writeFileSync(path, text.replace(/"boot":("[^"]*"|null)/, '"boot":"an earlier one"'));
  }
}

export function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

export function sha256(path: string): Digest {
  return createHash('sha256').update(readFileSync(path)).digest('hex') as Digest;
}
