// One ridge fit by this engine, in a process of its own: node ridge-ours.mjs FOLDER THREADS. Reads what bench/ridge.mjs wrote, prints one line of JSON.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tensor } from '../dist/core/tensor.js';
import { readNpy, writeNpy } from '../dist/formats/npy.js';
import { createOnnxRuntimeService } from '../dist/runtime/onnxruntime-service.js';
import { crossValidatedRidge, predictTargets } from '../dist/solvers/index.js';

const [folder, threads] = [process.argv[2], Number(process.argv[3])];
const load = (name) => readNpy(join(folder, `${name}.npy`));
const task = JSON.parse(readFileSync(join(folder, 'task.json'), 'utf8'));
const service = createOnnxRuntimeService({ threads });
const [x, y, folds] = [load('x'), load('y'), load('folds').data];
const [began, cpu] = [performance.now(), process.cpuUsage()];
const fit = await crossValidatedRidge(service, x, y, { alphas: task.alphas, folds, standardize: false });
const seconds = (performance.now() - began) / 1000;
const used = process.cpuUsage(cpu);
const cpuSeconds = (used.user + used.system) / 1e6;
const peakMiB = process.resourceUsage().maxRSS / 1024;

const [xt, yt] = [load('x_test'), load('y_test')];
const [n, v] = yt.shape;
const p = xt.shape[1];
const predicted = await predictTargets(service, { weights: fit.weights, intercept: fit.intercept, featureCount: p }, n, (from, count) => xt.data.subarray(from * p, (from + count) * p));
const r2 = new Float64Array(v);
for (let t = 0; t < v; t += 1) {
  let [sum, squares, error] = [0, 0, 0];
  for (let i = 0; i < n; i += 1) {
    const value = yt.data[i * v + t];
    sum += value;
    squares += value * value;
    error += (value - predicted[i * v + t]) ** 2;
  }
  r2[t] = 1 - error / (squares - (sum * sum) / n);
}
writeNpy(join(folder, 'alpha.ours.npy'), tensor('float64', [v], fit.alpha));
writeNpy(join(folder, 'r2.ours.npy'), tensor('float64', [v], r2));
await service.dispose();
process.stdout.write(`${JSON.stringify({ seconds, cpuSeconds, peakMiB, form: fit.form, versions: { node: process.versions.node } })}\n`);
