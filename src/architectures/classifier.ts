/** The head that AlexNet and VGG share: two linear layers of 4096 units with ReLU, and the classes. Dropout does nothing at inference and is left out. */
import type { Value } from '../graph/ir.js';
import type { ArchitectureLayer } from './architecture.js';
import type { Network } from './network.js';

const WIDTH = 4096;
/** place of the classes within `classifier`, in both */
const LAST = 6;

/** Place of the first linear layer: VGG begins with it, AlexNet has dropout before each. */
export type First = 0 | 1;

export const classifierLayers = (first: First): readonly ArchitectureLayer[] => [first + 1, first + 4, LAST].map((at) => ({ name: `classifier.${at}`, layout: 'vector' }));

/** @returns the last value there is: `x` itself for a checkpoint without a classifier */
export function classifier(net: Network, x: Value, first: First): Value {
  if (net.classes(`classifier.${first}`) === undefined) return x;
  const one = net.relu(net.linear(x, `classifier.${first}`, WIDTH), `classifier.${first + 1}`);
  const two = net.relu(net.linear(one, `classifier.${first + 3}`, WIDTH), `classifier.${first + 4}`);
  const classes = net.classes(`classifier.${LAST}`);
  return classes === undefined ? two : net.linear(two, `classifier.${LAST}`, classes);
}
