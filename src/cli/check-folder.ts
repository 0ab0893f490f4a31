/** A folder that the user has named must not be a file, nor lie below one: a typo is told before anything is computed. */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { PipelineError } from '../core/errors.js';

/** E_USAGE. A folder that does not exist yet is fine; what else may be wrong with it shows when it is used. `hint`: how to name another one. */
export function checkFolder(path: string, what: string, hint: string): void {
  for (let at = path; ; at = dirname(at)) {
    const kind = kindOf(at);
    if (kind === 'folder') return;
    if (kind === 'other') {
      throw new PipelineError('E_USAGE', `"${path}" cannot be the folder of ${what}`, {
        facts: { expected: 'a folder, or a path at which one can be made', found: at === path ? 'a file' : `"${at}" is a file` },
        hint,
      });
    }
    if (dirname(at) === at) return;
  }
}

function kindOf(path: string): 'folder' | 'other' | 'unknown' {
  try {
    return statSync(path).isDirectory() ? 'folder' : 'other';
  } catch {
    return 'unknown'; // not there, or not to be looked at
  }
}
