/**
 * `text.features`: embeddings of the captions of every image of the split, as features that the readout takes like those of an image backbone. The
 * forward pass is cached per chunk of images (`memo`), one row a caption: another way to combine them runs no model.
 */
import { Type } from '@sinclair/typebox';
import { PipelineError } from '../../core/errors.js';
import { digestOf } from '../../core/digest.js';
import type { ReportBlock } from '../../core/report-block.js';
import { tensor } from '../../core/tensor.js';
import { readNpy, writeNpy } from '../../formats/npy.js';
import { FEATURES_INDEX, type FeatureLayer, type FeaturesFile } from '../artifacts/features.js';
import { readStimuli } from '../artifacts/stimuli.js';
import { readTextBackbone } from '../artifacts/text-backbone.js';
import { choice, defineStage } from '../define.js';
import { captionsOf } from '../nsd/captions.js';
import { COCO_CAPTIONS } from '../nsd/layout.js';
import { CaptionEmbedder } from './embed.js';
import { combineCaptions, normaliseRows } from './combine.js';

/** images in one memo entry, as in features.extract */
const CHUNK = 256;
const EMBEDDINGS = 'embeddings.npy';

export default defineStage({
  type: 'text.features',
  version: 1,
  summary: 'Runs a text tower over the captions of the images and keeps their embeddings.',
  description: [
    'The captions are COCO\'s, written by people about the photographs of which NSD shows crops (about five each); nsd.source takes them along with `captions: true`. An image\'s feature is the mean of the embeddings of its captions, that of the first, or those of the first `captions` side by side; with `normalise` each embedding is divided by its Euclidean norm first.',
    'A caption about the photograph may name what the crop cut off.',
    'A caption of more tokens than the model takes is an error that shows the caption, unless `truncate`. Chunks of 256 images, in the order of their first showing, are cached by caption.',
  ].join('\n\n'),
  params: Type.Object(
    {
      combine: choice(['mean', 'first', 'concatenate'], { default: 'mean', description: 'how the captions of an image become its features' }),
      captions: Type.Integer({ minimum: 1, maximum: 10, default: 5, description: 'captions side by side with concatenate; every image must have so many' }),
      normalise: Type.Boolean({ default: false, description: 'divide each embedding by its Euclidean norm' }),
      truncate: Type.Boolean({ default: false, description: 'cut captions that are too long for the model' }),
      batch: Type.Integer({ minimum: 1, maximum: 256, default: 16, description: 'captions in one run of the model; the last run is padded' }),
    },
    { additionalProperties: false },
  ),
  inputs: {
    backbone: { type: 'TextBackbone', description: 'the text tower and its tokenizer' },
    nsd: { type: 'Nsd', description: 'the data set, with captions' },
    stimuli: { type: 'Stimuli', description: 'the images and their split' },
  },
  outputs: { features: { type: 'Features', description: 'manifest of feature chunks' } },
  needs: ['tensor'],
  random: false,
  runs: 'worker',
  resources: { cpus: 2, memoryMb: 1500 },
  async run(context) {
    const { params, inputs, outputs, services, signal } = context;
    const backbone = readTextBackbone(inputs.backbone);
    const { channels } = backbone.embedding;
    const images = [...readStimuli(inputs.stimuli).images].sort((x, y) => x.firstTrial - y.firstTrial || x.nsdId - y.nsdId);
    const captions = await captionsFor(inputs.nsd, images);
    const fewest = Math.min(...captions.map((own) => own.length));
    if (params.combine === 'concatenate' && fewest < params.captions) {
      throw new PipelineError('E_DATA', 'an image has fewer captions than are put side by side', { facts: { expected: params.captions, found: fewest }, hint: `Set captions: ${fewest}, or combine: mean.` });
    }

    const layers: FeatureLayer[] = Array.from({ length: params.combine === 'concatenate' ? params.captions : 1 }, (_, k) => ({
      name: params.combine === 'concatenate' ? `${backbone.embedding.name} caption ${k + 1}` : backbone.embedding.name,
      channels: Array.from({ length: channels }, (_unused, c) => c), grid: [1, 1], offset: k * channels, map: [channels, 1, 1],
    }));
    const embedder = new CaptionEmbedder(backbone, services.tensor, params, signal);
    try {
      const chunks: FeaturesFile['chunks'][number][] = [];
      for (let start = 0; start < images.length; start += CHUNK) {
        signal.throwIfAborted();
        const own = captions.slice(start, start + CHUNK);
        const texts = own.flat();
        const entry = await context.memo({ what: 'caption embeddings', backbone: backbone.digest, batch: params.batch, truncate: params.truncate, captions: digestOf(JSON.stringify(texts)) }, async (writer) => {
          writeNpy(writer.path(EMBEDDINGS), tensor('float32', [texts.length, channels], await embedder.embed(texts)));
        });
        const embeddings = readNpy(entry.path(EMBEDDINGS)).data as Float32Array;
        if (params.normalise) normaliseRows(embeddings, channels);
        const files = combineCaptions(embeddings, own.map((list) => list.length), channels, params.combine, params.captions).map((values, k) => {
          const name = `${String(start / CHUNK).padStart(4, '0')}-${String(k).padStart(2, '0')}.npy`;
          writeNpy(outputs.features.path(name), tensor('float32', [own.length, channels, 1, 1], values));
          return name;
        });
        chunks.push({ start, count: own.length, files });
        context.progress(Math.min(start + CHUNK, images.length), images.length, 'images');
      }
      const width = layers.length * channels;
      outputs.features.json(FEATURES_INDEX, { backbone: backbone.digest, layers, nsdIds: images.map(({ nsdId }) => nsdId), width, chunks, selectedOn: [] } satisfies FeaturesFile);
      const total = captions.reduce((sum, own) => sum + own.length, 0);
      const block: ReportBlock = {
        kind: 'metrics', title: `Captions through ${backbone.name}`,
        values: { images: images.length, captions: total, 'captions of an image, fewest': fewest, 'captions of an image, most': Math.max(...captions.map((own) => own.length)), combined: params.combine, 'each of length 1': params.normalise ? 'yes' : 'no', features: width },
      };
      outputs.features.json('report.json', [block]);
      context.metric('features', width);
      context.metric('images', images.length);
      context.metric('captions', total);
    } finally {
      await embedder.dispose();
    }
  },
});

/** Errors: E_DATA for a data set without captions, or an image that is no crop of a photograph of COCO. */
async function captionsFor(nsd: { has(name: string): boolean; path(name: string): string }, images: readonly { readonly nsdId: number; readonly cocoId: number | null }[]): Promise<(readonly string[])[]> {
  const absent = COCO_CAPTIONS.find((name) => !nsd.has(name));
  if (absent !== undefined) {
    throw new PipelineError('E_DATA', 'the data set comes without captions', { facts: { expected: absent, found: 'no such file' }, hint: 'Set captions: true in the nsd.source stage.' });
  }
  const strange = images.find(({ cocoId }) => cocoId === null);
  if (strange !== undefined) throw new PipelineError('E_DATA', `image ${strange.nsdId} (nsdId) has no captions`, { facts: { expected: 'a photograph of COCO', found: 'none' }, hint: 'Use images of NSD.' });
  const photographs = images.map(({ cocoId }) => cocoId as number);
  const found = await captionsOf(COCO_CAPTIONS.map((name) => nsd.path(name)), new Set(photographs));
  return photographs.map((photograph) => found.get(photograph) as readonly string[]);
}

