/** What a run may use of this machine, and which versions made it. Facts only; nothing here enters a key. */
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { PACKAGE_ROOT, packageVersion } from './package-root.js';

const BYTES_PER_MB = 1024 * 1024;
/** Packages that compute or write what stages store: a report names their versions. */
const NAMED_PACKAGES = ['onnxruntime-node', 'h5wasm', 'sharp'] as const;

export function availableCpus(): number {
  return availableParallelism();
}

/** Of the machine, or of the container if that has less. */
export function availableMemoryMb(): number {
  const limit = process.constrainedMemory();
  const total = totalmem();
  return Math.floor((limit > 0 && limit < total ? limit : total) / BYTES_PER_MB);
}

/** name → version of what is installed */
export function installedVersions(): Record<string, string> {
  const versions: Record<string, string> = { pipeline: packageVersion() };
  for (const name of NAMED_PACKAGES) {
    const version = versionOf(name);
    if (version !== undefined) versions[name] = version;
  }
  return versions;
}

function versionOf(name: string): string | undefined {
  for (let folder = PACKAGE_ROOT; ; folder = dirname(folder)) {
    const path = join(folder, 'node_modules', name, 'package.json');
    if (existsSync(path)) return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
    if (dirname(folder) === folder) return undefined;
  }
}
