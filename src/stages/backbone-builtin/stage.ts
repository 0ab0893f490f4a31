/** `backbone.builtin`: a published network from its published weights, or untrained. */
import { Type } from '@sinclair/typebox';
import { MODEL_INPUT, type ImageArchitecture } from '../../architectures/architecture.js';
import { ARCHITECTURES, architectureOf } from '../../architectures/index.js';
import { PipelineError } from '../../core/errors.js';
import type { ReportBlock } from '../../core/report-block.js';
import { GraphBuilder } from '../../graph/builder.js';
import { encodeModel } from '../../graph/encode.js';
import type { Graph, Value } from '../../graph/ir.js';
import { writeBackbone, type BackboneFile } from '../artifacts/backbone.js';
import { channelMap } from '../artifacts/channel-map.js';
import { choice, defineStage } from '../define.js';
import { buildPublished } from '../published-weights/build.js';
import { WEIGHTS_PARAMS } from '../published-weights/params.js';

const COLOURS = 3;
const Colours = Type.Array(Type.Number(), { minItems: COLOURS, maxItems: COLOURS });
const images = ARCHITECTURES.filter((architecture): architecture is ImageArchitecture => architecture.kind === 'image');

export default defineStage({
  type: 'backbone.builtin',
  version: 2,
  summary: 'Takes a published network with its published weights as the backbone.',
  description: [
    'The weights come from exactly one of `weights` (a checkpoint file), `download` (its URL and sha256) and `untrained: true` (drawn from the seed as the authors draw them before training: the baseline). Checkpoints are read as published: torchvision .pth, OpenAI\'s TorchScript archives, .safetensors of timm, open_clip and Hugging Face; the names of the weights say which library wrote them. Every weight must be there with its shape and none may be left over; a classifier may be missing or have other classes.',
    'Layers have the names of the original framework (`features.12`, `layer4.2.relu_2`, `visual.layer4.5.relu3`). Size, mean, standard deviation and interpolation are those that the weights were published with, unless given. Images are resized as a whole: the published evaluation of ImageNet classifiers resizes to 256 and cuts out the middle 224, which loses an eighth on each side.',
    'Tokens of transformers become maps of their patches. The attention pool of CLIP\'s ResNets has positions for the published size only: at other sizes the network ends before it.',
  ].join('\n\n'),
  params: Type.Object(
    {
      architecture: choice(images.map(({ id }) => id), { description: 'which network' }),
      ...WEIGHTS_PARAMS,
      size: Type.Optional(Type.Integer({ minimum: 8, maximum: 2048, description: 'side of the input, pixels; default: the published one' })),
      crop: choice(['centre', 'none'], { default: 'centre', description: 'centre: largest centred square before resizing; none: images must be square' }),
      mean: Type.Optional(Type.Unsafe<[number, number, number]>({ ...Colours, description: 'per colour, in units of [0, 1]; default: the published one' })),
      std: Type.Optional(Type.Unsafe<[number, number, number]>({ ...Colours, description: 'per colour, in units of [0, 1], not 0; default: the published one' })),
    },
    { additionalProperties: false },
  ),
  inputs: {},
  outputs: { backbone: { type: 'Backbone', description: 'model.onnx with its layers and preprocessing' } },
  needs: ['downloads'],
  random: true,
  runs: 'worker',
  resources: { cpus: 1, memoryMb: 2500 },
  async run(context) {
    const { params, outputs } = context;
    const architecture = architectureOf(params.architecture) as ImageArchitecture;
    const size = sizeFor(architecture, params.size ?? architecture.preprocessing.size);
    if (params.std?.includes(0) === true) throw new PipelineError('E_OUT_OF_RANGE', 'a standard deviation of 0 cannot be divided by', { facts: { expected: 'three numbers that are not 0', found: params.std.join(', ') }, hint: 'Use 1 for a model that takes values in [0, 1].' });

    const { graph, from, isUntrained, preprocessing } = await buildPublished(architecture, { batch: 1, size }, context);
    const published = { ...architecture.preprocessing, ...preprocessing };
    const { mean = published.mean, std = published.std } = params;
    const file: BackboneFile = {
      name: isUntrained ? `untrained ${architecture.title}` : architecture.title,
      input: MODEL_INPUT,
      preprocessing: { size, crop: params.crop, mean, std, interpolation: published.interpolation },
      layers: layersOf(architecture, graph),
    };
    writeBackbone(outputs.backbone, file, encodeModel(graph, { batch: 'batch' }));
    const parameters = [...graph.initializers.values()].reduce((sum, { dtype, data }) => sum + (dtype === 'float32' ? data.length : 0), 0);
    const blocks: ReportBlock[] = [
      { kind: 'metrics', title: file.name, values: { architecture: architecture.id, weights: isUntrained ? 'untrained' : 'from a checkpoint', 'parameters (million)': parameters / 1e6, 'input (pixels)': size } },
      { kind: 'text', text: `Source: ${architecture.source}.` },
      { kind: 'table', title: 'Layers worth extracting', columns: ['layer', 'channels', 'height', 'width'], rows: file.layers.map((layer) => [layer.name, ...layer.shape]) },
    ];
    outputs.backbone.json('report.json', blocks);
    // said in the log alone: the same weights in another format are the same content, and what follows is restored
    context.log(`weights: ${from}`);
    context.log(`${architecture.title}: ${file.layers.length} layers, ${Math.round(parameters / 1e5) / 10} million parameters`);
  },
});

/** Errors: E_OUT_OF_RANGE for a side that the architecture cannot be built for. */
function sizeFor(architecture: ImageArchitecture, size: number): number {
  const { step, least } = architecture.sizes;
  if (size >= least && size % step === 0) return size;
  throw new PipelineError('E_OUT_OF_RANGE', `${architecture.title} cannot be built for images of ${size} pixels`, {
    facts: { expected: `at least ${least}${step === 1 ? '' : `, a multiple of ${step}`}`, found: size },
    hint: `Leave size out for the published ${architecture.preprocessing.size} pixels.`,
  });
}

/** Those layers of the architecture that are in the graph (a checkpoint may come without a classifier), as consumers see them. */
function layersOf(architecture: ImageArchitecture, graph: Graph): BackboneFile['layers'] {
  const scratch = GraphBuilder.from(graph);
  return architecture.layers.flatMap(({ name, layout }) => {
    const value: Value | undefined = graph.values.get(name);
    const map = value === undefined ? undefined : channelMap(scratch, value, layout);
    if (map === undefined) return [];
    return [{ name, shape: map.shape.slice(1) as unknown as readonly [number, number, number], layout }];
  });
}
