/** `backbone.onnx`: any convolutional model in an ONNX file, with its preprocessing declared once. */
import { readFileSync } from 'node:fs';
import { Type } from '@sinclair/typebox';
import { PipelineError } from '../../core/errors.js';
import type { ReportBlock } from '../../core/report-block.js';
import { decodeModel } from '../../graph/decode.js';
import type { Graph } from '../../graph/ir.js';
import { writeBackbone, type BackboneFile } from '../artifacts/backbone.js';
import { choice, defineStage } from '../define.js';

const Colours = Type.Array(Type.Number(), { minItems: 3, maxItems: 3 });

export default defineStage({
  type: 'backbone.onnx',
  version: 1,
  summary: 'Takes a model from an ONNX file as the backbone.',
  description:
    'The model has one image input, float32 [batch, 3, size, size]; a symbolic batch is bound where it is used. The model sees (x − mean)/std of RGB values in [0, 1]. Operators that the tensor graph does not know are refused by name. Weights in a second file (external data) are refused: store them in the model.',
  params: Type.Object(
    {
      file: Type.String({ minLength: 1, 'x-external': 'file', description: 'the .onnx file' }),
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
    const path = externals.get('file') as string;
    const bytes = readFileSync(path);
    // Shapes do not depend on the batch; 1 is the smallest that decides them.
    const graph = decodeModel(bytes, { label: params.file, bind: { batch: 1, N: 1, batch_size: 1 } });
    const input = graph.inputs[0];
    if (graph.inputs.length !== 1 || input === undefined || input.shape.length !== 4 || input.shape[1] !== 3 || input.shape[2] !== params.size || input.shape[3] !== params.size) {
      throw new PipelineError('E_GRAPH', `"${params.file}" does not take one image of this size`, {
        facts: { expected: `one input [batch, 3, ${params.size}, ${params.size}]`, found: graph.inputs.map((port) => `${port.name} [${port.shape.join(', ')}]`).join('; ') },
        hint: 'Set the parameter size, or export the model with one image input.',
      });
    }
    if (params.std.includes(0)) throw new PipelineError('E_OUT_OF_RANGE', 'a standard deviation of 0 cannot be divided by', { facts: { expected: 'three numbers that are not 0', found: params.std.join(', ') }, hint: 'Use 1 for a model that takes values in [0, 1].' });
    const layers = channelMaps(graph);
    const file: BackboneFile = { name: params.file.split('/').at(-1) ?? params.file, input: input.name, preprocessing: { size: params.size, crop: params.crop, mean: params.mean, std: params.std }, layers };
    writeBackbone(outputs.backbone, file, bytes);
    const block: ReportBlock = { kind: 'table', title: `Layers of ${file.name}`, columns: ['layer', 'channels', 'height', 'width'], rows: layers.map((layer) => [layer.name, ...layer.shape]) };
    outputs.backbone.json('report.json', [block]);
    log(`${layers.length} layers with channel maps`);
  },
});

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
