// The stage features.extract end to end (read a brick of 425 × 425 RGB images from HDF5, resize to 224, normalise, AlexNet, pool five layers to a grid, write
// float32): ours against h5py, Pillow and PyTorch, in one run.
// Usage: node bench/features.mjs --python PATH [--images 256] [--rounds 5] [--threads 2] [--json FILE]      (after npm run build; see bench/README.md)
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sealArtifact } from '../dist/engine/artifact-seal.js';
import { StagingWriter } from '../dist/engine/artifact-writer.js';
import { runStage } from '../dist/engine/run-stage.js';
import { openStore } from '../dist/engine/store/file-store.js';
import { Hdf5Writer } from '../dist/formats/hdf5/index.js';
import { readNpy } from '../dist/formats/npy.js';
import { createOnnxRuntimeService } from '../dist/runtime/onnxruntime-service.js';
import { tensor } from '../dist/core/tensor.js';
import { encodeModel } from '../dist/graph/encode.js';
import { IMAGE, layerGraph, writeBackbone } from '../dist/stages/artifacts/backbone.js';
import { writeStimuli } from '../dist/stages/artifacts/stimuli.js';
import definition from '../dist/stages/features-extract/stage.js';
import { drawStimulus } from '../dist/stages/simulate/drawing/stimulus.js';
import { ALEXNET_LAYERS, alexnetBackbone } from './lib/alexnet.mjs';
import { interleave, machine, printRows, runtimeVersion, timed, writeJson } from './lib/compare.mjs';
import { startPeer } from './lib/peer.mjs';

const { values } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' }, images: { type: 'string', default: '256' }, rounds: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' }, batches: { type: 'string', default: '1,4,16' }, json: { type: 'string' },
  },
});
const threads = Number(values.threads);
const count = Number(values.images);
const GRID = 4;
const BRICK_SIZE = 425;
const folder = mkdtempSync(join(tmpdir(), 'bench-features-'));
const peer = await startPeer(values.python, 'features.py', [folder, String(threads), String(GRID)], ['torch', 'torchvision', 'h5py', 'PIL', 'onnx']);
if (peer === undefined) process.exit(6);
const about = machine(threads, { onnxruntime: runtimeVersion(), ...peer.versions });
process.stdout.write(`${JSON.stringify(about)}\n`);

// As NSD's file: one dataset, one image a chunk. 32 drawings are enough: every image is read, resized and run all the same.
const drawings = Array.from({ length: 32 }, (_, i) => drawStimulus(`bench ${i}`, BRICK_SIZE).rgb);
const brick = new Hdf5Writer(join(folder, 'stimuli.hdf5'));
brick.createDataset('imgBrick', { dtype: 'uint8', shape: [count, BRICK_SIZE, BRICK_SIZE, 3], chunks: [1, BRICK_SIZE, BRICK_SIZE, 3] });
for (let i = 0; i < count; i += 1) {
  brick.writeSlice('imgBrick', [[i, i + 1], [0, BRICK_SIZE], [0, BRICK_SIZE], [0, 3]], { dtype: 'uint8', shape: [1, BRICK_SIZE, BRICK_SIZE, 3], data: drawings[i % drawings.length] });
}
brick.close();

const store = await openStore(join(folder, 'store'), { mode: 'read-write' });
let serial = 0;
const staging = () => {
  serial += 1;
  const path = join(folder, 'staging', String(serial));
  mkdirSync(path, { recursive: true });
  return path;
};
async function artifact(type, write) {
  const writer = new StagingWriter(type, staging(), new Map());
  write(writer);
  return sealArtifact({ type, ...(await writer.finish(store)) });
}
const nsd = await artifact('Nsd', (writer) => cpSync(join(folder, 'stimuli.hdf5'), writer.path('stimuli.hdf5')));
const images = Array.from({ length: count }, (_, nsdId) => ({ nsdId, cocoId: null, split: 'train', shared: false, firstTrial: nsdId }));
const inputs = {
  backbone: await artifact('Backbone', (writer) => {
    const { model, digest: _, ...file } = alexnetBackbone(join(folder, 'alexnet.onnx'), 224);
    writeBackbone(writer, file, model);
  }),
  stimuli: await artifact('Stimuli', (writer) => writeStimuli(writer, images, nsd.files[0], 'imgBrick')),
};

/** What a worker does for the stage, with a key of its own every time, so that nothing is restored. */
async function extract(batch) {
  const tensorService = createOnnxRuntimeService({ threads });
  const place = staging();
  const job = {
    stage: 'features', type: definition.type, version: definition.version, key: `bench-${serial}`, params: { layers: ALEXNET_LAYERS, grid: [GRID, GRID], percent: 100, batch, convolutions: 'direct' },
    inputs, outputPorts: ['features'], externals: [], outside: [], seed: null, needs: ['tensor'], services: { tensor: `bench-${serial}` },
    resources: { cpus: threads, memoryMb: 1500 }, staging: place, store: { directory: store.directory, mode: store.mode },
  };
  const made = await runStage(definition, job, { store, services: { tensor: tensorService }, signal: new AbortController().signal, emit: () => undefined });
  await tensorService.dispose();
  rmSync(place, { recursive: true, force: true });
  return made.outputs.features.files;
}

/** The session alone: one batch of images that are there already, as often as the stage runs it. What the stage adds to this is what it does not overlap. */
async function bareSession(batch) {
  const tensorService = createOnnxRuntimeService({ threads });
  const graph = layerGraph(alexnetBackbone(join(folder, 'alexnet.onnx'), 224), batch, ALEXNET_LAYERS);
  const program = await tensorService.compile(encodeModel(graph));
  const feeds = { [IMAGE]: tensor('float32', [batch, 3, 224, 224], new Float32Array(batch * 3 * 224 * 224).fill(0.5)) };
  return {
    async run() {
      for (let i = 0; i < count; i += batch) await program.run(feeds);
    },
    dispose: () => tensorService.dispose(),
  };
}

/** Largest and relative L2 difference over the layers. */
function compare(files) {
  let largest = 0;
  let difference = 0;
  let size = 0;
  ALEXNET_LAYERS.forEach((name, l) => {
    const theirs = readNpy(join(folder, `torch-${name}.npy`)).data;
    const chunks = files.filter((file) => file.name.endsWith(`-${String(l).padStart(2, '0')}.npy`)).sort((a, b) => (a.name < b.name ? -1 : 1));
    let at = 0;
    for (const chunk of chunks) {
      for (const x of readNpy(store.objectPath(chunk.digest)).data) {
        const y = theirs[at];
        largest = Math.max(largest, Math.abs(x - y));
        difference += (x - y) ** 2;
        size += y * y;
        at += 1;
      }
    }
    if (at !== theirs.length) throw new Error(`${name}: ${at} features of ours, ${theirs.length} of theirs`);
  });
  return `largest ${largest.toExponential(1)}, relative L2 ${Math.sqrt(difference / size).toExponential(1)}`;
}

const found = [];
for (const batch of values.batches.split(',').map(Number)) {
  const name = `ours, batch ${batch}`;
  let files;
  const asked = (more = {}) => async () => (await peer.run('features', { count, batch, ...more })).ms;
  const bare = await bareSession(batch);
  const sides = { [name]: () => timed(async () => { files = await extract(batch); }), 'the bare session': () => timed(bare.run), 'PyTorch + h5py + Pillow': asked(), 'PyTorch + h5py + Pillow, reading ahead': asked({ ahead: true }) };
  const results = await interleave(sides, Number(values.rounds));
  printRows(`features of ${count} images`, results, name, (ms) => `${((1000 * count) / ms).toFixed(0)} images/s`, { 'PyTorch + h5py + Pillow': 1.5, 'PyTorch + h5py + Pillow, reading ahead': 1.5 });
  await bare.dispose();
  process.stdout.write(`  the stage reaches ${(100 * results['the bare session'].median / results[name].median).toFixed(0)} % of the bare session's throughput (goal 90 %)\n`);
  const difference = { pillow: compare(files) };
  await peer.run('features', { count, batch, exact: true });
  difference.exact = compare(files);
  process.stdout.write(`  difference from Pillow (rounds to 8 bits): ${difference.pillow}; from PyTorch's antialiased resize: ${difference.exact}\n`);
  found.push({ batch, results, difference });
}
writeJson(values.json, { machine: about, images: count, found });
peer.close();
await store.close?.();
rmSync(folder, { recursive: true, force: true });
