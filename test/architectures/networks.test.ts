/**
 * The built-in convolutional networks against the libraries that published them: layers and image gradients, names and shapes of the weights, other
 * libraries' checkpoints. `npm run test:architectures` adds the large cases.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import type { ImageArchitecture } from '../../src/architectures/architecture.js';
import { clipResnet } from '../../src/architectures/clip-resnet.js';
import { ARCHITECTURES, architectureOf } from '../../src/architectures/index.js';
import { initialWeights } from '../../src/architectures/initial-weights.js';
import { buildFromCheckpoint, parametersOf } from '../../src/architectures/state-dict.js';
import { Random } from '../../src/core/random.js';
import type { Shape } from '../../src/core/tensor.js';
import { decodeModel } from '../../src/graph/decode.js';
import { encodeModel } from '../../src/graph/encode.js';
import { resolveLayer } from '../../src/graph/names.js';
import { createOnnxRuntimeService } from '../../src/runtime/onnxruntime-service.js';
import { deviations, headless, type ArchitectureCase } from '../rigs/architecture-rig.js';
import { formulaCheckpoint, formulaWeights } from '../rigs/formula-weights.js';

/** of a layer, and of the gradient, against float64 */
const LAYER = 1e-4;
const GRADIENT = 1e-3;
/** Where ReLUs or maxima are decided in the last bit, the image's rounding moves even the float64 gradient: then so many times that. */
const NEAR_TIES = 3;

const oracle = (name: string): unknown => JSON.parse(readFileSync(new URL(`../oracles/architectures/${name}.json`, import.meta.url), 'utf8'));
const cases = oracle('values') as Record<string, ArchitectureCase>;
const parameters = oracle('parameters') as {
  readonly digests: Record<string, { readonly count: number; readonly sha256: string }>;
  readonly lists: Record<string, Record<string, Shape>>;
};

/** The kinds of layers of the CLIP towers, at a size where the attention pool costs little. */
const small = clipResnet({ name: 'small', blocks: [1, 2, 1, 1], width: 16, embedding: 48, size: 64 });
const networkOf = (id: string): ImageArchitecture => (id === small.id ? small : (architectureOf(id) as ImageArchitecture));
const everything = process.env['ARCHITECTURES'] === 'all';
const convolutional = ARCHITECTURES.filter((architecture): architecture is ImageArchitecture => architecture.kind === 'image' && Object.hasOwn(parameters.digests, `${architecture.id}/original`) || architecture.id === 'clip-rn50x4');

const service = createOnnxRuntimeService({ threads: 2 });
afterAll(() => service.dispose());

describe('layers and image gradients', () => {
  it.each(Object.keys(cases).filter((name) => everything || cases[name]?.slow === false))('%s: as in the library, in float64', async (name) => {
    const fixture = cases[name] as ArchitectureCase;
    const architecture = networkOf(fixture.architecture);
    const options = { batch: fixture.batch, size: fixture.size };
    const list = parameters.lists[`${fixture.architecture}/${fixture.dialect}`];
    const weights = fixture.head ? formulaWeights : headless;
    const graph = fixture.dialect === 'original' || list === undefined
      ? architecture.build(weights, options)
      : buildFromCheckpoint(architecture, formulaCheckpoint(Object.entries(list).map(([parameter, shape]) => ({ name: parameter, shape }))), options);
    for (const { what, error, unavoidable } of await deviations(service, graph, fixture)) {
      expect(error, what).toBeLessThan(Math.max(what === 'gradient' ? GRADIENT : LAYER, NEAR_TIES * unavoidable));
    }
  }, 120_000);
});

describe('weights', () => {
  /** as tools/oracles/architectures.py */
  function digest(list: readonly { readonly name: string; readonly shape: Shape }[]): { count: number; sha256: string } {
    const lines = list.map(({ name, shape }) => `${name} ${shape.join()}`).sort();
    return { count: lines.length, sha256: createHash('sha256').update(lines.join('\n')).digest('hex') };
  }

  it.each(convolutional.map(({ id }) => id))('%s asks for the names and shapes of the state dict, no more and no less', (id) => {
    expect(digest(parametersOf(networkOf(id)))).toEqual(parameters.digests[`${id}/original`]);
  });

  it('CLIP RN50 asks for what open_clip saves', () => {
    expect(digest(parametersOf(networkOf('clip-rn50')))).toEqual(parameters.digests['clip-rn50/open_clip']);
  });

  it('of timm\'s ResNets have torchvision\'s names', () => {
    expect(parameters.digests['resnet50/timm']).toEqual(parameters.digests['resnet50/original']);
  });

  const resnet18 = networkOf('resnet18');
  const entries = parametersOf(resnet18);
  const build = (list: readonly { readonly name: string; readonly shape: Shape }[]): ReturnType<typeof buildFromCheckpoint> => buildFromCheckpoint(resnet18, formulaCheckpoint(list), { batch: 1, size: 32 });

  it('may have a classifier of other classes, or none', () => {
    const other = entries.map(({ name, shape }) => ({ name, shape: name.startsWith('fc.') ? [7, ...shape.slice(1)] : shape }));
    expect(build(other).outputs.map(({ name, shape }) => [name, shape])).toEqual([['fc', [1, 7]]]);
    expect(build(entries.filter(({ name }) => !name.startsWith('fc.'))).outputs.map(({ name, shape }) => [name, shape])).toEqual([['flatten', [1, 512]]]);
  });

  it('may hold the counters of training, and names of data-parallel training', () => {
    expect(() => build([...entries, { name: 'bn1.num_batches_tracked', shape: [] }])).not.toThrow();
    expect(() => build(entries.map(({ name, shape }) => ({ name: `module.${name}`, shape })))).not.toThrow();
  });

  it('of another network are refused, naming what is missing, misshapen or left over', () => {
    expect(() => build(entries.filter(({ name }) => name !== 'layer3.1.bn2.weight'))).toThrow(/lacks the weight 'layer3\.1\.bn2\.weight' of ResNet-18/);
    expect(() => build(entries.map(({ name, shape }) => ({ name, shape: name === 'conv1.weight' ? [64, 4, 7, 7] : shape })))).toThrow(/'conv1\.weight'.* has another shape/);
    expect(() => build([...entries, { name: 'layer5.0.conv1.weight', shape: [1] }])).toThrow(/weights that ResNet-18 does not have/);
  });
});

describe('a built graph', () => {
  const ids = everything ? convolutional.map(({ id }) => id) : ['alexnet', 'vgg11_bn', 'resnet18', 'resnet50', 'convnext_tiny', 'clip-small'];

  it.each(ids)('%s: written with a symbolic batch it decodes at 3 to what is built for 3', (id) => {
    const architecture = networkOf(id);
    const size = id === 'clip-small' ? 64 : 96;
    const weights = architecture.id.startsWith('vgg') ? headless : formulaWeights;
    const written = encodeModel(architecture.build(weights, { batch: 1, size }), { batch: 'batch' });
    const bound = decodeModel(written, { bind: { 'input:0': 3 } });
    const built = architecture.build(weights, { batch: 3, size });
    const shapes = (graph: typeof built): unknown => graph.nodes.map(({ op, outputs }) => [op, outputs, outputs.map((name) => graph.values.get(name)?.shape)]);
    expect(shapes(bound)).toEqual(shapes(built));
  });

  it.each(ids)('%s: every layer that it lists is a value of it, in the order of computation, with the layout that it says', (id) => {
    const architecture = networkOf(id);
    const size = architecture.preprocessing.size;
    const graph = architecture.build({ take: (_, shape) => ({ dtype: 'float32', shape, data: new Float32Array(shape.reduce((product, extent) => product * extent, 1)) }) }, { batch: 1, size });
    const order = graph.nodes.map((node) => node.outputs[0]);
    const places = architecture.layers.map(({ name }) => order.indexOf(name));
    expect(places.every((place, i) => place >= 0 && (i === 0 || place > (places[i - 1] as number)))).toBe(true);
    for (const { name, layout } of architecture.layers) expect(graph.values.get(name)?.shape.length, name).toBe(layout === 'vector' ? 2 : 4);
    expect(new Set(graph.nodes.flatMap((node) => node.name ?? [])).size).toBe(graph.nodes.filter((node) => node.name !== undefined).length);
  });

  it('gives layers second names: a block for its last value, CLIP layers without the tower', () => {
    const resnet = networkOf('resnet18').build(headless, { batch: 1, size: 32 });
    expect(resolveLayer(resnet, 'layer4.1').name).toBe('layer4.1.relu_1');
    const clip = small.build(formulaWeights, { batch: 1, size: 64 });
    expect(resolveLayer(clip, 'layer2.1.relu3').name).toBe('visual.layer2.1.relu3');
    expect(resolveLayer(clip, 'attnpool').name).toBe('visual.attnpool');
  });

  it('of a CLIP tower at another size ends behind the last block: the attention pool has no positions there', () => {
    const graph = small.build(formulaWeights, { batch: 1, size: 96 });
    expect(graph.outputs.map(({ name, shape }) => [name, shape])).toEqual([['visual.layer4.0.relu3', [1, 512, 3, 3]]]);
  });
});

describe('untrained weights', () => {
  const spread = (data: Float32Array): number => Math.sqrt(data.reduce((sum, value) => sum + value * value, 0) / data.length);
  const of = (id: string, seed = 'untrained'): ReadonlyMap<string, Float32Array> => {
    const weights = initialWeights(networkOf(id), new Random(seed));
    const drawn = new Map<string, Float32Array>();
    networkOf(id).build({ take: (name, shape) => {
      const value = weights.take(name, shape);
      drawn.set(name, value.data);
      return value;
    }, shapeOf: () => undefined }, { batch: 1, size: 64 });
    return drawn;
  };

  it('are drawn as torchvision draws them: He by fan-out in ResNets, uniform by fan-in in AlexNet', () => {
    const resnet = of('resnet18');
    expect(spread(resnet.get('layer4.0.conv2.weight') as Float32Array)).toBeCloseTo(Math.sqrt(2 / (512 * 9)), 4);
    expect(spread(resnet.get('layer2.0.downsample.0.weight') as Float32Array)).toBeCloseTo(Math.sqrt(2 / 128), 3);
    expect([...new Set(resnet.get('bn1.weight'))]).toEqual([1]);
    expect([...new Set(resnet.get('bn1.bias'))]).toEqual([0]);
    expect([...new Set(resnet.get('bn1.running_var'))]).toEqual([1]);
    const alexnet = of('alexnet');
    const bound = 1 / Math.sqrt(64 * 25);
    const weights = alexnet.get('features.3.weight') as Float32Array;
    expect(Math.max(...weights.subarray(0, 10_000).map(Math.abs))).toBeLessThan(bound);
    expect(spread(weights)).toBeCloseTo(bound / Math.sqrt(3), 4);
    expect(spread(alexnet.get('features.3.bias') as Float32Array)).toBeGreaterThan(bound / 3);
  });

  it('follow the seed, each parameter by itself', () => {
    const first = of('resnet18').get('layer1.1.conv1.weight') as Float32Array;
    expect(of('resnet18').get('layer1.1.conv1.weight')).toEqual(first);
    expect(of('resnet18', 'another').get('layer1.1.conv1.weight')).not.toEqual(first);
  });
});
