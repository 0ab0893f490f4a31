/** `text.backbone`: the text tower of a CLIP model with its tokenizer. */
import { readFileSync } from 'node:fs';
import { Type } from '@sinclair/typebox';
import { MODEL_INPUT, type TextArchitecture } from '../../architectures/architecture.js';
import { ARCHITECTURES, architectureOf } from '../../architectures/index.js';
import { PipelineError } from '../../core/errors.js';
import type { ReportBlock } from '../../core/report-block.js';
import { readTokenizer } from '../../formats/tokenizer.js';
import { encodeModel } from '../../graph/encode.js';
import { writeTextBackbone } from '../artifacts/text-backbone.js';
import { choice, defineStage } from '../define.js';
import { buildPublished } from '../published-weights/build.js';
import { originOf } from '../published-weights/origin.js';
import { WEIGHTS_PARAMS } from '../published-weights/params.js';

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
      ...WEIGHTS_PARAMS,
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
    const { params, outputs, externals } = context;
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
    const { graph, from, isUntrained } = await buildPublished(architecture, { batch: 1 }, context);
    const [embedding] = graph.outputs;
    if (embedding === undefined) throw new PipelineError('E_GRAPH', `${architecture.title} has no output`, { hint: 'Please report this.' });
    const channels = embedding.shape[1] as number;
    const name = isUntrained ? `untrained ${architecture.title}` : architecture.title;
    writeTextBackbone(outputs.backbone, { name, architecture: architecture.id, input: MODEL_INPUT, contextLength: architecture.contextLength, embedding: { name: embedding.name, channels } }, encodeModel(graph, { batch: 'batch' }), readFileSync(tokenizerPath));
    const blocks: ReportBlock[] = [
      { kind: 'metrics', title: name, values: { architecture: architecture.id, weights: isUntrained ? 'untrained' : 'from a checkpoint', 'tokens at most': architecture.contextLength, vocabulary, 'channels of the embedding': channels } },
      { kind: 'text', text: `Source: ${architecture.source}.` },
    ];
    outputs.backbone.json('report.json', blocks);
    // said in the log alone: the same weights in another format are the same content, and what follows is restored
    context.log(`weights: ${from}`);
    context.log(`${architecture.title}: embeddings of ${channels} channels`);
  },
});
