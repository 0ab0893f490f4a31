/**
 * Runs the text tower. Captions are short against the context of 77 tokens, and what follows the end of a text plays no part: each runs in a graph of
 * its own length, rounded up. The graph depends on the text alone, so a caption has the same bits whatever stands beside it.
 */
import { tensor } from '../../core/tensor.js';
import type { TensorProgram, TensorService } from '../../core/tensor-service.js';
import type { TextTokenizer } from '../../formats/tokenizer.js';
import { encodeModel } from '../../graph/encode.js';
import type { TextBackbone } from '../artifacts/text-backbone.js';

/** lengths are multiples of it: few graphs, little padding */
const STEP = 16;

export interface EmbedOptions {
  readonly batch: number;
  readonly truncate: boolean;
}

/** Loads tokenizer and model when the first text comes, one model a length. */
export class CaptionEmbedder {
  readonly #programs = new Map<number, Promise<TensorProgram>>();
  #tokenizer: Promise<TextTokenizer> | undefined;

  constructor(
    private readonly backbone: TextBackbone,
    private readonly service: TensorService,
    private readonly options: EmbedOptions,
    private readonly signal: AbortSignal,
  ) {}

  /** One row a text. Errors: E_DATA for a text that is too long. @shape → float32 [text, channel] */
  async embed(texts: readonly string[]): Promise<Float32Array> {
    const { batch, truncate } = this.options;
    const { contextLength, embedding, input } = this.backbone;
    const tokenizer = await (this.#tokenizer ??= this.backbone.tokenizer());
    const byLength = new Map<number, { readonly index: number; readonly row: BigInt64Array }[]>();
    texts.forEach((text, index) => {
      const row = tokenizer.row(text, contextLength, { truncate });
      const length = Math.min(contextLength, Math.ceil((row.findLastIndex((token) => token !== 0n) + 1) / STEP) * STEP);
      byLength.set(length, [...(byLength.get(length) ?? []), { index, row }]);
    });
    const out = new Float32Array(texts.length * embedding.channels);
    for (const [length, rows] of byLength) {
      const program = await this.#program(length);
      for (let start = 0; start < rows.length; start += batch) {
        this.signal.throwIfAborted();
        const own = rows.slice(start, start + batch);
        const numbers = new BigInt64Array(batch * length);
        // behind the last text it stands again
        for (let i = 0; i < batch; i += 1) numbers.set((own[Math.min(i, own.length - 1)] as (typeof own)[number]).row.subarray(0, length), i * length);
        const values = (await program.run({ [input]: tensor('int64', [batch, length], numbers) }))[embedding.name]?.data as Float32Array;
        own.forEach(({ index }, i) => out.set(values.subarray(i * embedding.channels, (i + 1) * embedding.channels), index * embedding.channels));
      }
    }
    return out;
  }

  async dispose(): Promise<void> {
    for (const program of this.#programs.values()) await (await program).dispose();
  }

  #program(length: number): Promise<TensorProgram> {
    const known = this.#programs.get(length);
    if (known !== undefined) return known;
    const program = this.service.compile(encodeModel(this.backbone.graph(this.options.batch, length)), { label: `${this.backbone.name}, ${length} tokens` });
    this.#programs.set(length, program);
    return program;
  }
}
