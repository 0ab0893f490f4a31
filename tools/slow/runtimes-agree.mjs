// Computes every built-in architecture, with the formula's weights and a small input, on ONNX Runtime's CPU provider and on the other runtimes (its WebGPU provider,
// TensorFlow.js in JavaScript, and TensorFlow with TFJS_PACKAGE=<folder of @tensorflow/tfjs-node>): the last layers, and the gradient of a response of the last one. Prints how far each
// is from the first (test/rigs/runtimes-agree.ts has the tolerances). A runtime that is not there is said to be; exit 1 if one that is there disagrees or fails.
// Usage: node tools/slow/runtimes-agree.mjs [--only ID or part of ids] [--on webgpu,tfjs-js,tfjs-node]
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const COLUMNS = ['webgpu', 'tfjs-js', 'tfjs-node'];
const { values } = parseArgs({ options: { only: { type: 'string', default: '' }, on: { type: 'string', default: COLUMNS.join() } } });
const on = values.on.split(',');
const unknown = on.filter((name) => !COLUMNS.includes(name));
if (unknown.length > 0) {
  console.error(`${unknown.join(', ')}: --on takes ${COLUMNS.join(', ')}`);
  process.exit(2);
}

const root = new URL('../../', import.meta.url).pathname;
const outfile = join(root, 'dist/slow/runtimes-agree.mjs');
mkdirSync(join(root, 'dist/slow'), { recursive: true });
await build({
  stdin: {
    contents: `export * from './test/rigs/runtimes-agree.js'; export { loadTensorflow, tensorflowService } from './test/rigs/tensorflow.js'; export { createOnnxRuntimeService } from './src/runtime/onnxruntime-service.js';
      export { ARCHITECTURES } from './src/architectures/index.js'; export { clipResnet } from './src/architectures/clip-resnet.js';`,
    resolveDir: root, loader: 'ts',
  },
  bundle: true, platform: 'node', format: 'esm', packages: 'external', outfile,
});
const folder = process.env['TFJS_PACKAGE'];
delete process.env['TFJS_PACKAGE']; // the rig loads the one in JavaScript first
const { agreement, answer, ARCHITECTURES, clipResnet, createOnnxRuntimeService, FORWARD, GRADIENT, loadTensorflow, NEAR_TIES, question, tensorflowService } = await import(pathToFileURL(outfile).href);

const reference = createOnnxRuntimeService({ threads: 1 });
const services = {
  webgpu: createOnnxRuntimeService({ threads: 1, device: 'webgpu' }),
  'tfjs-js': tensorflowService(),
  ...(folder === undefined ? {} : { 'tfjs-node': tensorflowService(await loadTensorflow(folder)) }),
};
const absent = new Map(folder === undefined && on.includes('tfjs-node') ? [['tfjs-node', 'not there: set TFJS_PACKAGE']] : []);
// the attention pool of the CLIP ResNets exists at their published size only: a small tower has it at 64 pixels
const small = clipResnet({ name: 'RN-small', blocks: [1, 1, 1, 1], width: 16, embedding: 32, size: 64 });
const all = [...ARCHITECTURES, small];
const architectures = all.some(({ id }) => id === values.only) ? all.filter(({ id }) => id === values.only) : all.filter(({ id }) => id.includes(values.only));

const line = (...cells) => console.log(cells.map((cell, i) => String(cell).padEnd([24, 10, 11, 9, 9, 10, 8][i] ?? 0)).join(' ').trimEnd());
const figure = (x) => (x === undefined ? '' : x.toExponential(1));
line('architecture', 'input', 'runtime', 'layers', 'gradient', 'near ties', 'seconds');
const counts = new Map(on.map((name) => [name, { agree: 0, not: 0, forward: 0, gradient: 0 }]));
for (const architecture of architectures) {
  const asked = question(architecture);
  const expected = await answer(reference, asked);
  for (const name of on) {
    if (absent.has(name)) {
      line(asked.id, asked.at, name, absent.get(name));
      continue;
    }
    const start = performance.now();
    try {
      const found = await answer(services[name], asked);
      const seconds = (performance.now() - start) / 1000;
      const { forward, gradient, nearTies, agrees } = await agreement(asked, found, expected, reference);
      const count = counts.get(name);
      count[agrees ? 'agree' : 'not'] += 1;
      count.forward = Math.max(count.forward, forward);
      if (nearTies === undefined) count.gradient = Math.max(count.gradient, gradient);
      line(asked.id, asked.at, name, figure(forward), figure(gradient), figure(nearTies), seconds.toFixed(1), agrees ? '' : 'DISAGREES');
    } catch (error) {
      if (error.code === 'E_DEVICE') absent.set(name, `not there: ${error.message}`);
      else counts.get(name).not += 1;
      line(asked.id, asked.at, name, error.code === 'E_DEVICE' ? absent.get(name) : `FAILS ${error.message} ${error.facts?.found ?? ''}`.slice(0, 400));
    }
  }
  if (asked.unreached.length > 0) line(asked.id, asked.at, `not at this size: ${asked.unreached.join(', ')}`);
}
console.log(`\nDistances from ONNX Runtime on the CPU, ‖difference‖ / ‖value‖. They agree below ${FORWARD} (layers) and ${GRADIENT} (gradient), or ${NEAR_TIES} times what near ties do to the gradient.`);
for (const [name, { agree, not, forward, gradient }] of counts) {
  console.log(`${name}: ${absent.get(name) ?? `${agree} agree, ${not} do not; at most ${figure(forward)} (layers), ${figure(gradient)} (gradients without near ties)`}`);
}
await Promise.all([reference, ...Object.values(services)].map((service) => service.dispose()));
process.exit([...counts.values()].some(({ not }) => not > 0) ? 1 : 0);
