/** The checkpoint and the tokenizer, so that their content is in the key. Loaded by the planner: nothing heavy may be imported here. */
import type { JsonObject } from '../../core/json.js';
import type { ExternalFile } from '../../engine/stage.js';
import { checkpointExternals } from '../published-weights/externals.js';

export async function textExternals(params: JsonObject): Promise<readonly ExternalFile[]> {
  return [...(await checkpointExternals(params)), { name: 'tokenizer', path: params['tokenizer'] as string }];
}
