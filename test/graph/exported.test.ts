/** Narrow torchvision models as both exporters of PyTorch 2.15 wrote them (tools/oracles/export_models.py --tiny): values, gradients, names of layers. */
import { afterAll, describe, expect, it } from 'vitest';
import { tensor } from '../../src/core/tensor.js';
import { decodeModel } from '../../src/graph/decode.js';
import { encodeModel } from '../../src/graph/encode.js';
import { differentiate, gradientName } from '../../src/graph/gradient.js';
import { inspectModel } from '../../src/graph/inspect.js';
import { resolveLayer } from '../../src/graph/names.js';
import { createOnnxRuntimeService } from '../../src/runtime/onnxruntime-service.js';
import { formulaImage, formulaUniform } from '../rigs/formula-weights.js';
import { fixtureBytes, fixtureJson } from './fixture-tensors.js';

const service = createOnnxRuntimeService({ threads: 1 });
afterAll(() => service.dispose());

interface Sample {
  readonly at: readonly number[];
  readonly values: readonly number[];
}
interface Reference {
  readonly batch: number;
  readonly size: number;
  readonly float64: { readonly output: Sample; readonly gradient: Sample };
}

function relative(found: ArrayLike<number | bigint>, expected: Sample): number {
  const size = Math.hypot(...expected.values);
  return Math.hypot(...expected.at.map((at, i) => Number(found[at]) - (expected.values[i] as number))) / size;
}

const FILES = ['resnet-torchscript11', 'resnet-dynamo18', 'mobilenet_v3-dynamo20', 'shufflenet-torchscript11', 'convnext-torchscript11', 'convnext_half-dynamo20', 'vit-torchscript17', 'vit-dynamo23', 'swin-dynamo18'];
/** float32 against PyTorch in float64, some tens of operators; measured at most 1e-6. */
const VALUE = 1e-5;
const GRADIENT = 2e-5;

describe('a model that torch.onnx.export wrote with a symbolic batch', () => {
  it.each(FILES)('%s has the values and image gradients of PyTorch in float64', async (file) => {
    const reference = fixtureJson(`exported/${file.split('-')[0]}.json`) as Reference;
    const { batch, size } = reference;
    const graph = decodeModel(fixtureBytes(`exported/${file}.onnx`), { label: file, bind: { batch } });
    const output = graph.outputs[0]?.shape ?? [];
    const program = await service.compile(encodeModel(differentiate(graph, { of: 'output', wrt: ['image'], seed: 'seed' })));
    const image = formulaImage(batch, size);
    const results = await program.run({ image, seed: tensor('float32', output, Float32Array.from(formulaUniform('seed', output.reduce((a, b) => a * b, 1)))) });
    await program.dispose();
    expect(relative(results['output']?.data ?? [], reference.float64.output)).toBeLessThan(VALUE);
    expect(relative(results[gradientName('image')]?.data ?? [], reference.float64.gradient)).toBeLessThan(GRADIENT);
  });

  it.each(FILES)('%s has nothing that cannot be imported, and layers worth extracting that can be differentiated', (file) => {
    const inspection = inspectModel(fixtureBytes(`exported/${file}.onnx`));
    expect(inspection.problems).toEqual([]);
    expect(inspection.operators.filter((operator) => !operator.known)).toEqual([]);
    const extracted = inspection.layers.filter((layer) => layer.extract !== undefined);
    expect(extracted.length).toBeGreaterThan(2);
    expect(extracted.filter((layer) => layer.layout === undefined || layer.imageObstacle !== undefined || layer.weightObstacle !== undefined)).toEqual([]);
  });
});

describe('a layer of an exported model', () => {
  const graphOf = (file: string): ReturnType<typeof decodeModel> => decodeModel(fixtureBytes(`exported/${file}.onnx`), { bind: { batch: 1 } });

  it.each(['resnet-torchscript11', 'resnet-dynamo18'])('of %s is found by the path of its module, as torch.fx writes it, and by later calls of the module', (file) => {
    const graph = graphOf(file);
    const first = resolveLayer(graph, 'layer1.0.relu');
    const second = resolveLayer(graph, 'layer1.0.relu_1');
    expect(first.name).not.toBe(second.name);
    expect(resolveLayer(graph, 'layer1_0_relu_1')).toBe(second);
    expect(resolveLayer(graph, 'layer1.0')).toBe(second);
    expect(resolveLayer(graph, 'layer1')).toBe(second);
    expect(resolveLayer(graph, second.name)).toBe(second);
    expect(resolveLayer(graph, 'layer1.0.add').shape).toEqual(second.shape);
    expect(resolveLayer(graph, 'fc').name).toBe('output');
    expect(() => resolveLayer(graph, 'layer1.0.rleu')).toThrow(/not a layer/);
  });

  it('is suggested by its path where it is mistyped', () => {
    expect(() => resolveLayer(graphOf('resnet-dynamo18'), 'layer2.0.relu_l')).toThrow(expect.objectContaining({ facts: expect.objectContaining({ expected: expect.stringContaining("'layer2.0.relu_1'") }) }));
  });

  it.each([
    ['resnet-dynamo18', 'layer2.0.relu_1', 'map', [12, 4, 4]],
    ['resnet-dynamo18', 'avgpool', 'map', [12, 1, 1]],
    ['convnext-torchscript11', 'features.1.0.block.4', 'channels-last', [8, 8, 32]],
    ['swin-dynamo18', 'features.1.1', 'channels-last', [8, 8, 8]],
    ['vit-dynamo23', 'encoder.layers.encoder_layer_0', 'tokens', [5, 8]],
    ['vit-torchscript17', 'heads.head', 'vector', [5]],
  ] as const)('of %s, %s, has its layout told: %s', (file, name, layout, shape) => {
    const value = resolveLayer(graphOf(file), name).name;
    const layer = inspectModel(fixtureBytes(`exported/${file}.onnx`)).layers.find((each) => each.value === value);
    expect(layer).toMatchObject({ layout, shape: [...shape] });
    expect(layer?.extract).toBeDefined();
  });
});
