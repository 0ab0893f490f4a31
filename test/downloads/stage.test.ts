/** The service in the product: a stage that needs it, in a real worker, on a real store. Needs `npm run build`. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { OwnProject } from '../rigs/own-project.js';
import { FileServer } from '../rigs/file-server.js';

const CONTENT = Buffer.from('weights of a small network');
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');
const MODULE = `import { readFileSync } from 'node:fs';
import { defineStage, Type } from 'pipeline-encoding/stage';
export default defineStage({
  type: 'lab.fetch', version: 1, summary: 'Fetches a file.',
  params: Type.Object({ url: Type.String({ description: 'address' }), sha256: Type.String({ description: 'of the file' }) }),
  inputs: {}, outputs: { file: { type: 'Text', description: 'the file' } }, needs: ['downloads'],
  async run({ params, outputs, services, signal }) {
    outputs.file.write('file.txt', readFileSync(await services.downloads.obtain(params, { signal })));
  },
});
`;

test('a stage is handed files by their sha256; they stay beside the store, are counted, outlive gc and serve without a network', async () => {
  const server = await FileServer.start(CONTENT);
  const pipeline = `name: fetch\nmodules: [./fetch.ts]\nstages:\n  get: { type: lab.fetch, params: { url: "${server.url}", sha256: ${SHA256} } }\n`;
  using project = new OwnProject({ 'fetch.ts': MODULE, 'p.yaml': pipeline });
  const place = join(project.folder, 'cache/downloads', SHA256, 'net.pth');
  try {
    expect(await project.words()).toEqual({ get: 'ran' });
    expect(project.output('get', 'file')).toEqual({ 'file.txt': CONTENT.toString() });
    expect(await project.words()).toEqual({ get: 'restored' });
  } finally {
    await server[Symbol.asyncDispose]();
  }
  expect(existsSync(place)).toBe(true);
  await project.cli(['cache', 'gc', '--max-size', '0']);
  expect(readdirSync(join(place, '..'))).toEqual(['net.pth']);
  const { stdout } = await project.cli(['cache', 'info', '--json']);
  expect(JSON.parse(stdout)).toMatchObject({ downloads: { count: 1, bytes: CONTENT.length } });
  expect(await project.words('--force')).toEqual({ get: 'ran' });
  // Mode off writes nothing beside the store, and finds what is there.
  expect(await project.words('--cache-mode', 'off')).toEqual({ get: 'ran' });
});

test('without a network and without the file, the error says which file to put where', async () => {
  const url = 'http://127.0.0.1:9/net.pth';
  using project = new OwnProject({ 'fetch.ts': MODULE, 'p.yaml': `name: fetch\nmodules: [./fetch.ts]\nstages:\n  get: { type: lab.fetch, params: { url: "${url}", sha256: ${SHA256} } }\n` });
  expect(await project.words()).toEqual({ get: 'failed' });
  expect(project.failures['get']).toMatchObject({ code: 'E_DOWNLOAD', facts: { place: join(project.folder, 'cache/downloads', SHA256, 'net.pth') } });
}, 60_000);
