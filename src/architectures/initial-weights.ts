/**
 * Weights of an untrained network, drawn as its authors draw them before training: the baseline that says what the architecture alone can do.
 * Each parameter has a stream of its own, so the numbers do not depend on the order in which they are asked for.
 */
import type { Random } from '../core/random.js';
import { tensor, type Shape } from '../core/tensor.js';
import type { Architecture, Initialisation, Weights } from './architecture.js';

const constant = (value: number): Initialisation => ({ kind: 'constant', value });

/** inputs that one output of a weight [out, in, …] sums over */
const fanInOf = (shape: Shape): number => shape.slice(1).reduce((product, extent) => product * extent, 1);

/** U(±1/√fan_in) for weights of convolutions and linear layers and for their biases; normalisations start as the identity. @source torch.nn, reset_parameters */
export function layerDefaults(name: string, shape: Shape, fanIn: number): Initialisation {
  if (shape.length > 1 || (name.endsWith('.bias') && fanIn > 1)) return { kind: 'uniform', bound: 1 / Math.sqrt(fanIn) };
  return constant(/(weight|running_var|gamma|layer_scale)$/.test(name) ? 1 : 0);
}

/** Convolutions N(0, 2/fan_out), fan_out = outputs × kernel area; biases 0. @source He et al. 2015; torchvision.models.resnet, .vgg */
export function kaimingConvolutions(name: string, shape: Shape): Initialisation | undefined {
  if (shape.length !== 4) return undefined;
  return { kind: 'normal', sd: Math.sqrt(2 / ((shape[0] as number) * (shape[2] as number) * (shape[3] as number))) };
}

/** `take` must be asked for a weight before the bias beside it, as `build` does. */
export function initialWeights(architecture: Architecture, random: Random): Weights {
  const fans = new Map<string, number>();
  return {
    take(name, shape) {
      const owner = name.replace(/\.[^.]+$/, '');
      if (name.endsWith('weight') && shape.length > 1) fans.set(owner, fanInOf(shape));
      const fanIn = shape.length > 1 ? fanInOf(shape) : (fans.get(owner) ?? 1);
      const rule = architecture.initial?.(name, shape, fanIn) ?? layerDefaults(name, shape, fanIn);
      const drawn = tensor('float32', shape);
      draw(rule, drawn.data, random.fork(name));
      return drawn;
    },
  };
}

function draw(rule: Initialisation, into: Float32Array, random: Random): void {
  switch (rule.kind) {
    case 'normal':
      random.addNormals(into, 0, into.length, rule.sd);
      return;
    case 'uniform':
      for (let i = 0; i < into.length; i += 1) into[i] = random.uniform(-rule.bound, rule.bound);
      return;
    case 'constant':
      into.fill(rule.value);
  }
}
