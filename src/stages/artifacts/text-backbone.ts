/** `TextBackbone`: a text tower as an ONNX model, with the tokenizer that belongs to its weights. */
import { readFileSync } from 'node:fs';
import type { ArtifactReader, ArtifactWriter } from '../../engine/stage.js';
import { decodeModel } from '../../graph/decode.js';
import type { Graph } from '../../graph/ir.js';
import { cut } from '../../graph/cut.js';
import { readTokenizer, type TextTokenizer } from '../../formats/tokenizer.js';

export interface TextBackboneFile {
  readonly name: string;
  /** name of the model's input: int64 [batch, contextLength] */
  readonly input: string;
  /** tokens of one text, padding included */
  readonly contextLength: number;
  /** the embedding of a text: name of the layer and its channels */
  readonly embedding: { readonly name: string; readonly channels: number };
}

export interface TextBackbone extends TextBackboneFile {
  readonly digest: string;
  /** @shape input int64 [batch, contextLength] → float32 [batch, channel] */
  graph(batch: number): Graph;
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
    graph: (batch) => cut(decodeModel(readFileSync(reader.path(MODEL)), { label: file.name, bind: { [`${file.input}:0`]: batch } }), [file.embedding.name]),
    tokenizer: () => readTokenizer(reader.path(TOKENIZER)),
  };
}
