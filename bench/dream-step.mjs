// One step of a dream (Fourier parameters, random view with noise, AlexNet at 224 px, mean of an area of 800 of 15,000 voxels, Adam): ours against PyTorch
// with our folded readout, and against boldreams' modules as published, in one run.
// Usage: node bench/dream-step.mjs --python PATH [--boldreams CHECKOUT] [--rounds 5] [--threads 2] [--json FILE]      (after npm run build; see bench/README.md)
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Random } from '../dist/core/random.js';
import { tensor } from '../dist/core/tensor.js';
import { readNpy } from '../dist/formats/npy.js';
import { createOnnxRuntimeService } from '../dist/runtime/onnxruntime-service.js';
import { IMAGE, layerGraph } from '../dist/stages/artifacts/backbone.js';
import { ascend } from '../dist/stages/dream/ascent.js';
import { fourierModel } from '../dist/stages/dream/fourier-model.js';
import { tileTemplate } from '../dist/stages/response/functional.js';
import { IMAGE_GRADIENT, RESPONSE, responseModel, templateInput } from '../dist/stages/response/response-graph.js';
import { ALEXNET_LAYERS, alexnetBackbone } from './lib/alexnet.mjs';
import { interleave, machine, printRows, relativeDifference, runtimeVersion, writeJson } from './lib/compare.mjs';
import { startPeer } from './lib/peer.mjs';

const { values } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' }, boldreams: { type: 'string' }, rounds: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' }, batches: { type: 'string', default: '1,4,16' }, json: { type: 'string' },
  },
});
const threads = Number(values.threads);
const SIZE = 224;
const STEPS = 4; // a round; boldreams, where a step takes seconds, makes one
const folder = mkdtempSync(join(tmpdir(), 'bench-dream-'));
const peer = await startPeer(values.python, 'dream_step.py', [folder, String(threads), ...(values.boldreams === undefined ? [] : [values.boldreams])], ['torch', 'torchvision', 'onnx']);
if (peer === undefined) process.exit(6);
const about = machine(threads, { onnxruntime: runtimeVersion(), ...peer.versions });
process.stdout.write(`${JSON.stringify(about)}\n`);
if (values.boldreams === undefined) process.stderr.write('boldreams is left out: give a checkout with --boldreams (bench/README.md says how)\n');

const backbone = alexnetBackbone(join(folder, 'alexnet.onnx'), SIZE);
const service = createOnnxRuntimeService({ threads });
const options = { size: SIZE, steps: STEPS + 1, learningRate: 0.05, decay: 1.5, contrast: 1.5, noise: 0.1, view: { rotation: 15, zoom: 0.3, shift: 16 } };

/** The stage `dream` at another batch. */
async function dreamer(batch) {
  const response = await service.compile(responseModel(backbone, batch, ALEXNET_LAYERS, { poolTies: 'every' }));
  const fourier = await service.compile(fourierModel(batch, { height: SIZE, width: SIZE, decay: options.decay, contrast: options.contrast }));
  const shapes = layerGraph(backbone, batch, ALEXNET_LAYERS).outputs.map((output) => output.shape);
  const templates = Object.fromEntries(ALEXNET_LAYERS.map((name, l) => {
    const { data } = readNpy(join(folder, `${name}.npy`));
    return [templateInput(name), tensor('float32', shapes[l], tileTemplate(Array.from({ length: batch }, () => data)))];
  }));
  const streams = Array.from({ length: batch }, (_, b) => new Random('bench').fork(b));
  return {
    // from the end of the first step to the end of the last: what starting costs is not a step
    async step() {
      const marks = [];
      await ascend({ response, fourier }, templates, streams, options, () => marks.push(performance.now()), new AbortController().signal);
      return (marks.at(-1) - marks[0]) / STEPS;
    },
    async respond(image) {
      const result = await response.run({ [IMAGE]: tensor('float32', [1, 3, SIZE, SIZE], image), ...templates });
      return { response: result[RESPONSE].data[0], gradient: result[IMAGE_GRADIENT].data };
    },
    async dispose() {
      await response.dispose();
      await fourier.dispose();
    },
  };
}

const { responses } = await peer.run('check');
const alone = await dreamer(1);
const ours = await alone.respond(readNpy(join(folder, 'image.npy')).data);
await alone.dispose();
for (const [name, response] of Object.entries(responses)) {
  const gradient = readNpy(join(folder, `gradient-${name}.npy`)).data;
  process.stdout.write(`same image: ${name} responds ${response.toPrecision(6)}, ours ${ours.response.toPrecision(6)}; gradients differ by ${relativeDifference(ours.gradient, gradient).toExponential(1)} (relative L2)\n`);
}

const found = [];
for (const batch of values.batches.split(',').map(Number)) {
  const dream = await dreamer(batch);
  const name = `ours, ${batch} images`;
  const asked = (work, steps, more = {}) => async () => (await peer.run(work, { batch, steps, ...more })).ms / steps;
  const sides = { [name]: dream.step, 'PyTorch, folded readout': asked('folded', STEPS), 'PyTorch, folded readout, channels last': asked('folded', STEPS, { channels_last: true }) };
  if (peer.work.includes('boldreams')) {
    sides['boldreams as published'] = asked('boldreams', 1);
    sides['boldreams, readout frozen'] = asked('boldreams', 1, { frozen: true });
  }
  const results = await interleave(sides, Number(values.rounds));
  printRows(`one dream step, ${batch} images`, results, name, (ms) => `${ms.toFixed(1)} ms a step`, { 'PyTorch, folded readout': 1.1, 'PyTorch, folded readout, channels last': 1.1, 'boldreams as published': 3 });
  found.push({ batch, results });
  await dream.dispose();
}
writeJson(values.json, { machine: about, responses, found });
peer.close();
await service.dispose();
rmSync(folder, { recursive: true, force: true });
