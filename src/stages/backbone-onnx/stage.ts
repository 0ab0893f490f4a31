/** `backbone.onnx`: any image model in an ONNX file, with its preprocessing declared once. */
import { Type } from '@sinclair/typebox';
import { PipelineError } from '../../core/errors.js';
import type { ReportBlock } from '../../core/report-block.js';
import { decodeModel, modelInputs } from '../../graph/decode.js';
import { inspectModel } from '../../graph/inspect.js';
import type { Inspection } from '../../graph/inspect.js';
import { embedExternalData } from '../../graph/onnx/embed.js';
import { openModelFile } from '../../graph/onnx/model-file.js';
import type { LayerLayout } from '../../architectures/architecture.js';
import { inputExtents, writeBackbone, type BackboneFile, type BackboneLayer } from '../artifacts/backbone.js';
import { patchGrid } from '../artifacts/channel-map.js';
import { choice, defineStage } from '../define.js';

const COLOURS = 3;
/** nodes of one operator that a message names */
const NAMED = 3;
const Colours = Type.Array(Type.Number(), { minItems: COLOURS, maxItems: COLOURS });

export default defineStage({
  type: 'backbone.onnx',
  version: 2,
  summary: 'Takes a model from an ONNX file as the backbone.',
  description:
    'The model has one image input, float32 [batch, 3, size, size]; a symbolic batch is bound where it is used. The model sees (x − mean)/std of RGB values in [0, 1]. Layers are called by the path of their module (`layer4.2.relu`), by the name of their node or of their value. Operators that the tensor graph does not know are refused by name. Weights may be in float16 and in files beside the model (external data), which are part of the key; everything is computed in float32.',
  params: Type.Object(
    {
      file: Type.String({ minLength: 1, 'x-external': 'file', description: 'the .onnx file' }),
      name: Type.String({ default: 'onnx model', minLength: 1, description: 'what to call it in reports; the file name plays no part, so that the same model elsewhere is the same backbone' }),
      size: Type.Integer({ minimum: 8, maximum: 2048, default: 224, description: 'side of the input, pixels' }),
      crop: choice(['centre', 'none'], { default: 'centre', description: 'centre: largest centred square before resizing; none: images must be square' }),
      mean: Type.Unsafe<[number, number, number]>({ ...Colours, default: [0, 0, 0], description: 'per colour, in units of [0, 1]' }),
      std: Type.Unsafe<[number, number, number]>({ ...Colours, default: [1, 1, 1], description: 'per colour, in units of [0, 1]; not 0' }),
      interpolation: choice(['bilinear', 'bicubic'], { default: 'bilinear', description: 'how images are resized; bicubic for CLIP' }),
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
    const { bytes: stored, external } = openModelFile(externals.get('file') as string);
    const bytes = embedExternalData(stored, external);
    const input = imageInput(bytes, params.size);
    requireImportable(bytes, input, params.name, params.size);
    if (params.std.includes(0)) throw new PipelineError('E_OUT_OF_RANGE', 'a standard deviation of 0 cannot be divided by', { facts: { expected: 'three numbers that are not 0', found: params.std.join(', ') }, hint: 'Use 1 for a model that takes values in [0, 1].' });
    const layers = layersOf(inspectModel(bytes, { label: params.name, size: params.size }));
    const file: BackboneFile = { name: params.name, input, preprocessing: { size: params.size, crop: params.crop, mean: params.mean, std: params.std, ...(params.interpolation === 'bilinear' ? {} : { interpolation: params.interpolation }) }, layers };
    writeBackbone(outputs.backbone, file, bytes);
    const block: ReportBlock = { kind: 'table', title: `Layers of ${file.name}`, columns: ['layer', 'layout', 'channels', 'height', 'width'], rows: layers.map((layer) => [layer.name, layer.layout ?? 'map', ...layer.shape]) };
    outputs.backbone.json('report.json', [block]);
    log(`${layers.length} layers worth extracting`);
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

/** Errors: those of `decodeModel`; E_OPERATOR names every node that cannot be imported, not the first alone. */
function requireImportable(bytes: Uint8Array, input: string, label: string, size: number): void {
  try {
    decodeModel(bytes, { label, bind: inputExtents(input, 1, size) });
  } catch (error) {
    const { problems } = error instanceof PipelineError && error.code === 'E_OPERATOR' ? inspectModel(bytes, { label, size }) : { problems: [] };
    if (problems.length === 0) throw error;
    const shown = problems.map(({ op, nodes }) => `${op} (${nodes.slice(0, NAMED).join(', ')}${nodes.length > NAMED ? ` and ${nodes.length - NAMED} more` : ''})`);
    throw new PipelineError('E_OPERATOR', `'${label}' has nodes that cannot be imported`, {
      facts: { expected: 'operators of docs/operators.md', found: shown.join('; ') },
      hint: 'Export the model without them, or cut it behind the last layer that you need (onnx.utils.extract_model). `pipeline backbone inspect FILE` gives the reasons.',
      cause: error,
    });
  }
}

/** What is worth extracting (src/graph/extraction.ts), as consumers see it: maps of channels. */
function layersOf(model: Inspection): BackboneFile['layers'] {
  return model.layers.flatMap(({ name, value, shape, layout, extract }): BackboneLayer[] => {
    if (layout === undefined || extract === undefined) return [];
    const map = mapShape(layout, shape);
    return map === undefined ? [] : [{ name, ...(value === name ? {} : { value }), shape: map, layout }];
  });
}

/** Channels, height and width of a layer of that shape, the batch left out; undefined for tokens that fill no square. */
function mapShape(layout: LayerLayout, shape: readonly number[]): readonly [number, number, number] | undefined {
  const [first = 0, second = 0, third = 0] = shape;
  switch (layout) {
    case 'map':
      return [first, second, third];
    case 'channels-last':
      return [third, first, second];
    case 'vector':
      return [first, 1, 1];
    case 'tokens': {
      const grid = patchGrid(first);
      return grid === undefined ? undefined : [second, grid.side, grid.side];
    }
  }
}
