/**
 * ConvNeXt-Tiny as torchvision publishes it. A block: depthwise 7×7 convolution, layer normalisation over channels, two linear layers with GELU
 * between them, a gain per channel, and the sum with the input. Stochastic depth does nothing at inference and is left out.
 */
import type { Value } from '../graph/ir.js';
import { add, div, mul, transpose } from '../graph/layers.js';
import type { Dialect, ImageArchitecture } from './architecture.js';
import { renaming } from './dialects.js';
import { IMAGENET_PREPROCESSING } from './imagenet.js';
import { Network } from './network.js';

interface Stage {
  readonly blocks: number;
  readonly channels: number;
}
/** @source Liu et al. 2022, section 2 */
const STAGES: readonly Stage[] = [{ blocks: 3, channels: 96 }, { blocks: 3, channels: 192 }, { blocks: 9, channels: 384 }, { blocks: 3, channels: 768 }];
/** widening between the two linear layers of a block */
const EXPANSION = 4;
/** @source torchvision.models.convnext */
const EPSILON = 1e-6;
const WEIGHT_SD = 0.02;
const INITIAL_SCALE = 1e-6;

/** Module of `features` with the blocks of stage s; the one before it (s > 0) halves the map. */
const blocksAt = (stage: number): number => 2 * stage + 1;

/** The parts of a block under another library's names: gain, convolution, normalisation, the two linear layers. */
interface BlockNames {
  /** `$1` is the block */
  readonly block: (stage: number) => string;
  readonly downsampling: (stage: number) => string;
  readonly gain: string;
  readonly conv: string;
  readonly norm: string;
  readonly first: string;
  readonly second: string;
}

function blockRules(names: BlockNames): [RegExp, string][] {
  return STAGES.flatMap((_, stage): [RegExp, string][] => {
    const at = blocksAt(stage);
    const rule = (mine: string, theirs: string): [RegExp, string] => [new RegExp(`^features\\.${at}\\.(\\d+)\\.${mine.replaceAll('.', '\\.')}`), `${names.block(stage)}.${theirs}`];
    const within = [rule('layer_scale', names.gain), rule('block.0.', `${names.conv}.`), rule('block.2.', `${names.norm}.`), rule('block.3.', `${names.first}.`), rule('block.5.', `${names.second}.`)];
    return stage === 0 ? within : [[new RegExp(`^features\\.${at - 1}\\.([01])\\.`), `${names.downsampling(stage)}.$1.`], ...within];
  });
}

/** @source timm, convnext_tiny.* */
const timm: Dialect = renaming('timm', 'stem.0.weight', [
  [/^features\.0\.([01])\./, 'stem.$1.'],
  ...blockRules({ block: (stage) => `stages.${stage}.blocks.$1`, downsampling: (stage) => `stages.${stage}.downsample`, gain: 'gamma', conv: 'conv_dw', norm: 'norm', first: 'mlp.fc1', second: 'mlp.fc2' }),
  [/^classifier\.0\./, 'head.norm.'],
  [/^classifier\.2\./, 'head.fc.'],
]);

/** @source transformers, ConvNextForImageClassification */
const huggingFace: Dialect = renaming('Hugging Face', 'convnext.embeddings.patch_embeddings.weight', [
  [/^features\.0\.0\./, 'convnext.embeddings.patch_embeddings.'],
  [/^features\.0\.1\./, 'convnext.embeddings.layernorm.'],
  ...blockRules({ block: (stage) => `convnext.encoder.stages.${stage}.layers.$1`, downsampling: (stage) => `convnext.encoder.stages.${stage}.downsampling_layer`, gain: 'layer_scale_parameter', conv: 'dwconv', norm: 'layernorm', first: 'pwconv1', second: 'pwconv2' }),
  [/^classifier\.0\./, 'convnext.layernorm.'],
  [/^classifier\.2\./, 'classifier.'],
]);

export const convnextTiny: ImageArchitecture = {
  kind: 'image',
  id: 'convnext_tiny',
  title: 'ConvNeXt-Tiny',
  source: 'Liu et al. 2022, arXiv 2201.03545; torchvision.models.convnext_tiny',
  checkpoints: ['torchvision convnext_tiny-*.pth', 'timm convnext_tiny.* (.safetensors)', 'Hugging Face facebook/convnext-tiny-224'],
  dialects: [timm, huggingFace],
  ignores: () => false,
  layers: [
    { name: 'features.0', layout: 'map' },
    ...STAGES.flatMap(({ blocks }, stage) => [
      ...(stage === 0 ? [] : [{ name: `features.${blocksAt(stage) - 1}.1`, layout: 'map' as const }]),
      ...Array.from({ length: blocks }, (_, i) => ({ name: `features.${blocksAt(stage)}.${i}.add`, layout: 'map' as const })),
    ]),
    { name: 'avgpool', layout: 'map' },
    { name: 'classifier.1', layout: 'vector' },
    { name: 'classifier.2', layout: 'vector' },
  ],
  preprocessing: IMAGENET_PREPROCESSING,
  sizes: { step: 1, least: 32 },
  initial(name, shape) {
    if (name.endsWith('layer_scale')) return { kind: 'constant', value: INITIAL_SCALE };
    if (shape.length > 1) return { kind: 'normal', sd: WEIGHT_SD };
    return { kind: 'constant', value: name.endsWith('weight') ? 1 : 0 };
  },
  build(weights, { batch, size }) {
    const net = new Network(weights, batch, size);
    const [first] = STAGES as readonly [Stage];
    let x = normaliseMap(net, net.conv(net.image, 'features.0.0', first.channels, { kernel: 4, stride: 4 }), 'features.0.1', 'features.0');
    STAGES.forEach(({ blocks, channels }, stage) => {
      const at = blocksAt(stage);
      if (stage > 0) x = net.conv(normaliseMap(net, x, `features.${at - 1}.0`), `features.${at - 1}.1`, channels, { kernel: 2, stride: 2 });
      for (let i = 0; i < blocks; i += 1) x = block(net, x, `features.${at}.${i}`);
    });
    const pooled = net.globalAveragePool(x, 'avgpool');
    const normalised = layerNorm(net, net.flatten(pooled, 'flatten'), 'classifier.0', 'classifier.1');
    const classes = net.classes('classifier.2');
    const last = classes === undefined ? normalised : net.linear(normalised, 'classifier.2', classes);
    net.b.output(last.name, last);
    return net.b.build();
  },
};

function block(net: Network, x: Value, path: string): Value {
  const channels = x.shape[1] as number;
  const mixed = net.conv(x, `${path}.block.0`, channels, { kernel: 7, pads: 3, group: channels });
  const rows = layerNorm(net, transpose(net.b, mixed, TO_LAST, `${path}.block.1`), `${path}.block.2`);
  const wide = gelu(net, net.linearLast(rows, `${path}.block.3`, EXPANSION * channels), `${path}.block.4`);
  const narrow = net.linearLast(wide, `${path}.block.5`, channels);
  const back = transpose(net.b, narrow, TO_FIRST, `${path}.block.6`);
  const scaled = mul(net.b, back, net.parameter(`${path}.layer_scale`, [channels, 1, 1]), `${path}.mul`);
  return net.layer('Add', [scaled, x], {}, `${path}.add`, path);
}

const TO_LAST = [0, 2, 3, 1] as const;
const TO_FIRST = [0, 3, 1, 2] as const;

/** torchvision's LayerNorm2d: over the channels of each pixel of a map. */
function normaliseMap(net: Network, x: Value, path: string, name = path): Value {
  const normal = layerNorm(net, transpose(net.b, x, TO_LAST), path, `${path}.layer_norm`);
  return transpose(net.b, normal, TO_FIRST, name);
}

/** Over the last axis. */
function layerNorm(net: Network, x: Value, path: string, name = path): Value {
  const channels = x.shape.at(-1) as number;
  return net.layer('LayerNormalization', [x, net.parameter(`${path}.weight`, [channels]), net.parameter(`${path}.bias`, [channels])], { axis: -1, epsilon: EPSILON }, name);
}

/** x/2 · (1 + erf(x/√2)), exact. */
function gelu(net: Network, x: Value, path: string): Value {
  const { b } = net;
  const gate = add(b, b.op('Erf', [div(b, x, Math.SQRT2)]), 1);
  return mul(b, mul(b, x, gate), 0.5, path);
}
