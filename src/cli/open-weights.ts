/** A checkpoint of a call, and the architecture that it is of: the one that was named, or the only one that fits. */
import { resolve } from 'node:path';
import type { Architecture, ImageArchitecture } from '../architectures/architecture.js';
import { fittingArchitectures } from '../architectures/fit.js';
import { architectureOf } from '../architectures/index.js';
import type { Checkpoint } from '../core/checkpoint.js';
import { PipelineError } from '../core/errors.js';
import { openCheckpoint } from '../formats/checkpoint/index.js';
import type { Invocation } from './invocation.js';
import { textOption } from './option-values.js';

export function openWeights({ args, io, options }: Invocation): Checkpoint {
  const mapping = textOption(options, 'mapping');
  return openCheckpoint(resolve(io.cwd, args[0] as string), mapping === undefined ? {} : { mapping });
}

export function architectureFor(checkpoint: Checkpoint, { options }: Invocation): Architecture {
  const named = textOption(options, 'architecture');
  if (named !== undefined) return architectureOf(named);
  const fitting = fittingArchitectures(checkpoint);
  const [first, second] = fitting;
  if (first !== undefined && second === undefined) return first;
  throw new PipelineError('E_WEIGHTS', `'${checkpoint.label}' fits ${first === undefined ? 'no' : 'more than one'} built-in architecture`, {
    facts: { expected: 'one architecture', found: first === undefined ? `${checkpoint.entries.size} tensors: ${[...checkpoint.entries.keys()].slice(0, 3).join(', ')}, …` : fitting.map(({ id }) => id).join(', ') },
    hint: first === undefined ? 'Bring the model as an ONNX file, or name the architecture with --architecture to see what differs.' : 'Name one with --architecture.',
  });
}

/** Errors: E_USAGE for a side that the architecture cannot be built for. */
export function checkSize({ id, sizes: { step, least } }: ImageArchitecture, size: number): void {
  if (size >= least && size % step === 0) return;
  throw new PipelineError('E_USAGE', `"${id}" cannot be built for ${size} pixels`, { facts: { expected: `${step === 1 ? '' : `a multiple of ${step}, `}${least} or more`, found: size }, hint: 'Choose another --size.' });
}
