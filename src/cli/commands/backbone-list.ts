/** `pipeline backbone list`: the built-in architectures. */
import { ARCHITECTURES } from '../../architectures/index.js';
import { parametersOf } from '../../architectures/state-dict.js';
import { sizeOf } from '../../core/tensor.js';
import { EXIT } from '../exit-codes.js';
import type { Invocation } from '../invocation.js';
import { textTable } from '../render/text-table.js';

const MILLION = 1e6;

export function handle({ io, options, out }: Invocation): Promise<number> {
  const rows = ARCHITECTURES.map((architecture) => ({
    id: architecture.id,
    title: architecture.title,
    kind: architecture.kind,
    parameters: parametersOf(architecture).reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    input: architecture.kind === 'image' ? architecture.preprocessing.size : architecture.contextLength,
    layers: architecture.layers.length,
    checkpoints: architecture.checkpoints,
    source: architecture.source,
  }));
  if (options.json) {
    io.stdout.write(`${JSON.stringify({ schema: 'pipeline.backbone.list.v1', architectures: rows })}\n`);
    return Promise.resolve(EXIT.ok);
  }
  const table = textTable(['NAME', 'KIND', '#WEIGHTS', '#INPUT', '#LAYERS', 'PUBLISHED WEIGHTS THAT FIT'], rows.map(({ id, kind, parameters, input, layers, checkpoints }) => [id, kind, `${(parameters / MILLION).toFixed(1)} M`, kind === 'image' ? `${input} px` : `${input} tokens`, String(layers), checkpoints.join('; ')]));
  io.stdout.write(`${table}\n\n${out.dim('layers of one: pipeline backbone inspect NAME; any other model: backbone.onnx')}\n`);
  return Promise.resolve(EXIT.ok);
}
