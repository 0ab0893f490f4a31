/** How a run is named to people: `quiet-otter-3f (20261123-134501-0c3f)`. Scripts take name and id from `--json`. */
import { runIds } from '../engine/run-history.js';
import { nameAmong } from '../engine/run-name.js';

export function runLabel(id: string, name: string): string {
  return `${name} (${id})`;
}

/** For commands that know a run by its id only. */
export function runLabeller(storeDirectory: string): (id: string) => string {
  let ids: readonly string[] | undefined;
  return (id) => runLabel(id, nameAmong(id, (ids ??= runIds(storeDirectory))));
}
