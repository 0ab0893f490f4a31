/** Lists the files of a real NSD tree that one analysis reads. Loaded by the planner: nothing heavy may be imported here. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import type { JsonObject } from '../../core/json.js';
import type { ExternalFile } from '../../engine/stage.js';
import { foldersToList, selectNsdFiles, type NsdChoice } from '../nsd/layout.js';

export type NsdSourceParams = NsdChoice & { readonly root: string };

/** Without a root there is nothing outside: the data come from the simulator. */
export async function nsdExternals(params: JsonObject): Promise<readonly ExternalFile[]> {
  const choice = params as unknown as NsdSourceParams;
  if (choice.root === '') return [];
  if (!existsSync(choice.root)) {
    throw new PipelineError('E_EXTERNAL_MISSING', `NSD root "${choice.root}" does not exist`, {
      facts: { expected: 'a folder that holds nsddata/, nsddata_betas/ and nsddata_stimuli/', found: 'nothing' },
      hint: 'Set params.nsd (or NSD_ROOT) to the root of the data set, or leave it empty to use the simulated subject.',
    });
  }
  const names: string[] = [];
  for (const folder of foldersToList(choice)) {
    const path = join(choice.root, folder);
    if (existsSync(path)) names.push(...readdirSync(path).map((name) => `${folder}/${name}`));
  }
  const selection = selectNsdFiles(choice, names, (name) => existsSync(join(choice.root, name)), choice.root);
  return selection.files.map((name) => ({ name, path: join(choice.root, name) }));
}
