/**
 * ResNet-18, -34, -50 and -101 as torchvision publishes them (the stride of a bottleneck in its 3×3 convolution). Values are named as torch.fx names
 * them: `layer4.2.relu`, `layer4.2.relu_1` for the second use of the same module; a block's last value is also reached as `layer4.2`.
 */
import type { Value } from '../graph/ir.js';
import type { Dialect, ImageArchitecture } from './architecture.js';
import { isCounter, renaming } from './dialects.js';
import { IMAGENET_PREPROCESSING } from './imagenet.js';
import { kaimingConvolutions, layerDefaults } from './initial-weights.js';
import { Network } from './network.js';

interface Setting {
  readonly depth: number;
  readonly block: 'basic' | 'bottleneck';
  /** blocks of each of the four layers */
  readonly blocks: readonly [number, number, number, number];
}

/** @source He et al. 2016, table 1 */
const SETTINGS: readonly Setting[] = [
  { depth: 18, block: 'basic', blocks: [2, 2, 2, 2] },
  { depth: 34, block: 'basic', blocks: [3, 4, 6, 3] },
  { depth: 50, block: 'bottleneck', blocks: [3, 4, 6, 3] },
  { depth: 101, block: 'bottleneck', blocks: [3, 4, 23, 3] },
];
const STEM = 64;
/** outputs of a bottleneck per channel within it */
const EXPANSION = 4;

/** @source transformers, ResNetForImageClassification */
const huggingFace: Dialect = renaming('Hugging Face', 'resnet.embedder.embedder.convolution.weight', [
  [/^conv1\./, 'resnet.embedder.embedder.convolution.'],
  [/^bn1\./, 'resnet.embedder.embedder.normalization.'],
  ...[1, 2, 3, 4].flatMap((layer): [RegExp, string][] => [
    ...[1, 2, 3].flatMap((n): [RegExp, string][] => [
      [new RegExp(`^layer${layer}\\.(\\d+)\\.conv${n}\\.`), `resnet.encoder.stages.${layer - 1}.layers.$1.layer.${n - 1}.convolution.`],
      [new RegExp(`^layer${layer}\\.(\\d+)\\.bn${n}\\.`), `resnet.encoder.stages.${layer - 1}.layers.$1.layer.${n - 1}.normalization.`],
    ]),
    [new RegExp(`^layer${layer}\\.(\\d+)\\.downsample\\.0\\.`), `resnet.encoder.stages.${layer - 1}.layers.$1.shortcut.convolution.`],
    [new RegExp(`^layer${layer}\\.(\\d+)\\.downsample\\.1\\.`), `resnet.encoder.stages.${layer - 1}.layers.$1.shortcut.normalization.`],
  ]),
  [/^fc\./, 'classifier.1.'],
]);

function resnet({ depth, block, blocks }: Setting): ImageArchitecture {
  const last = block === 'basic' ? 'relu_1' : 'relu_2';
  return {
    kind: 'image',
    id: `resnet${depth}`,
    title: `ResNet-${depth}`,
    source: `He et al. 2016, arXiv 1512.03385; torchvision.models.resnet${depth}`,
    checkpoints: [`torchvision resnet${depth}-*.pth`, `timm resnet${depth}.* (.safetensors)`, `Hugging Face microsoft/resnet-${depth}`],
    dialects: [huggingFace],
    ignores: isCounter,
    layers: [
      { name: 'relu', layout: 'map' },
      { name: 'maxpool', layout: 'map' },
      ...blocks.flatMap((count, layer) => Array.from({ length: count }, (_, i) => ({ name: `layer${layer + 1}.${i}.${last}`, layout: 'map' as const }))),
      { name: 'avgpool', layout: 'map' },
      { name: 'fc', layout: 'vector' },
    ],
    preprocessing: IMAGENET_PREPROCESSING,
    sizes: { step: 1, least: 32 },
    initial: (name, shape, fanIn) => kaimingConvolutions(name, shape) ?? layerDefaults(name, shape, fanIn),
    build(weights, { batch, size }) {
      const net = new Network(weights, batch, size);
      const stem = net.relu(net.batchNorm(net.conv(net.image, 'conv1', STEM, { kernel: 7, stride: 2, pads: 3, bias: false }), 'bn1'), 'relu');
      let x = net.maxPool(stem, 'maxpool', 3, 2, 1);
      blocks.forEach((count, layer) => {
        const channels = STEM * 2 ** layer;
        for (let i = 0; i < count; i += 1) {
          const stride = i === 0 && layer > 0 ? 2 : 1;
          x = (block === 'basic' ? basicBlock : bottleneck)(net, x, `layer${layer + 1}.${i}`, channels, stride);
        }
      });
      const flat = net.flatten(net.globalAveragePool(x, 'avgpool'), 'flatten');
      const classes = net.classes('fc');
      const end = classes === undefined ? flat : net.linear(flat, 'fc', classes);
      net.b.output(end.name, end);
      return net.b.build();
    },
  };
}

function basicBlock(net: Network, x: Value, path: string, channels: number, stride: number): Value {
  const one = net.relu(convNorm(net, x, path, 1, channels, { kernel: 3, stride, pads: 1 }), `${path}.relu`);
  const two = convNorm(net, one, path, 2, channels, { kernel: 3, pads: 1 });
  return net.relu(net.add(two, shortcut(net, x, path, channels, stride), `${path}.add`), `${path}.relu_1`, path);
}

function bottleneck(net: Network, x: Value, path: string, channels: number, stride: number): Value {
  const one = net.relu(convNorm(net, x, path, 1, channels, { kernel: 1 }), `${path}.relu`);
  const two = net.relu(convNorm(net, one, path, 2, channels, { kernel: 3, stride, pads: 1 }), `${path}.relu_1`);
  const three = convNorm(net, two, path, 3, channels * EXPANSION, { kernel: 1 });
  return net.relu(net.add(three, shortcut(net, x, path, channels * EXPANSION, stride), `${path}.add`), `${path}.relu_2`, path);
}

function convNorm(net: Network, x: Value, path: string, n: number, channels: number, setting: { kernel: number; stride?: number; pads?: number }): Value {
  return net.batchNorm(net.conv(x, `${path}.conv${n}`, channels, { ...setting, bias: false }), `${path}.bn${n}`);
}

/** The input itself where it has the shape of the output. */
function shortcut(net: Network, x: Value, path: string, channels: number, stride: number): Value {
  if (stride === 1 && x.shape[1] === channels) return x;
  return net.batchNorm(net.conv(x, `${path}.downsample.0`, channels, { kernel: 1, stride, bias: false }), `${path}.downsample.1`);
}

export const RESNETS: readonly ImageArchitecture[] = SETTINGS.map(resnet);
