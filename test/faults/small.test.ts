/**
 * The fault runs of tools/slow, small: a sample of the points of each, so that the tools themselves stay right and a change that breaks a promise is seen at
 * once. The whole runs and their figures: docs/reliability.md. Needs `npm run build`. Where the machine lets nobody trace or mount, a run says so and counts as skipped.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

interface Summary {
  readonly skipped?: string;
  readonly violations?: readonly { readonly what: string; readonly text: string }[];
  readonly rows?: readonly Readonly<Record<string, unknown>>[];
  readonly facts?: Readonly<Record<string, unknown>>;
}

/** Syncing to a disk that others use takes most of the time otherwise. */
const IN_MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

function run(tool: string, ...args: string[]): Summary {
  const folder = mkdtempSync(join(tmpdir(), 'faults-'));
  try {
    const out = join(folder, 'out.json');
    const { stdout, stderr } = spawnSync(process.execPath, [join('tools/slow', tool), ...args, '--out', out], { encoding: 'utf8', env: { ...process.env, TMPDIR: IN_MEMORY } });
    try {
      return JSON.parse(readFileSync(out, 'utf8')) as Summary;
    } catch {
      throw new Error(`${tool} left no summary\n${stdout}\n${stderr}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const sum = ({ rows = [] }: Summary, column: string): number => rows.reduce((total, row) => total + Number(row[column] ?? 0), 0);

describe('fault runs, small', { timeout: 180_000 }, () => {
  test('killed at a sample of its system calls, the store keeps its promises and what was published is reused', ({ skip }) => {
    const summary = run('syscalls.mjs', '--every', '150');
    if (summary.skipped !== undefined) skip(summary.skipped);
    expect(summary.violations).toEqual([]);
    expect(sum(summary, 'kills')).toBeGreaterThan(2);
    expect((summary.facts?.['calls on the store between the first object and the last record'] as { together: number }).together).toBeGreaterThan(150);
  });

  test('errors of the disk at a sample of its system calls are documented errors and leave the store right', ({ skip }) => {
    const summary = run('io-errors.mjs', '--errors', 'EIO,ENOSPC', '--every', '200');
    if (summary.skipped !== undefined) skip(summary.skipped);
    expect(summary.violations).toEqual([]);
    expect(sum(summary, 'fired')).toBeGreaterThan(2);
  });

  test('flipped bits, swapped, cut, extended and deleted files are found and computed again', () => {
    const summary = run('damage.mjs', '--flips', '14', '--every', '9');
    expect(summary.violations).toEqual([]);
    expect(sum(summary, 'cases')).toBeGreaterThan(7);
  });

  test('runs that start at the same moment all succeed with the same bytes, each stage computed once, beside a gc and when one is killed', () => {
    const summary = run('races.mjs', '--rounds', '3', '--processes', '3', '--once');
    expect(summary.violations).toEqual([]);
    expect(sum(summary, 'succeeded') + sum(summary, 'killed')).toBe(9);
  });

  test('leases of the dead and of strangers, and clocks that jump, cost nothing', () => {
    const summary = run('leases.mjs', '--every', '4');
    expect(summary.violations).toEqual([]);
    expect(summary.rows?.length).toBeGreaterThan(3);
  });

  test('five seconds of fuzzing end with plans and typed diagnostics', () => {
    const summary = run('fuzz.mjs', '--seconds', '5', '--seed', '7');
    expect(summary.violations).toEqual([]);
    expect(sum(summary, 'inputs')).toBeGreaterThan(50);
    expect(sum(summary, 'accepted')).toBeGreaterThan(0);
  });
});
