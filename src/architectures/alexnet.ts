/** AlexNet in one tower, as torchvision publishes it. */
import { adaptiveAveragePool } from './adaptive-pool.js';
import type { ImageArchitecture } from './architecture.js';
import { classifier, classifierLayers } from './classifier.js';
import { IMAGENET_PREPROCESSING } from './imagenet.js';
import { Network } from './network.js';

/** side of the map that the classifier takes */
const GRID = 6;
/** Index within `features`: convolutions with their ReLU behind, and the pools. */
const CONVOLUTIONS = [
  { at: 0, channels: 64, setting: { kernel: 11, stride: 4, pads: 2 }, pool: true },
  { at: 3, channels: 192, setting: { kernel: 5, pads: 2 }, pool: true },
  { at: 6, channels: 384, setting: { kernel: 3, pads: 1 }, pool: false },
  { at: 8, channels: 256, setting: { kernel: 3, pads: 1 }, pool: false },
  { at: 10, channels: 256, setting: { kernel: 3, pads: 1 }, pool: true },
] as const;

export const alexnet: ImageArchitecture = {
  kind: 'image',
  id: 'alexnet',
  title: 'AlexNet',
  source: 'Krizhevsky 2014, arXiv 1404.5997; torchvision.models.alexnet',
  checkpoints: ['torchvision alexnet-owt-*.pth'],
  dialects: [],
  ignores: () => false,
  layers: [
    ...CONVOLUTIONS.flatMap(({ at, pool }) => (pool ? [at + 1, at + 2] : [at + 1])).map((at) => ({ name: `features.${at}`, layout: 'map' as const })),
    ...classifierLayers(1),
  ],
  preprocessing: IMAGENET_PREPROCESSING,
  sizes: { step: 1, least: 63 },
  build(weights, { batch, size }) {
    const net = new Network(weights, batch, size);
    let x = net.image;
    for (const { at, channels, setting, pool } of CONVOLUTIONS) {
      x = net.relu(net.conv(x, `features.${at}`, channels, setting), `features.${at + 1}`);
      if (pool) x = net.maxPool(x, `features.${at + 2}`, 3, 2);
    }
    const last = classifier(net, net.flatten(adaptiveAveragePool(net, x, GRID, 'avgpool'), 'flatten'), 1);
    net.b.output(last.name, last);
    return net.b.build();
  },
};
