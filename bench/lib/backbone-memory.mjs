// Peak memory of a process that runs one model three times; prints megabytes. Usage: backbone-memory.mjs FOLDER ID WORK BATCH THREADS
import { tensor } from '../../dist/core/tensor.js';
import { createOnnxRuntimeService } from '../../dist/runtime/onnxruntime-service.js';
import { BACKBONES, forwardModel, gradientModel, trainingModel } from './networks.mjs';

const [folder, id, work, batchText, threads] = process.argv.slice(2);
const batch = Number(batchText);
const { size } = BACKBONES[id];
const service = createOnnxRuntimeService({ threads: Number(threads) });
const input = tensor('float32', [batch, 3, size, size], new Float32Array(batch * 3 * size * size).fill(0.5));
let feeds = { input };
let model;
if (work === 'finetune') {
  const training = trainingModel(folder, batch);
  const zeros = () => tensor('float32', training.step.initial.shape, new Float32Array(training.step.initial.data.length));
  feeds = { input, parameters: training.step.initial, moment1: zeros(), moment2: zeros(), ...training.step.scalars(1, 1e-9) };
  model = training.model;
} else {
  model = work === 'forward' ? forwardModel(folder, id, batch) : gradientModel(folder, id, batch, { poolTies: 'every' });
}
const program = await service.compile(model);
model = undefined;
for (let i = 0; i < 3; i += 1) await program.run(feeds);
process.stdout.write(String(process.resourceUsage().maxRSS / 1024));
await service.dispose();
