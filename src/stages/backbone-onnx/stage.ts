/** `backbone.onnx`: any convolutional model in an ONNX file, with its preprocessing declared once. */
import { readFileSync } from 'node:fs';
import { Type } from '@sinclair/typebox';
import { PipelineError } from '../../core/errors.js';
import type { ReportBlock } from '../../core/report-block.js';
import { decodeModel, modelInputs } from '../../graph/decode.js';
import type { Graph } from '../../graph/ir.js';
import { inputExtents, writeBackbone, type BackboneFile } from '../artifacts/backbone.js';
import { choice, defineStage } from '../define.js';

const COLOURS = 3;
const Colours = Type.Array(Type.Number(), { minItems: COLOURS, maxItems: COLOURS });

export default defineStage({
  type: 'backbone.onnx',
  version: 1,
  summary: 'Takes a model from an ONNX file as the backbone.',
  description:
    'The model has one image input, float32 [batch, 3, size, size]; a symbolic batch is bound where it is used. The model sees (x − mean)/std of RGB values in [0, 1]. Operators that the tensor graph does not know are refused by name. Weights in a second file (external data) are refused: store them in the model.',
  params: Type.Object(
    {
      file: Type.String({ minLength: 1, 'x-external': 'file', description: 'the .onnx file' }),
      name: Type.String({ default: 'onnx model', minLength: 1, description: 'what to call it in reports; the file name plays no part, so that the same model elsewhere is the same backbone' }),
      size: Type.Integer({ minimum: 8, maximum: 2048, default: 224, description: 'side of the input, pixels' }),
      crop: choice(['centre', 'none'], { default: 'centre', description: 'centre: largest centred square before resizing; none: images must be square' }),
      mean: Type.Unsafe<[number, number, number]>({ ...Colours, default: [0, 0, 0], description: 'per colour, in units of [0, 1]' }),
      std: Type.Unsafe<[number, number, number]>({ ...Colours, default: [1, 1, 1], description: 'per colour, in units of [0, 1]; not 0' }),
    },
    { additionalProperties: false },
  ),
  inputs: {},
  outputs: { backbone: { type: 'Backbone', description: 'the model and its preprocessing' } },
  needs: [],
  random: false,
  runs: 'worker',
  resources: { cpus: 1, memoryMb: 2000 },
  async run({ params, outputs, externals, log }) {
    const bytes = readFileSync(externals.get('file') as string);
    const input = imageInput(bytes, params.size);
    const graph = decodeModel(bytes, { label: params.name, bind: inputExtents(input, 1, params.size) });
    if (params.std.includes(0)) throw new PipelineError('E_OUT_OF_RANGE', 'a standard deviation of 0 cannot be divided by', { facts: { expected: 'three numbers that are not 0', found: params.std.join(', ') }, hint: 'Use 1 for a model that takes values in [0, 1].' });
    const layers = channelMaps(graph);
    const file: BackboneFile = { name: params.name, input, preprocessing: { size: params.size, crop: params.crop, mean: params.mean, std: params.std }, layers };
    writeBackbone(outputs.backbone, file, bytes);
    const block: ReportBlock = { kind: 'table', title: `Layers of ${file.name}`, columns: ['layer', 'channels', 'height', 'width'], rows: layers.map((layer) => [layer.name, ...layer.shape]) };
    outputs.backbone.json('report.json', [block]);
    log(`${layers.length} layers with channel maps`);
  },
});

/** Name of the one image input. Its batch must be symbolic: features, dreams and attributions run the model at batches of their own. */
function imageInput(bytes: Uint8Array, size: number): string {
  const inputs = modelInputs(bytes);
  const [input] = inputs;
  const fits = (axis: number, extent: number): boolean => typeof input?.dims[axis] === 'string' || input?.dims[axis] === extent;
  if (inputs.length !== 1 || input?.dims.length !== 4 || !fits(1, COLOURS) || !fits(2, size) || !fits(3, size)) {
    throw new PipelineError('E_GRAPH', 'the model does not take one image of this size', {
      facts: { expected: `one input [batch, ${COLOURS}, ${size}, ${size}]`, found: inputs.map((port) => `${port.name} [${port.dims.map((dim) => (dim === '' ? '?' : dim)).join(', ')}]`).join('; ') || 'no input' },
      hint: 'Set the parameter size, or export the model with one image input.',
    });
  }
  if (typeof input.dims[0] === 'number') {
    throw new PipelineError('E_GRAPH', 'the batch of the model is fixed', {
      facts: { expected: 'a symbolic first dimension', found: input.dims[0] },
      hint: 'Export with a dynamic batch: torch.onnx.export(…, dynamic_axes={"input": {0: "batch"}}).',
    });
  }
  return input.name;
}

/** Outputs of activations (and of nodes whose result leaves the model) that are stacks of maps: what is worth extracting. */
function channelMaps(graph: Graph): BackboneFile['layers'] {
  const ends = new Set(graph.outputs.map((output) => output.name));
  const activations = new Set(['Relu', 'LeakyRelu', 'Sigmoid', 'Tanh', 'HardSigmoid', 'Clip', 'Softplus', 'MaxPool', 'AveragePool', 'Add']);
  return graph.nodes.flatMap((node) => {
    const name = node.outputs[0] ?? '';
    const shape = graph.values.get(name)?.shape ?? [];
    if (shape.length !== 4 || !(activations.has(node.op) || ends.has(name))) return [];
    return [{ name, shape: [shape[1] as number, shape[2] as number, shape[3] as number] as const }];
  });
}
