/** `pipeline backbone inspect MODEL`: what an ONNX file, a checkpoint or a built-in architecture holds. Nothing is run, and nothing in a file executed. */
import { openSync, closeSync, readSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ImageArchitecture, TextArchitecture } from '../../architectures/architecture.js';
import { fittingArchitectures } from '../../architectures/fit.js';
import { ARCHITECTURES, architectureOf } from '../../architectures/index.js';
import { parametersOf } from '../../architectures/state-dict.js';
import { PipelineError } from '../../core/errors.js';
import { sizeOf, tensor } from '../../core/tensor.js';
import { inspectModel, type InspectedLayer, type Inspection } from '../../graph/inspect.js';
import { openModelFile } from '../../graph/onnx/model-file.js';
import { EXIT } from '../exit-codes.js';
import type { Invocation } from '../invocation.js';
import { checkSize, openWeights } from '../open-weights.js';
import { countOption, textOption } from '../option-values.js';
import { formatBytes } from '../render/duration.js';
import { textTable } from '../render/text-table.js';
import { printable } from '../terminal.js';

const MILLION = 1e6;
/** so many tensors of a checkpoint are shown; --layers all shows every one */
const SHOWN = 12;
/** the first field of a ModelProto, ir_version, as every exporter writes it */
const ONNX_START = 0x08;
const SAFETENSORS_JSON = 8;
const BRACE = 0x7b;

export function handle(invocation: Invocation): Promise<number> {
  const { args, io } = invocation;
  const name = args[0] as string;
  const path = resolve(io.cwd, name);
  const isFile = statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  if (!isFile && !ARCHITECTURES.some(({ id }) => id === name) && /[./\\]/.test(name)) {
    throw new PipelineError('E_EXTERNAL_MISSING', `"${name}" is not a file`, { facts: { expected: 'a model file, or the name of a built-in architecture', found: 'nothing' }, hint: 'Check the path; `pipeline backbone list` shows the built-in ones.' });
  }
  if (!isFile) inspectArchitecture(name, invocation);
  else if (isOnnx(path)) inspectOnnx(path, name, invocation);
  else inspectCheckpoint(name, invocation);
  return Promise.resolve(EXIT.ok);
}

function inspectOnnx(path: string, label: string, invocation: Invocation): void {
  const { io, options, out } = invocation;
  const { bytes, external } = openModelFile(path);
  const size = countOption(options, 'size');
  const found = inspectModel(bytes, { label, external, ...(size === undefined ? {} : { size }) });
  if (options.json) {
    io.stdout.write(`${JSON.stringify({ schema: 'pipeline.backbone.inspect.v1', kind: 'onnx', file: path, ...found })}\n`);
    return;
  }
  const { weights } = found;
  const all = textOption(options, 'layers') === 'all';
  const shown = found.layers.filter((layer) => all || layer.extract !== undefined);
  const lines = [
    `${out.bold(printable(label))}  ONNX, opset ${found.opset}${found.producer === '' ? '' : `, from ${printable(found.producer)}`}`,
    '',
    ...found.inputs.map(({ name, stored, dims }) => `input    ${printable(name)}  ${stored} [${dims.map((dim) => (dim === '' ? '?' : printable(String(dim)))).join(', ')}]`),
    `outputs  ${found.outputs.map(printable).join(', ')}`,
    `weights  ${(weights.parameters / MILLION).toFixed(2)} M in ${weights.tensors} tensors, ${formatBytes(weights.bytes)}, ${Object.entries(weights.types).map(([type, count]) => `${type} ×${count}`).join(', ')}${weights.files.length === 0 ? '' : `, also in ${weights.files.map(printable).join(', ')}`}`,
    `nodes    ${found.operators.map(({ op, count, known }) => `${known ? printable(op) : out.red(printable(op))} ×${count}`).join(', ')}`,
    '',
    ...(shown.length === 0 ? ['no layers'] : [layerTable(shown)]),
    '',
    ...verdict(found, shown.length, all),
  ];
  io.stdout.write(`${lines.join('\n')}\n`);
}

function layerTable(layers: readonly InspectedLayer[]): string {
  const gradient = (obstacle: InspectedLayer['imageObstacle'] | false): string => (obstacle === undefined ? 'yes' : obstacle === false ? 'no weights' : `no: ${printable(obstacle.node)} (${obstacle.op})`);
  return textTable(
    ['LAYER', 'OPERATOR', 'SHAPE', 'LAYOUT', 'GOOD BECAUSE', 'BY IMAGE', 'BY WEIGHTS'],
    layers.map((layer) => [printable(layer.name), layer.op, layer.shape.join('×'), layer.layout ?? '?', layer.extract ?? '', gradient(layer.imageObstacle), gradient(layer.weightObstacle)]),
  );
}

function verdict(found: Inspection, shown: number, all: boolean): string[] {
  const lines = all ? [] : [`${shown} of ${found.layers.length} layers, those worth extracting; all: --layers all`];
  const [image] = found.inputs;
  if (typeof image?.dims[0] === 'number') lines.push(`The batch is fixed to ${image.dims[0]}: backbone.onnx needs a symbolic one. Export with dynamic_axes={"${printable(image.name)}": {0: "batch"}}, or with dynamic_shapes.`);
  if (found.problems.length === 0) return [...lines, 'Every operator is supported.'];
  return [
    ...lines,
    'Not supported: backbone.onnx takes the model once it is exported without these nodes, or cut behind one of the layers above.',
    ...found.problems.map(({ op, message, nodes }) => `  ${printable(op)}: ${printable(message)} (${nodes.length === 1 ? '1 node' : `${nodes.length} nodes`}: ${nodes.slice(0, 3).map(printable).join(', ')}${nodes.length > 3 ? ', …' : ''})`),
  ];
}

function inspectArchitecture(name: string, { io, options, out }: Invocation): void {
  const architecture = architectureOf(name);
  const parameters = parametersOf(architecture);
  const size = architecture.kind === 'image' ? (countOption(options, 'size') ?? architecture.preprocessing.size) : undefined;
  if (architecture.kind === 'image') checkSize(architecture, size as number);
  const layers = layersOf(architecture, size);
  const count = parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  if (options.json) {
    const { id, title, kind, source, checkpoints } = architecture;
    io.stdout.write(`${JSON.stringify({ schema: 'pipeline.backbone.inspect.v1', kind: 'architecture', id, title, input: kind, source, checkpoints, size: size ?? null, preprocessing: architecture.kind === 'image' ? architecture.preprocessing : null, parameters, layers })}\n`);
    return;
  }
  io.stdout.write(`${[
    `${out.bold(architecture.id)}  ${architecture.title}, ${(count / MILLION).toFixed(2)} M weights`,
    '',
    `source   ${architecture.source}`,
    `weights  ${architecture.checkpoints.join('; ')}`,
    ...(architecture.kind === 'image'
      ? [`input    ${size} × ${size} pixels${architecture.sizes.step === 1 ? '' : ` (any multiple of ${architecture.sizes.step})`}, ${architecture.preprocessing.interpolation}, (x − [${architecture.preprocessing.mean.join(', ')}]) / [${architecture.preprocessing.std.join(', ')}]`]
      : [`input    ${architecture.contextLength} tokens of ${architecture.vocabulary}`]),
    '',
    textTable(['LAYER', 'SHAPE', 'LAYOUT'], layers.map((layer) => [layer.name, layer.shape.join('×'), layer.layout])),
    '',
    'Every layer can be differentiated by the image and by the weights. Other values have names too: docs/backbones.md.',
  ].join('\n')}\n`);
}

/** Shapes without the batch; built on empty weights. */
function layersOf(architecture: ImageArchitecture | TextArchitecture, size: number | undefined): { name: string; shape: readonly number[]; layout: string }[] {
  const weights = { take: (_: string, shape: readonly number[]) => tensor('float32', shape) };
  const graph = architecture.kind === 'image' ? architecture.build(weights, { batch: 1, size: size as number }) : architecture.build(weights, { batch: 1 });
  return architecture.layers.flatMap(({ name, layout }) => {
    const value = graph.values.get(name);
    return value === undefined ? [] : [{ name, shape: value.shape.slice(1), layout }];
  });
}

function inspectCheckpoint(name: string, invocation: Invocation): void {
  const { io, options, out } = invocation;
  const checkpoint = openWeights(invocation);
  try {
    const entries = [...checkpoint.entries].map(([tensorName, { shape, dtype }]) => ({ name: tensorName, shape, dtype }));
    const fits = fittingArchitectures(checkpoint).map(({ id }) => id);
    if (options.json) {
      io.stdout.write(`${JSON.stringify({ schema: 'pipeline.backbone.inspect.v1', kind: 'checkpoint', format: checkpoint.format, tensors: entries, fits })}\n`);
      return;
    }
    const shown = textOption(options, 'layers') === 'all' ? entries : entries.slice(0, SHOWN);
    io.stdout.write(`${[
      `${out.bold(printable(name))}  ${checkpoint.format}, ${(entries.reduce((sum, { shape }) => sum + sizeOf(shape), 0) / MILLION).toFixed(2)} M numbers in ${entries.length} tensors`,
      '',
      textTable(['TENSOR', 'TYPE', 'SHAPE'], shown.map((entry) => [printable(entry.name), entry.dtype, entry.shape.join('×')])),
      ...(shown.length < entries.length ? [out.dim(`… ${entries.length - shown.length} more; all: --layers all`)] : []),
      '',
      fits.length === 0 ? 'It fits no built-in architecture: bring the model as an ONNX file (backbone.onnx).' : `It fits ${fits.join(', ')}.`,
    ].join('\n')}\n`);
  } finally {
    checkpoint.close();
  }
}

/** By content: a model begins with its IR version. So may the length of a safetensors header, behind which its JSON begins. */
function isOnnx(path: string): boolean {
  const fd = openSync(path, 'r');
  try {
    const bytes = new Uint8Array(SAFETENSORS_JSON + 1);
    readSync(fd, bytes, 0, bytes.length, 0);
    return bytes[0] === ONNX_START && bytes[SAFETENSORS_JSON] !== BRACE;
  } finally {
    closeSync(fd);
  }
}
