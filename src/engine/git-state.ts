/**
 * The commit that a run was made from and, if tracked files differed from it, the difference: kept in the run's folder as `git.diff`, so that the
 * code can be had back. Only text of code and configuration is kept, by the kind of file: data files are never in it, whoever they belong to,
 * and neither is anything too large. A run never fails for want of git; a work tree on a slow disk does not hold it up.
 */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { digestOf, type Digest } from '../core/digest.js';

export const DIFF_FILE = 'git.diff';
const GIT_TIMEOUT_MS = 3000;
const MOST_OUTPUT = 64 * 1024 * 1024;
export const LARGEST_DIFF = 1024 * 1024;
const MOST_NAMED = 50;
const KEPT = ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs', 'py', 'm', 'r', 'jl', 'sh', 'yaml', 'yml', 'toml', 'md'];

export interface GitState {
  readonly commit: string;
  /** tracked files differ from the commit */
  readonly dirty: boolean;
  /** absent if nothing differs, or nothing that may be kept */
  readonly diff?: { readonly file: string; readonly bytes: number; readonly digest: Digest };
  /** changed tracked files that the diff does not hold: other kinds of files, or all if it would be too large */
  readonly leftOut?: readonly string[];
}

type Git = (...args: string[]) => Promise<string>;

/**
 * The state of the work tree that a folder lies in; null if it is in none, or git is absent or too slow.
 *
 * @param keepIn the folder of the run, for the difference; undefined: it is not kept
 */
export async function gitState(folder: string, keepIn: string | undefined): Promise<GitState | null> {
  const git: Git = async (...args) => (await promisify(execFile)('git', ['--no-optional-locks', '-c', 'core.fsmonitor=false', '-C', folder, ...args], { timeout: GIT_TIMEOUT_MS, maxBuffer: MOST_OUTPUT })).stdout;
  try {
    const [commit, changed] = await Promise.all([git('rev-parse', 'HEAD'), changedFiles(git)]);
    const state = { commit: commit.trim(), dirty: changed.length > 0 };
    return changed.length === 0 || keepIn === undefined ? state : { ...state, ...(await keepDiff(git, changed, keepIn)) };
  } catch {
    return null;
  }
}

async function changedFiles(git: Git): Promise<string[]> {
  return (await git('diff', '--name-only', '--no-ext-diff', '-z', 'HEAD')).split('\0').filter((name) => name !== '');
}

async function keepDiff(git: Git, changed: readonly string[], keepIn: string): Promise<Pick<GitState, 'diff' | 'leftOut'>> {
  const named = (names: readonly string[]): Pick<GitState, 'leftOut'> => (names.length === 0 ? {} : { leftOut: names.slice(0, MOST_NAMED) });
  const others = changed.filter((name) => !KEPT.includes(name.slice(name.lastIndexOf('.') + 1).toLowerCase()));
  if (others.length === changed.length) return named(others);
  try {
    const globs = KEPT.map((extension) => `:(top,icase)*.${extension}`);
    const text = await git('diff', '--no-ext-diff', '--no-textconv', '--no-color', '--no-renames', '--full-index', 'HEAD', '--', ...globs);
    if (Buffer.byteLength(text) > LARGEST_DIFF) return named(changed);
    await writeFile(join(keepIn, DIFF_FILE), text);
    return { diff: { file: DIFF_FILE, bytes: Buffer.byteLength(text), digest: digestOf(text) }, ...named(others) };
  } catch {
    return named(changed); // the commit is worth keeping without it
  }
}
