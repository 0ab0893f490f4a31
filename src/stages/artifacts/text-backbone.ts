/** `TextBackbone`: a text tower as an ONNX model, with the tokenizer that belongs to its weights. */
import { readFileSync } from 'node:fs';
import type { ArtifactReader, ArtifactWriter } from '../../engine/stage.js';
import type { TextArchitecture } from '../../architectures/architecture.js';
import { architectureOf } from '../../architectures/index.js';
import { PipelineError } from '../../core/errors.js';
import { tensor, type Tensor } from '../../core/tensor.js';
import { decodeModel } from '../../graph/decode.js';
import type { Graph } from '../../graph/ir.js';
import { readTokenizer, type TextTokenizer } from '../../formats/tokenizer.js';

export interface TextBackboneFile {
  readonly name: string;
  /** id of the built-in architecture: graphs for shorter texts are built from the weights in the model */
  readonly architecture: string;
  /** name of the model's input: int64 [batch, contextLength] */
  readonly input: string;
  /** tokens of one text, padding included */
  readonly contextLength: number;
  /** the embedding of a text: name of the layer and its channels */
  readonly embedding: { readonly name: string; readonly channels: number };
}

export interface TextBackbone extends TextBackboneFile {
  readonly digest: string;
  /** For texts of at most `length` tokens. @shape input int64 [batch, length] → float32 [batch, channel] */
  graph(batch: number, length: number): Graph;
  tokenizer(): Promise<TextTokenizer>;
}

const INDEX = 'text-backbone.json';
const MODEL = 'model.onnx';
const TOKENIZER = 'tokenizer';

export function writeTextBackbone(writer: ArtifactWriter, file: TextBackboneFile, model: Uint8Array, tokenizer: Uint8Array): void {
  writer.write(MODEL, model);
  writer.write(TOKENIZER, tokenizer);
  writer.json(INDEX, file);
}

export function readTextBackbone(reader: ArtifactReader): TextBackbone {
  const file = reader.json<TextBackboneFile>(INDEX);
  return {
    ...file,
    digest: reader.digest,
    graph: (batch, length) => {
      const model = decodeModel(readFileSync(reader.path(MODEL)), { label: file.name, bind: { [`${file.input}:0`]: 1 } });
      const take = (name: string, shape: readonly number[]): Tensor<'float32'> => {
        const stored = model.initializers.get(name);
        if (stored?.dtype === 'float32' && stored.shape.join() === shape.join()) return tensor('float32', shape, stored.data as Float32Array);
        throw new PipelineError('E_WEIGHTS', `'${file.name}' lacks the weight '${name}'`, { facts: { expected: `float32 [${shape.join(', ')}]`, found: stored === undefined ? 'nothing' : `[${stored.shape.join(', ')}]` }, hint: 'Make it with text.backbone.' });
      };
      return (architectureOf(file.architecture) as TextArchitecture).build({ take }, { batch, length });
    },
    tokenizer: () => readTokenizer(reader.path(TOKENIZER)),
  };
}
