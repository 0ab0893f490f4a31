/** Facts about this machine and its software for records. They explain a result; none of them is part of a key or of any comparison. */
import { execFile } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { promisify } from 'node:util';

const BYTES_PER_MB = 1024 * 1024;
/** A work tree on a slow disk must not hold up the end of a run. */
const GIT_TIMEOUT_MS = 3000;

export interface Hardware {
  readonly cpus: number;
  readonly model: string;
  readonly memoryMb: number;
  readonly platform: string;
}

export function hardware(): Hardware {
  return {
    cpus: availableParallelism(),
    model: cpus()[0]?.model.trim() ?? 'unknown',
    memoryMb: Math.floor(totalmem() / BYTES_PER_MB),
    platform: `${process.platform}-${process.arch}`,
  };
}

export function softwareVersions(): Record<string, string> {
  return { node: process.versions.node, v8: process.versions.v8 };
}

export interface GitState {
  readonly commit: string;
  /** tracked files differ from the commit */
  readonly dirty: boolean;
}

/** The state of the work tree that a folder lies in; null if it is in none, or git is absent or too slow. */
export async function gitState(folder: string): Promise<GitState | null> {
  const git = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)('git', ['--no-optional-locks', '-C', folder, ...args], { timeout: GIT_TIMEOUT_MS, maxBuffer: 64 * BYTES_PER_MB })).stdout;
  try {
    const [commit, status] = await Promise.all([git('rev-parse', 'HEAD'), git('status', '--porcelain', '--untracked-files=no')]);
    return { commit: commit.trim(), dirty: status.trim() !== '' };
  } catch {
    return null; // a fact that is nice to have: a run never fails for want of git
  }
}
