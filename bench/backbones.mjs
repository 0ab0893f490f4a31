// Backbones: forward, forward + image gradient, and a fine-tuning step of AlexNet, ours against PyTorch in one run, in turn.
// Usage: node bench/backbones.mjs --torch PYTHON [--threads 1,2] [--batches 1,8,32] [--models …] [--quick] [--memory] [--compile] [--winograd] [--json FILE]
// (after npm run build; see bench/README.md). --quick: one thread, batch 1, two rounds. --memory: peak memory of a process of each side instead of times.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { tensor } from '../dist/core/tensor.js';
import { readNpy } from '../dist/formats/npy.js';
import { createOnnxRuntimeService } from '../dist/runtime/onnxruntime-service.js';
import { interleave, machine, relativeDifference, runtimeVersion, writeJson } from './lib/compare.mjs';
import { BACKBONES, GRADIENT, OUTPUT, forwardModel, gradientModel, stateOf, trainingModel } from './lib/networks.mjs';
import { startPeer } from './lib/peer.mjs';

const { values } = parseArgs({
  options: {
    torch: { type: 'string', default: 'python3' }, threads: { type: 'string' }, batches: { type: 'string' }, models: { type: 'string', default: Object.keys(BACKBONES).join() },
    rounds: { type: 'string' }, work: { type: 'string', default: 'forward,gradient,finetune' }, quick: { type: 'boolean', default: false }, memory: { type: 'boolean', default: false },
    compile: { type: 'boolean', default: false }, winograd: { type: 'boolean', default: false }, json: { type: 'string' },
  },
});
const list = (text) => text.split(',').filter((word) => word !== '');
const threadCounts = list(values.threads ?? (values.quick ? '1' : '1,2')).map(Number);
const batches = list(values.batches ?? (values.quick ? '1' : '1,8,32')).map(Number);
const rounds = Number(values.rounds ?? (values.quick ? 2 : 5));
const works = new Set(list(values.work));
const models = list(values.models);
const hasNorm = (id) => id === 'resnet50' || id === 'clip-rn50x4';
/** goals of issue 5: their time over ours */
const GOALS = { forward: (id, batch) => (id === 'resnet50' || id === 'clip-rn50x4' || ((id === 'vgg11' || id === 'clip-vit-b-32') && batch === 1) ? 1.5 : 1.2), gradient: (id) => (id === 'alexnet' || id === 'clip-vit-b-32' ? 1.15 : 1.4), finetune: () => 0.8 };
const folder = mkdtempSync(join(tmpdir(), 'bench-backbones-'));
const found = [];
let about;
for (const threads of threadCounts) {
  const peer = await startPeer(values.torch, 'backbones.py', [folder, String(threads)], ['torch', 'numpy'], { OMP_NUM_THREADS: String(threads) });
  if (peer === undefined) process.exit(6);
  about = machine(threads, { onnxruntime: runtimeVersion(), ...peer.versions });
  process.stdout.write(`${JSON.stringify(about)}\n`);
  const service = createOnnxRuntimeService({ threads });
  for (const id of models) {
    await peer.run('export', { model: id });
    if (!values.memory) await check(peer, service, id);
    for (const batch of batches) for (const work of ['forward', 'gradient']) if (works.has(work)) await (values.memory ? memory : compare)(peer, service, id, work, batch, threads);
  }
  if (works.has('finetune') && models.includes('alexnet')) for (const batch of values.quick ? [8] : [8, 16]) await (values.memory ? memory : compare)(peer, service, 'alexnet', 'finetune', batch, threads);
  peer.close();
  await service.dispose();
}
writeJson(values.json, { machine: about, found });
rmSync(folder, { recursive: true, force: true });

/** Numbers of both sides for one batch of 2, and PyTorch in float64: a ReLU or a maximum that is decided by the last bit moves a gradient by up to 1e-2. */
async function check(peer, service, id) {
  const { size } = BACKBONES[id];
  await peer.run('check', { model: id, batch: 2, size });
  const read = (name) => readNpy(join(folder, `${name}.npy`)).data;
  const program = await service.compile(gradientModel(folder, id, 2, options(id, 2)));
  const results = await program.run({ input: tensor('float32', [2, 3, size, size], read('images')) }, [OUTPUT, GRADIENT]);
  await program.dispose();
  const words = [[OUTPUT, 'y'], [GRADIENT, 'gradient']].map(([name, file]) => {
    const exact = read(`${file}64`);
    return `${file} ${relativeDifference(results[name].data, exact).toExponential(1)} (PyTorch float32 ${relativeDifference(read(file), exact).toExponential(1)})`;
  });
  process.stdout.write(`${id}: difference from PyTorch in float64: ${words.join(', ')}\n`);
}

function options() {
  return values.winograd ? { winograd: true } : {};
}

async function compare(peer, service, id, work, batch, threads) {
  const { size } = BACKBONES[id];
  const ours = await side(service, id, work, batch);
  const ask = (way) => async () => (await peer.run(work, { ...(work === 'finetune' ? {} : { model: id }), batch, size, way })).own;
  const ways = ['plain', 'channels_last', ...(hasNorm(id) && work !== 'finetune' ? ['folded', 'folded channels_last'] : []), ...(values.compile && work !== 'finetune' ? ['compiled'] : [])];
  const sides = { ours: ours.run, ...Object.fromEntries(ways.map((way) => [`PyTorch, ${way}`, ask(way)])) };
  const results = await interleave(sides, rounds);
  await ours.dispose();
  const best = Object.entries(results).filter(([name]) => name !== 'ours').sort((a, b) => a[1].median - b[1].median)[0];
  const ratio = best[1].median / results.ours.median;
  const fastest = Math.min(...Object.entries(results).filter(([name]) => name !== 'ours').map(([, side]) => side.fastest)) / results.ours.fastest;
  const goal = GOALS[work](id, batch);
  const rows = Object.entries(results).map(([name, { median }]) => `${name.replace('PyTorch, ', '')} ${median.toFixed(1)}`).join(', ');
  process.stdout.write(`  ${id.padEnd(14)} ${work.padEnd(9)} batch ${String(batch).padStart(2)}, ${threads} thread${threads > 1 ? 's' : ''}: best of PyTorch / ours ${ratio.toFixed(2)}, of the fastest runs ${fastest.toFixed(2)}  (goal ${goal}: ${ratio >= goal ? 'reached' : 'missed'})   ms: ${rows}\n`);
  found.push({ id, work, batch, threads, ratio, fastest, goal, results });
}

async function side(service, id, work, batch) {
  const { size } = BACKBONES[id];
  const random = Float32Array.from({ length: batch * 3 * size * size }, (_, i) => Math.sin(i * 12.9898) * 2);
  const image = tensor('float32', [batch, 3, size, size], random);
  if (work === 'finetune') {
    const { step, model } = trainingModel(folder, batch);
    const program = await service.compile(model);
    let state = stateOf(step);
    let t = 0;
    return {
      async run() {
        let began = 0;
        for (let twice = 0; twice < 2; twice += 1) {
          began = performance.now();
          t += 1;
          const next = await program.run({ input: image, ...state, ...step.scalars(t, 1e-9) });
          state = Object.fromEntries(step.state.map(({ input, output }) => [input, next[output]]));
        }
        return performance.now() - began;
      },
      dispose: () => program.dispose(),
    };
  }
  // noise: pools may send the gradient to every tied element (GradientSpec.poolTies)
  const model = work === 'forward' ? forwardModel(folder, id, batch, options()) : gradientModel(folder, id, batch, { ...options(), poolTies: 'every' });
  const program = await service.compile(model);
  const fetch = [work === 'forward' ? OUTPUT : GRADIENT];
  return {
    async run() {
      await program.run({ input: image }, fetch); // as the peer does: not the first run after a pause
      const began = performance.now();
      await program.run({ input: image }, fetch);
      return performance.now() - began;
    },
    dispose: () => program.dispose(),
  };
}

/** A process of its own for each side: peaks only grow. */
async function memory(peer, _service, id, work, batch, threads) {
  const { size } = BACKBONES[id];
  const own = spawnSync(process.execPath, [fileURLToPath(new URL('./lib/backbone-memory.mjs', import.meta.url)), folder, id, work, String(batch), String(threads)], { encoding: 'utf8' });
  if (own.status !== 0) throw new Error(own.stderr);
  const ours = Number(own.stdout);
  const theirs = {};
  for (const way of ['plain', 'channels_last', ...(hasNorm(id) && work !== 'finetune' ? ['folded'] : [])]) {
    const fresh = await startPeer(values.torch, 'backbones.py', [folder, String(threads)], ['torch', 'numpy'], { OMP_NUM_THREADS: String(threads) });
    await fresh.run(work, { ...(work === 'finetune' ? {} : { model: id }), batch, size, way, times: 2 });
    theirs[way] = (await fresh.run('peak')).megabytes;
    fresh.close();
  }
  const least = Math.min(...Object.values(theirs));
  process.stdout.write(`  ${id.padEnd(14)} ${work.padEnd(9)} batch ${String(batch).padStart(2)}: peak memory ours ${ours.toFixed(0)} MB, PyTorch ${Object.entries(theirs).map(([way, mb]) => `${way} ${mb.toFixed(0)}`).join(', ')} MB (goal no higher: ${ours <= least ? 'reached' : 'missed'})\n`);
  found.push({ id, work, batch, threads, ours, theirs });
}
