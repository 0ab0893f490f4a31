// Runs the node tests of the `onnx` package through import, re-encoding and both runtimes, and through the reference evaluator; prints counts, the
// reasons of refusal and every failure. TFJS_PACKAGE: as in test/rigs/tensorflow.ts. Older wheels hold the tests (onnx/backend/test/data/node), for newer ones
// tools/oracles/onnx_node_tests.py writes them.
// Usage: node tools/slow/onnx-node.mjs FOLDER [--only TEXT] [--refused]
import { mkdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { only: { type: 'string', default: '' }, refused: { type: 'boolean', default: false } } });
const [folder] = positionals;
if (folder === undefined) {
  console.error('Usage: node tools/slow/onnx-node.mjs FOLDER [--only TEXT] [--refused]');
  process.exit(2);
}
const root = new URL('../../', import.meta.url).pathname;
const outfile = join(root, 'dist/slow/onnx-node-tests.mjs');
mkdirSync(join(root, 'dist/slow'), { recursive: true });
await build({
  stdin: { contents: "export * from './test/rigs/onnx-node-tests.js'; export { createOnnxRuntimeService } from './src/runtime/onnxruntime-service.js'; export { tensorflowService } from './test/rigs/tensorflow.js';", resolveDir: root, loader: 'ts' },
  bundle: true, platform: 'node', format: 'esm', packages: 'external', outfile,
});
const { createOnnxRuntimeService, tensorflowService, nodeTests, referenceRuntime, runTest, serviceRuntime } = await import(pathToFileURL(outfile).href);
const service = createOnnxRuntimeService({ threads: 1 });
const tensorflow = tensorflowService();
let failed = 0;
for (const runtime of [serviceRuntime('onnxruntime', service), serviceRuntime(tensorflow.identity(), tensorflow), referenceRuntime]) {
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
await tensorflow.dispose();
process.exit(failed > 0 ? 1 : 0);
