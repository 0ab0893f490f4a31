// Copies one output of a stage of the newest run out of the store, under the names of its files: to open it with other programs.
// Usage: node tools/checks/export-artifact.mjs STAGE OUTPUT FOLDER [CACHE_DIR]     (after npm run build)
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readRun } from '../../dist/engine/run-history.js';
import { openStore } from '../../dist/engine/store/file-store.js';

const [stageName, output, folder, cache = 'cache'] = process.argv.slice(2);
const record = readRun(cache, 'latest');
const stage = record.stages.find(({ name }) => name === stageName);
if (stage?.key === undefined) throw new Error(`the newest run has no finished stage "${stageName}"`);
const store = await openStore(cache, { mode: 'read' });
const artifact = (await store.lookup(stage.key))?.outputs[output];
if (artifact === undefined) throw new Error(`"${stageName}" has no stored output "${output}"`);
for (const file of artifact.files) {
  const path = join(folder, file.name);
  mkdirSync(dirname(path), { recursive: true });
  if (file.inline !== undefined) writeFileSync(path, Buffer.from(file.inline, 'base64'));
  else if (file.external === true) throw new Error(`"${file.name}" is an outside file: it is not in the store`);
  else if ((await store.verifyObject(file.digest, file.size)) === 'ok') copyFileSync(store.objectPath(file.digest), path);
  else throw new Error(`"${file.name}" is damaged: run pipeline cache verify`);
}
await store.close();
process.stdout.write(`${artifact.files.length} files of ${artifact.type} in ${folder}\n`);
