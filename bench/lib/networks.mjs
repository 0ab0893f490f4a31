// The backbones of bench/backbones.mjs as our programs, with the weights that the peer wrote.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { architectureOf } from '../../dist/architectures/index.js';
import { MODEL_INPUT } from '../../dist/architectures/architecture.js';
import { tensor } from '../../dist/core/tensor.js';
import { GraphBuilder } from '../../dist/graph/builder.js';
import { cut } from '../../dist/graph/cut.js';
import { encodeModel } from '../../dist/graph/encode.js';
import { differentiate, gradientName } from '../../dist/graph/gradient.js';
import { sumOfSquares } from '../../dist/graph/layers.js';
import { optimise } from '../../dist/graph/optimise/index.js';
import { trainingStep } from '../../dist/graph/training.js';

/** id of the architecture → its last value and the side of its images */
export const BACKBONES = {
  'alexnet': { last: 'features.12', size: 224 },
  'vgg11': { last: 'features.20', size: 224 },
  'resnet50': { last: 'layer4.2.relu_2', size: 224 },
  'clip-rn50x4': { last: 'visual.layer4.5.relu3', size: 288 },
  'clip-vit-b-32': { last: 'visual', size: 224 },
};
export const OUTPUT = 'y';
export const GRADIENT = gradientName(MODEL_INPUT);

function weightsFrom(folder, id) {
  const index = JSON.parse(readFileSync(join(folder, `${id}.json`), 'utf8'));
  const bytes = readFileSync(join(folder, `${id}.bin`));
  const all = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  return {
    take(name, shape) {
      const entry = index[name];
      const count = shape.reduce((product, extent) => product * extent, 1);
      // what lies behind the last layer compared (a classifier) is cut off: any numbers do
      if (entry === undefined) return tensor('float32', shape, new Float32Array(count));
      if (entry.shape.join() !== shape.join()) throw new Error(`${id}: ${name} is [${entry.shape}], asked for as [${shape}]`);
      return tensor('float32', shape, new Float32Array(all, entry.offset, count));
    },
  };
}

/** image → y, and the loss sum(y²) */
function network(folder, id, batch, withLoss) {
  const { last, size } = BACKBONES[id];
  const whole = architectureOf(id).build(weightsFrom(folder, id), { batch, size });
  const name = whole.values.has(last) ? last : whole.outputs.at(-1).name;
  const trunk = optimise(cut(whole, [name]), []);
  const b = GraphBuilder.from(trunk);
  const y = trunk.outputs[0];
  b.output(OUTPUT, y);
  if (withLoss) b.output('loss', sumOfSquares(b, y));
  return b.build();
}

export const forwardModel = (folder, id, batch, options = {}) => encodeModel(optimise(network(folder, id, batch, false), [], options));
export const gradientModel = (folder, id, batch, { poolTies, ...options } = {}) =>
  encodeModel(optimise(differentiate(network(folder, id, batch, true), { of: 'loss', wrt: [MODEL_INPUT], ...(poolTies === undefined ? {} : { poolTies }) }), [], options));

/** One Adam step over all weights of AlexNet's convolutions. */
export function trainingModel(folder, batch) {
  const graph = network(folder, 'alexnet', batch, true);
  const parameters = [...graph.initializers].filter(([, constant]) => constant.dtype === 'float32' && constant.data.length > 1).map(([name]) => name);
  const step = trainingStep({ ...graph, outputs: graph.outputs.filter((output) => output.name === 'loss') }, { loss: 'loss', parameters });
  return { step, model: encodeModel(step.graph) };
}
