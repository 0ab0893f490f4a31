/** The files of a checkpoint, so that their content is in the key. Loaded by the planner: nothing heavy may be imported here. */
import { basename } from 'node:path';
import type { JsonObject } from '../../core/json.js';
import type { ExternalFile } from '../../engine/stage.js';
import { filesOfCheckpoint } from '../../formats/checkpoint/index.js';
import { originOf, type OriginParams } from './origin.js';

/** What the parameter itself names stands under the parameter's name, further files of a sharded checkpoint beside it. */
export async function checkpointExternals(params: JsonObject): Promise<readonly ExternalFile[]> {
  const origin = originOf(params as OriginParams);
  if (origin.kind !== 'file') return [];
  return filesOfCheckpoint(origin.path).map((path, i) => ({ name: i === 0 ? 'weights' : `weights.shards/${basename(path)}`, path }));
}
