/**
 * Models of torchvision, timm and open_clip as PyTorch's exporters wrote them (tools/oracles/export_models.py OUT): each is imported, written again and run.
 * Outputs must be those that ONNX Runtime computes from the original file; output and image gradient those of PyTorch in float64, within three times the
 * error of PyTorch's own float32, 1e-4 (output), 1e-3 (gradient), or what near-ties move the gradient by, whichever is larger.
 *
 * node tools/slow/exported-models.mjs OUT [part of a file name …]      (after npm run build)
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { decodeModel } from '../../dist/graph/decode.js';
import { encodeModel } from '../../dist/graph/encode.js';
import { differentiate, gradientName } from '../../dist/graph/gradient.js';
import { openModelFile } from '../../dist/graph/onnx/model-file.js';

import { createOnnxRuntimeService } from '../../dist/runtime/onnxruntime-service.js';

const [folder, ...parts] = process.argv.slice(2);
if (folder === undefined) {
  process.stderr.write('usage: node tools/slow/exported-models.mjs OUT [part of a file name …]\n');
  process.exit(2);
}

/** As formula_weights.uniform of tools/oracles. */
function uniform(name, count) {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return Float64Array.from({ length: count }, (_, i) => {
    let x = (hash + Math.imul(i, 0x9e3779b1)) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b) >>> 0;
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35) >>> 0;
    return ((x ^ (x >>> 16)) >>> 0) / 2147483648 - 1;
  });
}

function relative(found, expected) {
  let [difference, size] = [0, 0];
  for (let i = 0; i < expected.length; i += 1) {
    difference += (found[i] - expected[i]) ** 2;
    size += expected[i] ** 2;
  }
  return Math.sqrt(difference / size);
}

const sampled = (data, sample) => sample.at.map((i) => data[i]);
const service = createOnnxRuntimeService({ threads: 1 });
async function run(model, feeds) {
  const program = await service.compile(model);
  const results = await program.run(feeds);
  await program.dispose();
  return results;
}

const files = readdirSync(folder).filter((name) => name.endsWith('.onnx') && (parts.length === 0 || parts.some((part) => name.includes(part)))).sort();
const rows = [];
let failed = 0;
for (const file of files) {
  const name = file.slice(0, file.lastIndexOf('-'));
  const started = performance.now();
  try {
    const { bytes, external } = openModelFile(join(folder, file));
    const reference = existsSync(join(folder, `${name}.json`)) ? JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) : undefined;
    const { batch, size } = reference ?? { batch: 2, size: 224 };
    const graph = decodeModel(bytes, { label: file, bind: { batch }, external });
    const image = { dtype: 'float32', shape: [batch, 3, size, size], data: Float32Array.from(uniform('image', batch * 3 * size * size), (u) => 1.7 * u) };
    const session = await InferenceSession.create(join(folder, file), { intraOpNumThreads: 1, logSeverityLevel: 3 });
    const original = (await session.run({ image: new Tensor('float32', image.data, image.shape) })).output;
    await session.release();
    const output = graph.outputs[0];
    const seed = { dtype: 'float32', shape: output.shape, data: Float32Array.from(uniform('seed', original.data.length)) };
    const results = await run(encodeModel(differentiate(graph, { of: 'output', wrt: ['image'], seed: 'seed' })), { image, seed });
    const same = relative(results.output.data, original.data);
    const row = { file, nodes: graph.nodes.length, aliases: graph.aliases.size, 'against the file': same.toExponential(1) };
    let bad = same > 1e-5;
    if (reference !== undefined) {
      const value = relative(sampled(results.output.data, reference.float64.output), reference.float64.output.values);
      const gradient = relative(sampled(results[gradientName('image')].data, reference.float64.gradient), reference.float64.gradient.values);
      Object.assign(row, { 'output, to float64': value.toExponential(1), "torch's float32": reference.float32_error.output.toExponential(1), 'gradient, to float64': gradient.toExponential(1), "torch's": reference.float32_error.gradient.toExponential(1), 'near-ties': (reference.near_ties ?? 0).toExponential(1) });
      bad ||= value > Math.max(1e-4, 3 * reference.float32_error.output) || gradient > Math.max(1e-3, 3 * reference.float32_error.gradient, reference.near_ties ?? 0);
    }
    if (bad) failed += 1;
    rows.push({ ...row, seconds: ((performance.now() - started) / 1000).toFixed(1), verdict: bad ? 'DIFFERS' : 'ok' });
  } catch (error) {
    failed += 1;
    rows.push({ file, verdict: `${error.code ?? error.name}: ${error.message} ${JSON.stringify(error.facts ?? {})}` });
  }
  const row = rows.at(-1);
  process.stdout.write(`${Object.entries(row).map(([key, value]) => (key === 'file' || key === 'verdict' ? value : `${key} ${value}`)).join(' · ')}\n`);
}
await service.dispose();
process.stdout.write(`${files.length - failed} of ${files.length} agree\n`);
process.exit(failed === 0 ? 0 : 1);
