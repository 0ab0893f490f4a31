/**
 * A process of its own that compiles and runs a small model on one target: a driver that crashes takes only this process with it. Argument: the
 * identity. It writes one line of JSON on stdout.
 */
import { PipelineError } from '../../core/errors.js';
import { tensor } from '../../core/tensor.js';
import { GraphBuilder } from '../../graph/builder.js';
import { encodeModel } from '../../graph/encode.js';
import { conv2d, relu } from '../../graph/layers.js';
import { createTensorService } from '../../runtime/create-service.js';
import { MODEL_READER } from '../model-reader.js';

/** A 3×3 kernel of ones over ones: 9 in the middle. */
const SIDE = 8;
const EXPECTED = 9;

export interface TargetTrial {
  readonly works: boolean;
  readonly detail: string;
  readonly hint?: string;
}

const identity = process.argv[2] ?? '';
let trial: TargetTrial;
try {
  const builder = new GraphBuilder();
  const image = builder.input('image', 'float32', [1, 1, SIDE, SIDE]);
  builder.output('map', relu(builder, conv2d(builder, image, builder.floats([1, 1, 3, 3], new Float32Array(9).fill(1)), undefined, { pads: 1 })));
  const service = await createTensorService(identity, 1, () => Promise.resolve(MODEL_READER));
  const program = await service.compile(encodeModel(builder.build()), { label: 'doctor' });
  const { map } = await program.run({ image: tensor('float32', [1, 1, SIDE, SIDE], new Float32Array(SIDE * SIDE).fill(1)) });
  const found = Number(map?.data[SIDE * 3 + 3]);
  trial = found === EXPECTED ? { works: true, detail: 'a convolution gives the right answer' } : { works: false, detail: `a convolution gives ${found} instead of ${EXPECTED}`, hint: 'update the driver, or choose --device cpu' };
  await service.dispose();
} catch (error) {
  trial = { works: false, detail: error instanceof Error ? [error.message, ...(error instanceof PipelineError ? [String(error.facts['found'] ?? '')] : [])].filter((text) => text !== '').join(': ') : String(error), ...(error instanceof PipelineError && error.hint !== undefined ? { hint: error.hint } : {}) };
}
process.stdout.write(`${JSON.stringify(trial)}\n`);
