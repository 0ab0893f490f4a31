/** From captions to features: text.backbone and text.features on a few images with captions of ours, and what they refuse. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { architectureOf } from '../../../src/architectures/index.js';
import { MODEL_INPUT, type TextArchitecture } from '../../../src/architectures/architecture.js';
import { parametersOf } from '../../../src/architectures/state-dict.js';
import type { Tensor } from '../../../src/core/tensor.js';
import { tensor } from '../../../src/core/tensor.js';
import type { StageDefinition } from '../../../src/engine/stage.js';
import { writeSafetensors } from '../../../src/formats/safetensors.js';
import { readTokenizer } from '../../../src/formats/tokenizer.js';
import { encodeModel } from '../../../src/graph/encode.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import { readFeatures } from '../../../src/stages/artifacts/features.js';
import textBackbone from '../../../src/stages/text-backbone/stage.js';
import { textExternals } from '../../../src/stages/text-backbone/externals.js';
import textFeatures from '../../../src/stages/text-features/stage.js';
import { formulaParameter, formulaWeights } from '../../rigs/formula-weights.js';
import { folderReader, runStage, type StageRun } from '../simulate/run-stage.js';

const SMALL = new URL('../../fixtures/formats/tokenizer/tokenizer.json', import.meta.url).pathname;
const VOCABULARY = 49408;
const CONTEXT = 77;
const ID = 'clip-vit-b-32-text';
const folder = mkdtempSync(join(tmpdir(), 'text-'));
const service = createOnnxRuntimeService({ threads: 1 });
afterAll(async () => {
  await service.dispose();
  rmSync(folder, { recursive: true, force: true });
});
const tower = architectureOf(ID) as TextArchitecture;

/** The small tokenizer with fillers up to CLIP's vocabulary, the marks behind them as there. */
function fullTokenizer(): string {
  const definition = JSON.parse(readFileSync(SMALL, 'utf8')) as { added_tokens: { id: number; content: string }[]; model: { vocab: Record<string, number> } };
  const { vocab } = definition.model;
  const words = Object.keys(vocab).filter((word) => !word.startsWith('<|'));
  for (let i = words.length; i < VOCABULARY - 2; i += 1) vocab[`filler ${i}`] = i;
  for (const mark of definition.added_tokens) mark.id = vocab[mark.content] = mark.content === '<|startoftext|>' ? VOCABULARY - 2 : VOCABULARY - 1;
  const path = join(folder, 'tokenizer.json');
  writeFileSync(path, JSON.stringify(definition));
  return path;
}

const write = (path: string, value: unknown): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), JSON.stringify(value));
};

/** photograph → captions; image n is a crop of photograph 100 + n and was shown in reverse order */
const CAPTIONS: readonly (readonly string[])[] = [['A face.', 'Two faces on a wall'], ['a house', 'There is a house in the picture.', 'houses'], ['A dog', 'the man\'s dog'], ['one written word', 'a word.']];
const stimuli = { dataset: 'imgBrick', images: CAPTIONS.map((_, n) => ({ nsdId: n, cocoId: 100 + n, split: n === 3 ? 'test' : 'train', shared: n === 3, firstTrial: 10 - n })) };
/** in another order than their numbers, in two files */
const annotations = CAPTIONS.flatMap((own, n) => own.map((caption, k) => ({ id: 10 * n + k, image_id: 100 + n, caption }))).reverse();

let tokenizerPath: string;
let backbone: StageRun;
let runs = 0;
async function make(params: Record<string, unknown>): Promise<StageRun> {
  const files = await textExternals(params as never);
  runs += 1;
  return runStage(textBackbone as unknown as StageDefinition, params, join(folder, `backbone-${runs}`), join(folder, 'memo'), {}, undefined, {}, new Map(files.map(({ name, path }) => [name, path])));
}
async function features(params: Record<string, unknown>, nsd = 'nsd'): Promise<StageRun> {
  runs += 1;
  const inputs = { backbone: backbone.reader('backbone'), nsd: folderReader(join(folder, nsd)), stimuli: folderReader(join(folder, 'stimuli')) };
  return runStage(textFeatures as unknown as StageDefinition, { batch: 4, ...params }, join(folder, `features-${runs}`), join(folder, 'memo'), { tensor: service }, undefined, inputs);
}
const rowsOf = (done: StageRun): { nsdIds: number[]; rows: number[][]; width: number; layers: string[] } => {
  const read = readFeatures(done.reader('features'));
  const all = read.rows(read.nsdIds.map((_, i) => i));
  return { nsdIds: [...read.nsdIds], width: read.width, layers: read.layers.map(({ name }) => name), rows: Array.from(read.nsdIds, (_, i) => [...all.subarray(i * read.width, (i + 1) * read.width)]) };
};

/** embedding of each text, one at a time, straight from the architecture */
async function embeddings(texts: readonly string[]): Promise<number[][]> {
  const tokenizer = await readTokenizer(tokenizerPath);
  const program = await service.compile(encodeModel(tower.build(formulaWeights, { batch: 1 })));
  const out: number[][] = [];
  for (const text of texts) out.push([...((await program.run({ [MODEL_INPUT]: tensor('int64', [1, CONTEXT], tokenizer.row(text, CONTEXT)) }))['encode_text'] as Tensor<'float32'>).data]);
  await program.dispose();
  return out;
}
const far = (a: readonly number[], b: readonly number[]): number => Math.hypot(...a.map((x, i) => x - (b[i] as number))) / Math.hypot(...b);

beforeAll(async () => {
  tokenizerPath = fullTokenizer();
  write('stimuli/stimuli.json', stimuli);
  write('stimuli/stimuli.hdf5', 0);
  write('nsd/coco_anns/captions_train2017.json', { images: [], annotations: annotations.slice(0, 4) });
  write('nsd/coco_anns/captions_val2017.json', { images: [], annotations: annotations.slice(4) });
  write('bare/selection.json', {});
  const weights = join(folder, 'weights.safetensors');
  writeSafetensors(weights, Object.fromEntries([...parametersOf(tower), { name: 'visual.proj', shape: [8, 8] }, { name: 'logit_scale', shape: [] }].map(({ name, shape }) => [name, formulaParameter(name, shape)])));
  backbone = await make({ architecture: ID, tokenizer: tokenizerPath, weights });
}, 60_000);

describe('text.features', () => {
  it('averages the embeddings of the captions of each image, in the order of first showing', async () => {
    const { nsdIds, rows, width, layers } = rowsOf(await features({}));
    expect(nsdIds).toEqual([3, 2, 1, 0]);
    expect([width, layers]).toEqual([512, ['encode_text']]);
    for (const [i, n] of nsdIds.entries()) {
      const own = await embeddings(CAPTIONS[n] as readonly string[]);
      const mean = (own[0] as number[]).map((_, c) => own.reduce((sum, row) => sum + (row[c] as number), 0) / own.length);
      expect(far(rows[i] as number[], mean)).toBeLessThan(1e-5);
    }
  });

  it('takes the first caption by number, several side by side, and embeddings of length 1, without running the model again', async () => {
    const [first, both, unit] = [await features({ combine: 'first' }), await features({ combine: 'concatenate', captions: 2 }), await features({ combine: 'first', normalise: true })];
    expect([first, both, unit].flatMap((done) => done.produced)).toEqual([]);
    const [a, b, c] = [rowsOf(first), rowsOf(both), rowsOf(unit)];
    const [one, two] = await embeddings(CAPTIONS[1] as readonly string[]) as [number[], number[]];
    expect(far(a.rows[2] as number[], one)).toBeLessThan(1e-5);
    expect(b.layers).toEqual(['encode_text caption 1', 'encode_text caption 2']);
    expect(far(b.rows[2] as number[], [...one, ...two])).toBeLessThan(1e-5);
    expect(Math.hypot(...(c.rows[2] as number[]))).toBeCloseTo(1, 5);
    expect(far(c.rows[2] as number[], one.map((x) => x / Math.hypot(...one)))).toBeLessThan(1e-5);
  });

  it('refuses what it cannot embed, saying which', async () => {
    await expect(features({}, 'bare')).rejects.toMatchObject({ code: 'E_DATA', message: 'the data set comes without captions' });
    await expect(features({ combine: 'concatenate', captions: 3 })).rejects.toMatchObject({ code: 'E_DATA', facts: { expected: 3, found: 2 } });
    write('partial/coco_anns/captions_train2017.json', { annotations: annotations.filter(({ image_id: photograph }) => photograph !== 102) });
    write('partial/coco_anns/captions_val2017.json', { annotations: [] });
    await expect(features({}, 'partial')).rejects.toMatchObject({ code: 'E_DATA', message: 'photograph 102 of COCO has no caption' });
    const long = annotations.map((annotation) => ({ ...annotation, caption: 'face '.repeat(90) }));
    write('long/coco_anns/captions_train2017.json', { annotations: long });
    write('long/coco_anns/captions_val2017.json', { annotations: [] });
    await expect(features({}, 'long')).rejects.toMatchObject({ code: 'E_DATA', message: expect.stringContaining('a text is too long for the model: "face face') as string });
    expect(rowsOf(await features({ truncate: true }, 'long')).rows).toHaveLength(4);
    write('odd/coco_anns/captions_train2017.json', { annotations: [{ id: 1, image_id: 100, caption: 7 }] });
    write('odd/coco_anns/captions_val2017.json', { annotations: [] });
    await expect(features({}, 'odd')).rejects.toMatchObject({ code: 'E_FORMAT', message: 'a caption of photograph 100 cannot be read' });
  });
});

describe('text.backbone', () => {
  it('is drawn from the seed when it is untrained, with any vocabulary that fits', async () => {
    const [one, two] = [await make({ architecture: ID, tokenizer: SMALL, untrained: true }), await make({ architecture: ID, tokenizer: SMALL, untrained: true })];
    const [first, second] = [one, two].map((done) => readFileSync(join(done.folder('backbone'), 'model.onnx')));
    expect(first?.equals(second as Buffer)).toBe(true);
    expect(one.reader('backbone').json('text-backbone.json')).toEqual({ name: 'untrained CLIP ViT-B-32 text', architecture: ID, input: 'input', contextLength: 77, embedding: { name: 'encode_text', channels: 512 } });
  });

  it('refuses a tokenizer of another vocabulary than that of the weights, and weights of another tower', async () => {
    const weights = join(folder, 'weights.safetensors');
    await expect(make({ architecture: ID, tokenizer: SMALL, weights })).rejects.toMatchObject({ code: 'E_DATA', message: 'the tokenizer is not that of CLIP ViT-B-32 text', facts: { expected: '49408 tokens', found: 727 } });
    await expect(make({ architecture: 'clip-rn50x4-text', tokenizer: tokenizerPath, weights })).rejects.toMatchObject({ code: 'E_WEIGHTS' });
  });
});
