/**
 * A system error that leaves the code of a stage is the machine's fault, not a bug, when it is of a kind that no program can cause by a mistake (a full
 * or failing disk, too many open files) or when it is about a file of the store (its outputs, its checkpoint). Anything else stays what it is: a
 * stage that opens a file that does not exist has a bug.
 */
import { sep } from 'node:path';
import { errnoOf, nodeFs } from './store/fs-port.js';
import { withStoreErrors } from './store/io-errors.js';

const OF_THE_MACHINE: ReadonlySet<string> = new Set(['EIO', 'ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS', 'EMFILE', 'ENFILE', 'ESTALE']);

/** Runs `work`; the machine's errors leave it as E_STORE_IO or E_NO_SPACE. `folders`: where the store keeps what the stage writes. */
export async function withMachineErrors<T>(stage: string, folders: readonly string[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined || !(OF_THE_MACHINE.has(code) || folders.some((folder) => isBelow(error, folder)))) throw error;
    return withStoreErrors(nodeFs, `running "${stage}"`, folders[0] as string, () => {
      throw error;
    });
  }
}

function isBelow(error: unknown, folder: string): boolean {
  const { path } = error as { path?: unknown };
  return typeof path === 'string' && path.startsWith(folder + sep);
}
