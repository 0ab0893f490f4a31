// Runs the node tests of the `onnx` package through import, re-encoding and ONNX Runtime, and through the reference evaluator (and tfjs on its CPU backend); prints counts,
// the reasons of refusal and every failure. Older wheels hold the tests (onnx/backend/test/data/node), for newer ones
// tools/oracles/onnx_node_tests.py writes them.
// Usage: node tools/slow/onnx-node.mjs FOLDER [--only TEXT] [--refused] [--tensorflow]
import { mkdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { only: { type: 'string', default: '' }, refused: { type: 'boolean', default: false }, tensorflow: { type: 'boolean', default: false } } });
const [folder] = positionals;
if (folder === undefined) {
  console.error('Usage: node tools/slow/onnx-node.mjs FOLDER [--only TEXT] [--refused] [--tensorflow]');
  process.exit(2);
}
const root = new URL('../../', import.meta.url).pathname;
const outfile = join(root, 'dist/slow/onnx-node-tests.mjs');
mkdirSync(join(root, 'dist/slow'), { recursive: true });
await build({
  stdin: {
    contents: ["export * from './test/rigs/onnx-node-tests.js'; export { createOnnxRuntimeService } from './src/runtime/onnxruntime-service.js';", ...(values.tensorflow ? ["export { tensorflowService } from './test/rigs/tensorflow.js';"] : [])].join('\n'),
    resolveDir: root, loader: 'ts',
  },
  bundle: true, platform: 'node', format: 'esm', packages: 'external', outfile,
});
const { createOnnxRuntimeService, nodeTests, referenceRuntime, runTest, serviceRuntime, tensorflowService } = await import(pathToFileURL(outfile).href);
const service = createOnnxRuntimeService({ threads: 1 });
let failed = 0;
const tensorflow = values.tensorflow ? tensorflowService() : undefined;
for (const runtime of [serviceRuntime('onnxruntime', service), referenceRuntime, ...(tensorflow === undefined ? [] : [serviceRuntime('tfjs', tensorflow)])]) {
  const counts = { passed: 0, refused: 0, failed: 0 };
  const reasons = new Map();
  for (const test of nodeTests(folder).filter((name) => name.includes(values.only))) {
    const outcome = await runTest(folder, test, runtime);
    counts[outcome.status] += 1;
    if (outcome.status === 'refused') reasons.set(outcome.reason, [...(reasons.get(outcome.reason) ?? []), test]);
    if (outcome.status === 'failed') console.log(`failed  ${test}: ${outcome.reason}`);
  }
  failed += counts.failed;
  if (values.refused) for (const [reason, tests] of [...reasons].sort((a, b) => b[1].length - a[1].length)) console.log(`refused ${tests.length} × ${reason}: ${tests.slice(0, 4).join(', ')}`);
  console.log(`${runtime.name}: ${counts.passed} passed, ${counts.refused} refused, ${counts.failed} failed`);
}
await service.dispose();
await tensorflow?.dispose();
process.exit(failed > 0 ? 1 : 0);
