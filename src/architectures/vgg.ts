/** VGG with 11, 13, 16 and 19 layers, with and without batch normalisation, as torchvision publishes them. */
import { adaptiveAveragePool } from './adaptive-pool.js';
import type { ImageArchitecture } from './architecture.js';
import { classifier, classifierLayers } from './classifier.js';
import { isCounter } from './dialects.js';
import { IMAGENET_PREPROCESSING } from './imagenet.js';
import { kaimingConvolutions } from './initial-weights.js';
import { Network } from './network.js';

/** channels of the convolutions of each stage; a 2×2 pool ends it. @source Simonyan & Zisserman 2015, table 1 (A, B, D, E) */
const STAGES = {
  11: [[64], [128], [256, 256], [512, 512], [512, 512]],
  13: [[64, 64], [128, 128], [256, 256], [512, 512], [512, 512]],
  16: [[64, 64], [128, 128], [256, 256, 256], [512, 512, 512], [512, 512, 512]],
  19: [[64, 64], [128, 128], [256, 256, 256, 256], [512, 512, 512, 512], [512, 512, 512, 512]],
} as const;
type Depth = keyof typeof STAGES;

/** side of the map that the classifier takes */
const GRID = 7;
/** @source torchvision.models.vgg */
const LINEAR_SD = 0.01;

/** Modules of `features` in order: place, and channels of a convolution. */
interface Module {
  readonly kind: 'conv' | 'norm' | 'relu' | 'pool';
  readonly at: number;
  readonly channels: number;
}

function modulesOf(depth: Depth, batchNorm: boolean): Module[] {
  const kinds = STAGES[depth].flatMap((stage) => [
    ...stage.flatMap((channels) => (batchNorm ? (['conv', 'norm', 'relu'] as const) : (['conv', 'relu'] as const)).map((kind) => ({ kind, channels }))),
    { kind: 'pool' as const, channels: 0 },
  ]);
  return kinds.map((module, at) => ({ ...module, at }));
}

function vgg(depth: Depth, batchNorm: boolean): ImageArchitecture {
  const modules = modulesOf(depth, batchNorm);
  const id = `vgg${depth}${batchNorm ? '_bn' : ''}`;
  return {
    kind: 'image',
    id,
    title: `VGG-${depth}${batchNorm ? ' with batch normalisation' : ''}`,
    source: `Simonyan & Zisserman 2015, arXiv 1409.1556; torchvision.models.${id}`,
    checkpoints: [`torchvision ${id}-*.pth`],
    dialects: [],
    ignores: isCounter,
    layers: [
      ...modules.filter(({ kind }) => kind === 'relu' || kind === 'pool').map(({ at }) => ({ name: `features.${at}`, layout: 'map' as const })),
      ...classifierLayers(0),
    ],
    preprocessing: IMAGENET_PREPROCESSING,
    sizes: { step: 1, least: 32 },
    initial(name, shape) {
      if (shape.length === 2) return { kind: 'normal', sd: LINEAR_SD };
      return kaimingConvolutions(name, shape) ?? { kind: 'constant', value: /(weight|running_var)$/.test(name) ? 1 : 0 };
    },
    build(weights, { batch, size }) {
      const net = new Network(weights, batch, size);
      let x = net.image;
      for (const { kind, at, channels } of modules) {
        const path = `features.${at}`;
        if (kind === 'conv') x = net.conv(x, path, channels, { kernel: 3, pads: 1 });
        else if (kind === 'norm') x = net.batchNorm(x, path);
        else if (kind === 'relu') x = net.relu(x, path);
        else x = net.maxPool(x, path, 2);
      }
      const last = classifier(net, net.flatten(adaptiveAveragePool(net, x, GRID, 'avgpool'), 'flatten'), 0);
      net.b.output(last.name, last);
      return net.b.build();
    },
  };
}

const DEPTHS: readonly Depth[] = [11, 13, 16, 19];

export const VGGS: readonly ImageArchitecture[] = DEPTHS.flatMap((depth) => [vgg(depth, false), vgg(depth, true)]);
