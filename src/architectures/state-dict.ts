/**
 * Weights from a checkpoint, checked as `torch.nn.Module.load_state_dict(strict=True)` does: every parameter that the network asks for must be there
 * with its shape, and nothing may be left over that the architecture does not expect. The dialect of the checkpoint is found by its keys.
 */
import type { Checkpoint } from '../core/checkpoint.js';
import { PipelineError } from '../core/errors.js';
import type { Shape, Tensor } from '../core/tensor.js';
import { tensor } from '../core/tensor.js';
import type { Graph } from '../graph/ir.js';
import type { Architecture, Dialect, Weights } from './architecture.js';
import { nearest } from '../graph/names.js';

/** so many names are listed in a message */
const LISTED = 5;
/** a prefix that data-parallel training puts before every name. @source torch.nn.DataParallel */
const PARALLEL = 'module.';

/** Names without the prefix of data-parallel training, and the prefix. */
function namesIn(checkpoint: Checkpoint): { readonly names: ReadonlySet<string>; readonly prefix: string } {
  const stored = [...checkpoint.entries.keys()];
  const prefix = stored.every((name) => name.startsWith(PARALLEL)) ? PARALLEL : '';
  return { names: new Set(stored.map((name) => name.slice(prefix.length))), prefix };
}

/** Whose names a checkpoint has; undefined: the original's own, or nobody's that is known. */
export function dialectOf(architecture: Architecture, checkpoint: Checkpoint): Dialect | undefined {
  const { names } = namesIn(checkpoint);
  return architecture.dialects.find((candidate) => candidate.matches(names));
}

/** The graph with the weights of a checkpoint. Errors: E_WEIGHTS for a missing, misshapen or unexpected parameter. */
export function buildFromCheckpoint<A extends Architecture>(architecture: A, checkpoint: Checkpoint, options: Parameters<A['build']>[1]): Graph {
  const taken = new Set<string>();
  const { names, prefix } = namesIn(checkpoint);
  const stored: Weights = {
    take(name, shape) {
      const entry = checkpoint.entries.get(prefix + name);
      if (entry === undefined) throw missing(architecture, checkpoint, name, names);
      if (entry.shape.join() !== shape.join()) throw misshapen(architecture, checkpoint, name, shape, entry.shape);
      taken.add(name);
      return checkpoint.read(prefix + name);
    },
    shapeOf: (name) => checkpoint.entries.get(prefix + name)?.shape,
  };
  const dialect = dialectOf(architecture, checkpoint);
  const build = architecture.build as (weights: Weights, given: Parameters<A['build']>[1]) => Graph;
  const graph = build.call(architecture, dialect === undefined ? stored : dialect.translate(stored), options);
  const left = [...names].filter((name) => !taken.has(name) && !architecture.ignores(name));
  if (left.length > 0) {
    throw new PipelineError('E_WEIGHTS', `'${checkpoint.label}' holds weights that ${architecture.title} does not have`, {
      facts: { expected: `the weights of '${architecture.id}'`, found: `${left.length} more: ${left.slice(0, LISTED).join(', ')}${left.length > LISTED ? ', …' : ''}` },
      hint: 'Name the architecture that the checkpoint was made for; `pipeline backbone inspect FILE` says which it fits.',
    });
  }
  return graph;
}

export interface Parameter {
  readonly name: string;
  readonly shape: Shape;
}

/** What `build` asks for, in its order. */
export function parametersOf(architecture: Architecture): readonly Parameter[] {
  const parameters: Parameter[] = [];
  const recorder: Weights = {
    take(name, shape): Tensor<'float32'> {
      parameters.push({ name, shape });
      return tensor('float32', shape);
    },
  };
  if (architecture.kind === 'image') architecture.build(recorder, { batch: 1, size: architecture.preprocessing.size });
  else architecture.build(recorder, { batch: 1 });
  return parameters;
}

function missing(architecture: Architecture, checkpoint: Checkpoint, name: string, names: ReadonlySet<string>): PipelineError {
  return new PipelineError('E_WEIGHTS', `'${checkpoint.label}' lacks the weight '${name}' of ${architecture.title}`, {
    facts: { expected: name, found: `${names.size} weights, nearest ${nearest(name, names)}` },
    hint: 'Name the architecture that the checkpoint was made for; `pipeline backbone inspect FILE` says which it fits.',
  });
}

function misshapen(architecture: Architecture, checkpoint: Checkpoint, name: string, expected: Shape, found: Shape): PipelineError {
  return new PipelineError('E_WEIGHTS', `the weight '${name}' in '${checkpoint.label}' has another shape than in ${architecture.title}`, {
    facts: { expected: `[${expected.join(', ')}]`, found: `[${found.join(', ')}]` },
    hint: 'Name the architecture that the checkpoint was made for; `pipeline backbone inspect FILE` says which it fits.',
  });
}
