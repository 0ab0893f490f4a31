/** `pipeline backbone import WEIGHTS`: published weights as an ONNX file with a symbolic batch, whole or not at all. */
import { closeSync, existsSync, fsyncSync, linkSync, openSync, rmSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { buildFromCheckpoint } from '../../architectures/state-dict.js';
import { PipelineError } from '../../core/errors.js';
import { encodeModel } from '../../graph/encode.js';
import { EXIT } from '../exit-codes.js';
import type { Invocation } from '../invocation.js';
import { architectureFor, checkSize, openWeights } from '../open-weights.js';
import { countOption, textOption } from '../option-values.js';
import { formatBytes } from '../render/duration.js';

export function handle(invocation: Invocation): Promise<number> {
  const { io, options } = invocation;
  const checkpoint = openWeights(invocation);
  try {
    const architecture = architectureFor(checkpoint, invocation);
    const file = resolve(io.cwd, textOption(options, 'out') ?? `${architecture.id}.onnx`);
    if (existsSync(file)) throw exists(file);
    const size = countOption(options, 'size') ?? (architecture.kind === 'image' ? architecture.preprocessing.size : undefined);
    if (architecture.kind === 'image') checkSize(architecture, size as number);
    const graph = architecture.kind === 'image' ? buildFromCheckpoint(architecture, checkpoint, { batch: 1, size: size as number }) : buildFromCheckpoint(architecture, checkpoint, { batch: 1 });
    const bytes = encodeModel(graph, { batch: 'batch' });
    writeNew(file, bytes);
    const preprocessing = architecture.kind === 'image' ? { size, mean: architecture.preprocessing.mean, std: architecture.preprocessing.std, interpolation: architecture.preprocessing.interpolation } : undefined;
    if (options.json) {
      io.stdout.write(`${JSON.stringify({ schema: 'pipeline.backbone.import.v1', file, bytes: bytes.length, architecture: architecture.id, format: checkpoint.format, preprocessing: preprocessing ?? null })}\n`);
    } else {
      io.stdout.write(`${file}  ${architecture.title}, ${formatBytes(bytes.length)}, from ${checkpoint.format}\n`);
      if (preprocessing !== undefined) io.stdout.write(`\nIn a pipeline:\n  backbone:\n    type: backbone.onnx\n    params: { file: ${file}, size: ${size}, mean: [${preprocessing.mean.join(', ')}], std: [${preprocessing.std.join(', ')}], interpolation: ${preprocessing.interpolation} }\n`);
    }
    return Promise.resolve(EXIT.ok);
  } finally {
    checkpoint.close();
  }
}

/** A temporary beside it, then a link that never replaces anything. */
function writeNew(file: string, bytes: Uint8Array): void {
  const temporary = `${file}.${process.pid}.part`;
  try {
    const fd = openSync(temporary, 'wx');
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    linkSync(temporary, file);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') throw exists(file);
    throw new PipelineError('E_ENVIRONMENT', `"${file}" cannot be written`, { facts: { expected: 'a place for the model', found: (cause as Error).message }, hint: 'Name another one with --out.', cause });
  } finally {
    rmSync(temporary, { force: true });
  }
}

function exists(file: string): PipelineError {
  return new PipelineError('E_USAGE', `"${file}" exists already`, { facts: { expected: 'a path where nothing is yet', found: 'a file' }, hint: 'Name another one with --out, or remove it.' });
}
