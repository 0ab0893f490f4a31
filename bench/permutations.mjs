// Correlations of shuffled images: rotations as matrix products (src/solvers/permuted-correlation.ts) against shuffling one by one in a plain loop, in one run,
// alternating; fastest of several. Usage: node bench/permutations.mjs [--images 1000] [--voxels 15000] [--threads 2] [--json]      (after npm run build)
import { parseArgs } from 'node:util';
import { Random } from '../dist/core/random.js';
import { createOnnxRuntimeService } from '../dist/runtime/onnxruntime-service.js';
import { permutedCorrelations } from '../dist/solvers/index.js';

const { values } = parseArgs({ options: { images: { type: 'string', default: '1000' }, voxels: { type: 'string', default: '15000' }, threads: { type: 'string', default: '2' }, rounds: { type: 'string', default: '3' }, json: { type: 'boolean', default: false } } });
const [images, voxels, rounds] = [Number(values.images), Number(values.voxels), Number(values.rounds)];
/** the loop is too slow for as many */
const [PRODUCTS, LOOP] = [1000, 10];
const random = new Random('permutations');
const [predicted, measured] = [0, 0].map(() => Float32Array.from({ length: images * voxels }, () => random.uniform(-1, 1)));
const service = createOnnxRuntimeService({ threads: Number(values.threads) });

/** columns of mean 0 and norm 1 */
function unit(values) {
  const [mean, norm] = [new Float64Array(voxels), new Float64Array(voxels)];
  for (let at = 0; at < values.length; at += 1) mean[at % voxels] += values[at] / images;
  for (let at = 0; at < values.length; at += 1) norm[at % voxels] += (values[at] - mean[at % voxels]) ** 2;
  return values.map((value, at) => (value - mean[at % voxels]) / Math.sqrt(norm[at % voxels]));
}

function loop() {
  const [x, y] = [unit(predicted), unit(measured)];
  const began = performance.now();
  const r = new Float64Array(voxels);
  for (let k = 0; k < LOOP; k += 1) {
    const order = random.permutation(images);
    r.fill(0);
    for (let i = 0; i < images; i += 1) for (let j = 0, a = i * voxels, b = order[i] * voxels; j < voxels; j += 1, a += 1, b += 1) r[j] += x[a] * y[b];
  }
  return (performance.now() - began) / LOOP;
}

async function products() {
  const began = performance.now();
  let seen = 0;
  await permutedCorrelations(service, predicted, measured, images, voxels, { count: PRODUCTS, random, visit: (r) => { seen += r.length; } });
  if (seen !== PRODUCTS * voxels) throw new Error('not every shuffle was seen');
  return (performance.now() - began) / PRODUCTS;
}

const times = { loop: [], products: [] };
for (let round = 0; round < rounds; round += 1) {
  times.loop.push(loop());
  times.products.push(await products());
}
await service.dispose();
const [slow, fast] = [Math.min(...times.loop), Math.min(...times.products)];
const result = { images, voxels, threads: Number(values.threads), loopMs: slow, productsMs: fast, ratio: slow / fast };
process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${images} images, ${voxels} voxels, ${values.threads} threads: ${slow.toFixed(1)} ms a shuffle in a loop, ${fast.toFixed(2)} ms as products (setup included, of ${PRODUCTS} shuffles), ${(slow / fast).toFixed(0)} times faster\n`);
