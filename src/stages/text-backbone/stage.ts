/** `text.backbone`: the text tower of a CLIP model with its tokenizer. */
import { readFileSync } from 'node:fs';
import { Type } from '@sinclair/typebox';
import { MODEL_INPUT, type TextArchitecture } from '../../architectures/architecture.js';
import { ARCHITECTURES, architectureOf } from '../../architectures/index.js';
import { initialWeights } from '../../architectures/initial-weights.js';
import { buildFromCheckpoint } from '../../architectures/state-dict.js';
import { PipelineError } from '../../core/errors.js';
import type { ReportBlock } from '../../core/report-block.js';
import { openCheckpoint } from '../../formats/checkpoint/index.js';
import { readTokenizer } from '../../formats/tokenizer.js';
import { encodeModel } from '../../graph/encode.js';
import type { Graph } from '../../graph/ir.js';
import { writeTextBackbone } from '../artifacts/text-backbone.js';
import { originOf } from '../backbone-builtin/origin.js';
import { choice, defineStage } from '../define.js';

const towers = ARCHITECTURES.filter((architecture): architecture is TextArchitecture => architecture.kind === 'text');

export default defineStage({
  type: 'text.backbone',
  version: 2,
  summary: 'Takes the text tower of a CLIP model, with its tokenizer, for text.features.',
  description: [
    'The weights come from exactly one of `weights` (a checkpoint file), `download` (its URL and sha256) and `untrained: true` (drawn from the seed as the authors draw them before training: the baseline). Files of whole models serve: the image tower in them is left aside.',
    'The same tower was trained with two activations, which the weights do not tell: OpenAI\'s with QuickGELU (`clip-…`), most of open_clip\'s own with GELU (`openclip-…`).',
    'The tokenizer is the `tokenizer.json` of the model as Hugging Face publishes it, or OpenAI\'s `bpe_simple_vocab_16e6.txt.gz`. Its vocabulary must be that of the tower (untrained: not larger).',
  ].join('\n\n'),
  params: Type.Object(
    {
      architecture: choice(towers.map(({ id }) => id), { description: 'which text tower' }),
      tokenizer: Type.String({ minLength: 1, 'x-external': 'file', description: 'tokenizer.json or bpe_simple_vocab_16e6.txt.gz' }),
      weights: Type.String({ default: '', 'x-external': 'file', description: 'checkpoint file' }),
      download: Type.Optional(
        Type.Object({ url: Type.String({ minLength: 1, description: 'where the checkpoint is' }), sha256: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'what its bytes must be' }) }, { additionalProperties: false, description: 'a checkpoint that is fetched once and kept' }),
      ),
      untrained: Type.Boolean({ default: false, description: 'draw the weights from the seed' }),
      mapping: Type.Optional(Type.String({ minLength: 1, description: 'which of several sets of weights in the checkpoint' })),
    },
    { additionalProperties: false },
  ),
  inputs: {},
  outputs: { backbone: { type: 'TextBackbone', description: 'model.onnx with its tokenizer' } },
  needs: ['downloads'],
  random: true,
  runs: 'worker',
  resources: { cpus: 1, memoryMb: 2000 },
  async run(context) {
    const { params, outputs, externals, services, random, signal } = context;
    const architecture = architectureOf(params.architecture) as TextArchitecture;
    const origin = originOf(params);
    const tokenizerPath = externals.get('tokenizer') as string;
    const { vocabulary } = await readTokenizer(tokenizerPath);
    if (origin.kind === 'untrained' ? vocabulary > architecture.vocabulary : vocabulary !== architecture.vocabulary) {
      throw new PipelineError('E_DATA', `the tokenizer is not that of ${architecture.title}`, {
        facts: { expected: `${architecture.vocabulary} tokens${origin.kind === 'untrained' ? ' or fewer' : ''}`, found: vocabulary },
        hint: 'Give the tokenizer file that is published with the weights.',
      });
    }
    let graph: Graph;
    let from: string;
    if (origin.kind === 'untrained') {
      graph = architecture.build(initialWeights(architecture, random.fork('weights')), { batch: 1 });
      from = 'untrained';
    } else {
      const path = origin.kind === 'file'
        ? (externals.get('weights') as string)
        : await services.downloads.obtain(origin.request, { signal, progress: (done, total) => context.progress(done, total ?? done, 'bytes fetched') });
      const checkpoint = openCheckpoint(path, params.mapping === undefined ? {} : { mapping: params.mapping });
      try {
        graph = buildFromCheckpoint(architecture, checkpoint, { batch: 1 });
        from = 'from a checkpoint'; // as in backbone.builtin: its format says nothing about the tower
        context.log(`weights read from ${checkpoint.format}`);
      } finally {
        checkpoint.close();
      }
    }
    const [embedding] = graph.outputs;
    if (embedding === undefined) throw new PipelineError('E_GRAPH', `${architecture.title} has no output`, { hint: 'Please report this.' });
    const channels = embedding.shape[1] as number;
    const name = origin.kind === 'untrained' ? `untrained ${architecture.title}` : architecture.title;
    writeTextBackbone(outputs.backbone, { name, architecture: architecture.id, input: MODEL_INPUT, contextLength: architecture.contextLength, embedding: { name: embedding.name, channels } }, encodeModel(graph, { batch: 'batch' }), readFileSync(tokenizerPath));
    const blocks: ReportBlock[] = [
      { kind: 'metrics', title: name, values: { architecture: architecture.id, weights: from, 'tokens at most': architecture.contextLength, vocabulary, 'channels of the embedding': channels } },
      { kind: 'text', text: `Source: ${architecture.source}.` },
    ];
    outputs.backbone.json('report.json', blocks);
    context.log(`${architecture.title}: embeddings of ${channels} channels`);
  },
});
