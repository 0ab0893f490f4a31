/**
 * Where the project is: the nearest folder upward that holds a package.json or a pipeline.config.yaml. The store and the results live there,
 * so that the same pipeline finds the same cache from every working folder.
 */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const MARKERS = ['pipeline.config.yaml', 'package.json'] as const;

/** Absolute path of the project root; the starting folder itself when nothing upward marks one. */
export function findProjectRoot(start: string): string {
  const first = resolve(start);
  let folder = first;
  for (;;) {
    if (MARKERS.some((marker) => existsSync(join(folder, marker)))) return folder;
    const parent = dirname(folder);
    if (parent === folder) return first;
    folder = parent;
  }
}
