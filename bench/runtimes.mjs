// The two runtimes in one process, in turn: forward and forward + image gradient of AlexNet and ResNet-50.
// Usage: node bench/runtimes.mjs [--tfjs FOLDER_OF_@tensorflow/tfjs-node] [--batches 1,8] [--threads 1] [--rounds 5] [--models alexnet,resnet50] [--json FILE]
// (after npm run build). TensorFlow.js for Node is an optional peer; without it the script says so and ends with 6.
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { ARCHITECTURES } from '../dist/architectures/index.js';
import { MODEL_READER } from '../dist/cli/model-reader.js';
import { Random } from '../dist/core/random.js';
import { tensor } from '../dist/core/tensor.js';
import { GraphBuilder } from '../dist/graph/builder.js';
import { prune } from '../dist/graph/cut.js';
import { encodeModel } from '../dist/graph/encode.js';
import { differentiate, gradientName } from '../dist/graph/gradient.js';
import { sumOfSquares } from '../dist/graph/layers.js';
import { createOnnxRuntimeService } from '../dist/runtime/onnxruntime-service.js';
import { createTensorflowService } from '../dist/runtime/tensorflow/service.js';
import { interleave, machine, relativeDifference, runtimeVersion, timed, writeJson } from './lib/compare.mjs';

const { values } = parseArgs({ options: { tfjs: { type: 'string' }, batches: { type: 'string', default: '1,8' }, threads: { type: 'string', default: '1' }, rounds: { type: 'string', default: '5' }, models: { type: 'string', default: 'alexnet,resnet50' }, json: { type: 'string' } } });
const threads = Number(values.threads);
process.env['TF_NUM_INTRAOP_THREADS'] = values.threads;
process.env['TF_NUM_INTEROP_THREADS'] = '1';
process.env['TF_CPP_MIN_LOG_LEVEL'] = '2';
let tf;
try {
  tf = createRequire(import.meta.url)(values.tfjs ?? '@tensorflow/tfjs-node');
} catch (error) {
  console.error(`@tensorflow/tfjs-node cannot be loaded: ${error.message.split('\n')[0]}`);
  process.exit(6);
}
const services = { onnxruntime: createOnnxRuntimeService({ threads }), tensorflow: createTensorflowService({ ...MODEL_READER, loaded: { tf, backend: 'tensorflow' } }) };
const about = machine(threads, { onnxruntime: runtimeVersion(), 'tfjs-node': tf.version['tfjs-node'] });
console.log(JSON.stringify(about));
const found = [];
for (const id of values.models.split(',')) {
  for (const batch of values.batches.split(',').map(Number)) {
    const { bytes, shape } = model(id, batch);
    const random = new Random(`image ${batch}`);
    const image = tensor('float32', shape, Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.uniform(-1.7, 1.7)));
    const programs = Object.fromEntries(await Promise.all(Object.entries(services).map(async ([name, service]) => [name, await service.compile(bytes)])));
    for (const [work, fetch] of [['forward', ['objective']], ['forward + image gradient', ['objective', gradientName('input')]]]) {
      const results = Object.fromEntries(await Promise.all(Object.entries(programs).map(async ([name, program]) => [name, await program.run({ input: image }, fetch)])));
      const difference = Math.max(...fetch.map((name) => relativeDifference(results.tensorflow[name].data, results.onnxruntime[name].data)));
      const times = await interleave(Object.fromEntries(Object.entries(programs).map(([name, program]) => [name, () => timed(() => program.run({ input: image }, fetch))])), Number(values.rounds));
      const [ours, theirs] = [times.onnxruntime.median, times.tensorflow.median];
      found.push({ id, batch, work, ...times, difference });
      console.log(`${id} batch ${batch}, ${work}: onnxruntime ${ours.toFixed(1)} ms, tensorflow ${theirs.toFixed(1)} ms (${(theirs / ours).toFixed(2)} times), difference ${difference.toExponential(1)}`);
    }
    for (const program of Object.values(programs)) await program.dispose();
  }
}
for (const service of Object.values(services)) await service.dispose();
writeJson(values.json, { machine: about, found });
process.exit(0);

/** He weights; the objective is the squared length of the last layer before a classifier. */
function model(id, batch) {
  const architecture = ARCHITECTURES.find((one) => one.id === id);
  const random = new Random('weights');
  const weights = {
    take(name, extents) {
      const count = extents.reduce((a, b) => a * b, 1);
      const stream = random.fork(name);
      const fanIn = extents.slice(1).reduce((a, b) => a * b, 1);
      const make = extents.length > 1 ? () => stream.normal(0, Math.sqrt(2 / fanIn)) : name.endsWith('running_var') || name.endsWith('weight') ? () => stream.uniform(0.5, 1.5) : () => stream.normal(0, 0.1);
      return tensor('float32', extents, Float32Array.from({ length: count }, make));
    },
  };
  const graph = architecture.build(weights, { batch, size: 224 });
  const layer = architecture.layers.at(-1).name;
  const b = GraphBuilder.from(graph);
  const objective = b.output('objective', sumOfSquares(b, graph.values.get(layer)));
  const whole = prune(b.build(), [objective]);
  return { bytes: encodeModel(differentiate(whole, { of: 'objective', wrt: ['input'] })), shape: graph.inputs[0].shape };
}
