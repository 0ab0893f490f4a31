/**
 * The convolutional image towers of CLIP, as OpenAI published them: a stem of three convolutions, bottlenecks whose stride is an average pool before
 * the convolution, and an attention pool. Values carry the names of the published state dict (`visual.layer4.5.relu3`) and are reached without
 * `visual.` too.
 *
 * The attention pool has a learned position for every pixel of the last map. Neither OpenAI nor open_clip says what it would be on another grid, so
 * at other sizes than the published one the tower ends behind `visual.layer4`.
 */
import type { Value } from '../graph/ir.js';
import { concat, matMul, mul, slice, softmax, transpose } from '../graph/layers.js';
import type { ImageArchitecture, Initialisation } from './architecture.js';
import { isCounter } from './dialects.js';
import { layerDefaults } from './initial-weights.js';
import { Network } from './network.js';

export interface ClipResnetSetting {
  readonly name: string;
  readonly blocks: readonly [number, number, number, number];
  readonly width: number;
  /** length of the embedding */
  readonly embedding: number;
  /** published side of the input, pixels */
  readonly size: number;
}

const EXPANSION = 4;
/** channels of one head. @source CLIP: heads = width · 32 / 64 */
const HEAD = 64;
/** pixels of the input that one pixel of the last map stands for */
const STRIDE = 32;
const PREFIX = 'visual.';

export function clipResnet({ name, blocks, width, embedding, size: published }: ClipResnetSetting): ImageArchitecture {
  return {
    kind: 'image',
    id: `clip-${name.toLowerCase()}`,
    title: `CLIP ${name}, image tower`,
    source: `Radford et al. 2021, arXiv 2103.00020; OpenAI CLIP ${name} (open_clip ${name})`,
    checkpoints: [`OpenAI ${name}.pt (TorchScript)`, `open_clip ${name} (.pt, .safetensors)`],
    dialects: [],
    // the other tower; and the attention pool, where the size leaves it out
    ignores: (key) => !key.startsWith(PREFIX) || isCounter(key) || key.startsWith(`${PREFIX}attnpool.`),
    layers: [
      ...['relu1', 'relu2', 'relu3', 'avgpool'].map((layer) => ({ name: `${PREFIX}${layer}`, layout: 'map' as const })),
      ...blocks.flatMap((count, layer) => Array.from({ length: count }, (_, i) => ({ name: `${PREFIX}layer${layer + 1}.${i}.relu3`, layout: 'map' as const }))),
      { name: `${PREFIX}attnpool`, layout: 'vector' },
    ],
    // @source CLIP, clip.py (_transform): bicubic, then these
    preprocessing: { size: published, mean: [0.48145466, 0.4578275, 0.40821073], std: [0.26862954, 0.26130258, 0.27577711], interpolation: 'bicubic' },
    sizes: { step: STRIDE, least: STRIDE },
    initial,
    build(weights, { batch, size }) {
      const net = new Network(weights, batch, size, PREFIX);
      const half = width / 2;
      const one = net.relu(convNorm(net, net.image, '', 1, half, { kernel: 3, stride: 2, pads: 1 }), 'relu1');
      const two = net.relu(convNorm(net, one, '', 2, half, { kernel: 3, pads: 1 }), 'relu2');
      const three = net.relu(convNorm(net, two, '', 3, width, { kernel: 3, pads: 1 }), 'relu3');
      let x = net.averagePool(three, 'avgpool', 2);
      blocks.forEach((count, layer) => {
        for (let i = 0; i < count; i += 1) x = bottleneck(net, x, `layer${layer + 1}.${i}.`, width * 2 ** layer, i === 0 && layer > 0 ? 2 : 1);
      });
      const last = size === published ? attentionPool(net, x, embedding) : x;
      net.b.output(last.name, last);
      return net.b.build();
    },
  };
}

/** PyTorch's defaults, but each residual branch starts at 0 and the attention pool at N(0, 1/channels). @source open_clip, ModifiedResNet.init_parameters */
function initial(name: string, shape: readonly number[], fanIn: number): Initialisation {
  if (/\.layer\d\.\d+\.bn3\.weight$/.test(name)) return { kind: 'constant', value: 0 };
  if (name.includes('.attnpool.') && shape.length === 2) return { kind: 'normal', sd: 1 / Math.sqrt(shape[1] as number) };
  return layerDefaults(name, shape, fanIn);
}

/** @param path of the owner, with its dot */
function convNorm(net: Network, x: Value, path: string, n: number, channels: number, setting: { kernel: number; stride?: number; pads?: number }): Value {
  return net.batchNorm(net.conv(x, `${path}conv${n}`, channels, { ...setting, bias: false }), `${path}bn${n}`);
}

function bottleneck(net: Network, x: Value, path: string, channels: number, stride: number): Value {
  const one = net.relu(convNorm(net, x, path, 1, channels, { kernel: 1 }), `${path}relu1`);
  const two = net.relu(convNorm(net, one, path, 2, channels, { kernel: 3, pads: 1 }), `${path}relu2`);
  const pooled = stride === 1 ? two : net.averagePool(two, `${path}avgpool`, stride);
  const three = convNorm(net, pooled, path, 3, channels * EXPANSION, { kernel: 1 });
  return net.relu(net.add(three, shortcut(net, x, path, channels * EXPANSION, stride), `${path}add`), `${path}relu3`);
}

function shortcut(net: Network, x: Value, path: string, channels: number, stride: number): Value {
  if (stride === 1 && x.shape[1] === channels) return x;
  const pooled = stride === 1 ? x : net.averagePool(x, `${path}downsample.-1`, stride);
  return net.batchNorm(net.conv(pooled, `${path}downsample.0`, channels, { kernel: 1, bias: false }), `${path}downsample.1`);
}

/**
 * Multi-head attention of one query, the mean over the map, to that mean and every pixel.
 * @shape x float32 [batch, channel, height, width] to [batch, embedding]
 */
function attentionPool(net: Network, x: Value, embedding: number): Value {
  const { b } = net;
  const [, channels, height, width] = x.shape as readonly [number, number, number, number];
  const pixels = height * width;
  const heads = channels / HEAD;
  const mean = net.reshape(b.op('GlobalAveragePool', [x]), [-1, channels, 1]);
  const tokens = transpose(b, concat(b, [mean, net.reshape(x, [-1, channels, pixels])], 2), [0, 2, 1]);
  const placed = net.addParameter(tokens, 'attnpool.positional_embedding', [pixels + 1, channels]);
  const query = net.linear(net.reshape(slice(b, placed, [0], [1], [1]), [-1, channels]), 'attnpool.q_proj', channels);
  const byHead = (y: Value, rows: number, order: readonly number[]): Value => transpose(b, net.reshape(y, [-1, rows, heads, HEAD]), order);
  const keys = byHead(net.linearLast(placed, 'attnpool.k_proj', channels), pixels + 1, [0, 2, 3, 1]);
  const values = byHead(net.linearLast(placed, 'attnpool.v_proj', channels), pixels + 1, [0, 2, 1, 3]);
  const scaled = mul(b, net.reshape(query, [-1, heads, 1, HEAD]), 1 / Math.sqrt(HEAD));
  const attended = matMul(b, softmax(b, matMul(b, scaled, keys), -1), values);
  const joined = net.reshape(attended, [-1, channels]);
  return net.linear(joined, 'attnpool.c_proj', embedding, 'attnpool');
}

export const CLIP_RESNETS: readonly ImageArchitecture[] = [
  clipResnet({ name: 'RN50', blocks: [3, 4, 6, 3], width: 64, embedding: 1024, size: 224 }),
  clipResnet({ name: 'RN50x4', blocks: [4, 6, 10, 6], width: 80, embedding: 640, size: 288 }),
];
