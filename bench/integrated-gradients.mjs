// One map of integrated gradients (50 nodes of Gauss–Legendre, AlexNet at 224 px, folded readout of five layers): ours against Captum's, in one run.
// Usage: node bench/integrated-gradients.mjs --python PATH [--rounds 5] [--threads 2] [--json FILE]      (after npm run build; see bench/README.md)
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { tensor } from '../dist/core/tensor.js';
import { readNpy } from '../dist/formats/npy.js';
import { createOnnxRuntimeService } from '../dist/runtime/onnxruntime-service.js';
import { batchFor, programAlong } from '../dist/stages/attribute/evaluator.js';
import { integratedGradients, pathPoints } from '../dist/stages/attribute/integrated-gradients.js';
import { layerGraph } from '../dist/stages/artifacts/backbone.js';
import { tileTemplate } from '../dist/stages/response/functional.js';
import { pathModel } from '../dist/stages/response/path-graph.js';
import { templateInput } from '../dist/stages/response/response-graph.js';
import { interleave, machine, printRows, relativeDifference, runtimeVersion, timed, writeJson } from './lib/compare.mjs';
import { ALEXNET_LAYERS, alexnetBackbone } from './lib/alexnet.mjs';
import { startPeer } from './lib/peer.mjs';

const { values } = parseArgs({ options: { python: { type: 'string', default: 'python3' }, rounds: { type: 'string', default: '5' }, threads: { type: 'string', default: '2' }, json: { type: 'string' } } });
const threads = Number(values.threads);
const NODES = 50;
const folder = mkdtempSync(join(tmpdir(), 'bench-gradients-'));
const peer = await startPeer(values.python, 'integrated_gradients.py', [folder, String(threads)], ['torch', 'torchvision', 'captum', 'onnx']);
if (peer === undefined) process.exit(6);
const about = machine(threads, { onnxruntime: runtimeVersion(), ...peer.versions });
process.stdout.write(`${JSON.stringify(about)}\n`);

const backbone = alexnetBackbone(join(folder, 'alexnet.onnx'), 224);
const image = readNpy(join(folder, 'image.npy')).data;
const baseline = readNpy(join(folder, 'baseline.npy')).data;
const service = createOnnxRuntimeService({ threads });

/** What the stage `attribute` runs, at another batch. */
async function explainer(batch) {
  const program = await service.compile(pathModel(backbone, batch, ALEXNET_LAYERS));
  const shapes = layerGraph(backbone, batch, ALEXNET_LAYERS).outputs.map((output) => output.shape);
  const feeds = Object.fromEntries(ALEXNET_LAYERS.map((name, l) => {
    const { data } = readNpy(join(folder, `${name}.npy`));
    return [templateInput(name), tensor('float32', shapes[l], tileTemplate(Array.from({ length: batch }, () => data)))];
  }));
  const evaluator = { batch, along: programAlong(program, feeds, batch, 224, 0) };
  return () => integratedGradients(evaluator, image, [baseline], { nodes: NODES, maxNodes: NODES, tolerance: 1 });
}

const found = [];
let best;
for (const largest of [1, 4, 16]) {
  const batch = batchFor(pathPoints(NODES), largest); // as the stage does it
  const explain = await explainer(batch);
  let ours;
  const sides = { [`ours, batch ${batch}`]: () => timed(async () => { ours = await explain(); }) };
  // Captum's own best batch is searched: at our batch, and at others where it may be faster
  for (const peerBatch of largest === 16 ? [8, 16, 25, 50] : [largest]) {
    sides[`Captum, internal_batch_size ${peerBatch}`] = async () => (await peer.run('captum', { steps: NODES, batch: peerBatch })).ms;
  }
  const results = await interleave(sides, Number(values.rounds));
  printRows(`integrated gradients, ${NODES} nodes`, results, `ours, batch ${batch}`, (ms) => `${ms.toFixed(0)} ms a map`, Object.fromEntries(Object.keys(results).slice(1).map((name) => [name, 1.2])));
  const theirs = readNpy(join(folder, 'captum.npy')).data;
  const difference = relativeDifference(ours.map, theirs);
  process.stdout.write(`  maps differ by ${difference.toExponential(1)} (relative L2); completeness gap ${ours.gap.toExponential(1)}\n`);
  found.push({ batch, results, difference });
  for (const [name, { median }] of Object.entries(results)) {
    const side = name.startsWith('ours') ? 'ours' : 'Captum';
    best = { ...best, [side]: Math.min(best?.[side] ?? Infinity, median) };
  }
}
process.stdout.write(`best of each: Captum ${best.Captum.toFixed(0)} ms, ours ${best.ours.toFixed(0)} ms, ratio ${(best.Captum / best.ours).toFixed(2)} (goal ≥ 1.2)\n`);
writeJson(values.json, { machine: about, found, best });
peer.close();
await service.dispose();
rmSync(folder, { recursive: true, force: true });
