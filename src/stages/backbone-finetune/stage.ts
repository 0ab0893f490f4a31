/**
 * `backbone.finetune`: a readout trained by gradient on measured responses, jointly with chosen weights of the backbone, or alone on a frozen one. Trains on
 * the training part of the split only; validation images choose the epoch at most; what is held out is refused.
 */
import { PipelineError } from '../../core/errors.js';
import type { ReportBlock } from '../../core/report-block.js';
import { tensor, type Tensor } from '../../core/tensor.js';
import { writeNpy } from '../../formats/npy.js';
import { encodeModel } from '../../graph/encode.js';
import { replaceWeights } from '../../graph/onnx/replace-weights.js';
import { partAt } from '../../graph/training/frozen-part.js';
import { scheduleFactor, warmupFactor } from '../../graph/training/schedule.js';
import { trainableWeights, weightsOf, type Weight } from '../../graph/training/trainable.js';
import { lineChart } from '../../report/figures/index.js';
import { readBackbone, writeBackbone, type Backbone } from '../artifacts/backbone.js';
import { requireOwnBackbone } from '../artifacts/belonging.js';
import { readFeatures, type FeatureLayer, type Features } from '../artifacts/features.js';
import { READOUT_FILES, readReadout, type Readout, type ReadoutFile } from '../artifacts/readout.js';
import { imagesOf, photographsOf, readStimuli } from '../artifacts/stimuli.js';
import { readVoxels, voxelIdentity, type Voxels } from '../artifacts/voxels.js';
import { defineStage } from '../define.js';
import { refuseBeyondMemory } from '../memory.js';
import { FIT_FILES, readFitFacts } from '../readout-ridge/fit-files.js';
import { trainingRows, type TrainingRows } from '../readout-ridge/training-rows.js';
import { train, type Feeds } from '../training/loop.js';
import { clippingOf, FinetuneParams, optimiserOf, scheduleOf, type Finetune } from './parameters.js';
import { givenGraph, MODEL_PREFIX, pooledGraph, pooledLayers } from './pooled-graph.js';
import { featureMeans, meanSquaredError, standardOf } from './predictions.js';
import { expandReadout, featureCount, randomReadout, readoutSize, startFrom, type Standard } from './readout-model.js';
import { cachedSource, featureSource, imageSource, seamBytes, type Source } from './sources.js';
import { finetuneStep, predictionGraph, TARGETS, type Model } from './step.js';

const MEGABYTE = 1e6;
const FIGURE = 'training.svg';

export default defineStage({
  type: 'backbone.finetune',
  version: 2,
  summary: 'Trains a readout on measured responses, jointly with chosen weights of the backbone.',
  description: [
    'ŷ[v] = Σ_ℓ Σ_c w_ℓ[c,v]·Σ_p rf[p,v]·z_ℓ[c,p] + b[v] (`factorised`: one receptive field rf a voxel, shared by the layers of one grid size, times channel weights), or Σ_ℓcp w_ℓ[(c,p),v]·z_ℓ[c,p] + b[v] (`linear-on-grid`); z are the layers’ maps averaged over the cells of a grid, standardised per channel. Loss: mean squared error over images and voxels. Trained by SGD, Adam or AdamW with a schedule; weights of the backbone at `backbone_rate` times the rate of the readout.',
    'What depends on no trained weight is computed once an image and kept in the cache (up to `cache_limit_mb`), so that a frozen backbone, or one whose last layers are trained, is not run again in every epoch. `features` of the same frozen backbone save even that; their layers, grid and channels then have to be asked for by the same words.',
    'Rows are those of images of the part `train`. Images of the part `validation` are predicted after every epoch; with `early_stopping` they choose the epoch. Both count as images that the readout was fitted on. A row of a test image, or of one of the images that all subjects share, is an error (E_LEAK).',
    'Batch norms behind the frozen part normalise by their running statistics (`evaluation`; their scale and shift are trained where `trainable` names them) or by those of the batch (`training`; the gradient flows through them, and running statistics move as in torch.nn.BatchNorm2d). The frozen part always runs in evaluation mode.',
    'Starts from random weights, or from a `readout` of the same backbone (readout.ridge): exactly for `linear-on-grid`, as the nearest outer product of channels and field for `factorised`. Checkpoints hold everything that the next step depends on: a run that was killed goes on to the same bytes.',
    'The readout that comes out is one like that of readout.ridge, on all channels of the layers: weights.npy float32 [feature, voxel] in units of the raw features, intercept.npy, feature_mean.npy; alpha.npy is NaN. Evaluate and dream with features.extract on the backbone that comes out, same layers and grid.',
    'Source: uhussai7/boldreams (models/modules.py, models/utils.py) for the readout, Adam and the multi-step schedule; it draws channel weights from ±1/√voxels and intercepts from U(0, 1), trains on raw features at a rate of 10⁻⁴ for both, and looks at no validation image.',
  ].join('\n\n'),
  params: FinetuneParams,
  inputs: {
    backbone: { type: 'Backbone', description: 'the model that is tuned' },
    stimuli: { type: 'Stimuli', description: 'the images and their split' },
    voxels: { type: 'Voxels', description: 'responses to fit' },
    features: { type: 'Features', description: 'of the same backbone, where it is frozen', optional: true },
    start: { type: 'Readout', description: 'a readout of the same backbone to start from', optional: true },
  },
  outputs: {
    backbone: { type: 'Backbone', description: 'the tuned model, with the layers and preprocessing that it had; a frozen one comes out as it went in' },
    readout: { type: 'Readout', description: 'the readout for the tuned model', publish: [FIGURE] },
  },
  needs: ['tensor'],
  random: true,
  runs: 'worker',
  resources: { cpus: 2, memoryMb: 3000 },
  async run(context) {
    const { params, inputs, outputs, services, signal, random } = context;
    const service = services.tensor;
    const backbone = readBackbone(inputs.backbone);
    const stimuli = readStimuli(inputs.stimuli);
    const voxels = readVoxels(inputs.voxels);
    const { batch } = params;
    const rows = trainingRows(stimuli, voxels, params.targets, ['train']);
    const held = imagesOf(stimuli, 'validation').length === 0 ? undefined : trainingRows(stimuli, voxels, params.targets, ['validation']);
    if (held === undefined && params.early_stopping > 0) {
      throw new PipelineError('E_DATA', 'there are no validation images to stop by', { facts: { expected: 'images in the part validation', found: 'none' }, hint: 'Set validation above 0 in nsd.stimuli, or early_stopping to 0.' });
    }
    const before = inputs.start === undefined ? undefined : readFitFacts(inputs.start);
    if (held !== undefined && before !== undefined) {
      const seen = new Set(before.trainingImages);
      if (held.nsdIds.some((nsdId) => seen.has(nsdId))) {
        if (params.early_stopping > 0) {
          throw new PipelineError('E_LEAK', 'the readout to start from was fitted on validation images, which are to choose the epoch', { facts: { expected: 'a start that has not seen them, or early_stopping 0', found: `early_stopping ${params.early_stopping}` }, hint: 'Set early_stopping to 0, or start from random weights.' });
        }
        context.warn('The readout to start from was fitted on the validation images: their error says little about the first epochs.');
      }
    }
    const features = inputs.features === undefined ? undefined : requireFeatures(readFeatures(inputs.features), backbone, params);
    const layers = features?.layers ?? pooledLayers(backbone, batch, params.layers, params.grid as [number, number]);
    requireMemory(params, layers, voxels.voxelCount);

    const whole = features === undefined ? pooledGraph(backbone, batch, layers) : givenGraph(batch, layers);
    const trained = trainableWeights(whole, params.trainable, MODEL_PREFIX);
    // what cannot be put back is refused before it is trained
    replaceWeights(backbone.model, new Map(trained.map((weight) => [bareName(weight), whole.initializers.get(weight.name) as Tensor])));
    if (params.batch_norm === 'training' && trained.length === 0) context.warn('batch_norm: training changes nothing where the backbone is frozen');
    const nsdIds = ascending([...rows.nsdIds, ...(held?.nsdIds ?? [])]);
    // what the start and the backbone were fitted on counts too: another split may have had it
    const behind = [before, backbone.tunedOn].filter((fit) => fit !== undefined);
    const fitted = ascending([...nsdIds, ...behind.flatMap((fit) => fit.trainingImages)]);
    const photographs = ascending([...photographsOf(stimuli, nsdIds), ...behind.flatMap((fit) => fit.trainingPhotographs)]);
    const { source, graph } = await openSource();
    try {
      const bare = { graph, layers, trained, form: params.readout } as const;
      const images = Int32Array.from(new Set(rows.nsdIds));
      const standard = params.standardize ? await standardOf(service, featuresOf(bare), layers, source, images, batch, signal) : layers.map(rawStandard);
      const readout = inputs.start === undefined
        ? randomReadout(params.readout, layers, voxels.voxelCount, random.fork('readout'))
        : startFrom(params.readout, layers, standard, requireStart(readReadout(inputs.start), backbone, voxels, layers));
      const model: Model = { ...bare, standard, readout };
      const step = finetuneStep(model, { optimiser: optimiserOf(params), clip: clippingOf(params), weightDecay: params.weight_decay, backboneRate: params.backbone_rate, batchNormTraining: params.batch_norm === 'training', poolIndices: service.poolIndices });
      const program = await service.compile(encodeModel(step.graph), { label: 'fine-tuning step' });
      const result = await train(program, step, {
        count: rows.nsdIds.length, batch, epochs: params.epochs, random: random.fork('order'), checkpointEvery: params.checkpoint_every,
        rate: (when) => params.learning_rate * warmupFactor(when.step, params.warmup) * scheduleFactor(scheduleOf(params), when),
        feeds: (batches) => withTargets(batches),
        ...(held === undefined ? {} : { monitor: { patience: params.early_stopping, score: (state) => errorOn(held, step.weights(state)) } }),
      }, context).finally(() => program.dispose());
      const weights = step.weights(result.state);

      /** float32 rows of responses, and the seams of their images */
      async function* withTargets(batches: readonly Int32Array[]): AsyncGenerator<Feeds> {
        let k = 0;
        for await (const feeds of source.batches(batches.map((positions) => positions.map((i) => rows.nsdIds[i] as number)))) {
          yield { ...feeds, [TARGETS]: tensor('float32', [batch, voxels.voxelCount], responses(rows, batches[k] as Int32Array)) };
          k += 1;
        }
      }
      function errorOn(part: TrainingRows, at: ReadonlyMap<string, Tensor>): Promise<number> {
        return meanSquaredError(service, predictionGraph(model, at), source, part.nsdIds, batch, (from, count) => responses(part, Int32Array.from({ length: count }, (_, i) => from + i)), signal);
      }

      const digest = writeTuned(weights);
      const expanded = expandReadout(params.readout, layers, standard, weights, voxels.voxelCount);
      const writer = outputs.readout;
      const width = featureCount(layers);
      writeNpy(writer.path(READOUT_FILES.weights), tensor('float32', [width, voxels.voxelCount], expanded.weights));
      writeNpy(writer.path(READOUT_FILES.intercept), tensor('float32', [voxels.voxelCount], expanded.intercept));
      writeNpy(writer.path(FIT_FILES.alpha), tensor('float64', [voxels.voxelCount], new Float64Array(voxels.voxelCount).fill(NaN)));
      writeNpy(writer.path(FIT_FILES.featureMean), tensor('float64', [width], await featureMeans(service, predictionGraph(model, weights), layers, source, rows.nsdIds, batch, signal)));
      const file: ReadoutFile = { backbone: digest, featureCount: width, voxelCount: voxels.voxelCount, layers, rois: voxels.rois, voxels: voxelIdentity(voxels) };
      writer.json(READOUT_FILES.index, {
        ...file, trainingImages: fitted, trainingPhotographs: photographs, targets: params.targets, readout: params.readout, trained: trained.map(bareName),
        losses: result.losses, validation: result.scores, epoch: result.epoch,
      });
      writer.write(FIGURE, curves(result.losses, result.scores));
      writer.json('report.json', report(result, { rows: rows.nsdIds.length, validation: held?.nsdIds.length ?? 0, trained, readout: readoutSize(params.readout, layers, voxels.voxelCount), voxels: voxels.voxelCount }));
      context.metric('loss', result.losses.at(-1) as number);
      if (result.scores.length > 0) context.metric('validation_error', result.scores[result.epoch] as number);
    } finally {
      await source.close();
    }

    function featuresOf(bare: Pick<Model, 'graph' | 'layers' | 'trained' | 'form'>): Model['graph'] {
      const blank = randomReadout(params.readout, layers, 1, random.fork('blank'));
      return predictionGraph({ ...bare, standard: layers.map(rawStandard), readout: blank }, new Map());
    }

    function responses(part: TrainingRows, at: Int32Array): Float32Array {
      const from = params.targets === 'repeat-mean' ? voxels.means : voxels.trials;
      return from.columns(at.map((i) => part.positions[i] as number), 0, voxels.voxelCount);
    }

    /** The cheapest way to the seams, and the graph from them on. */
    async function openSource(): Promise<{ readonly source: Source; readonly graph: Model['graph'] }> {
      if (features !== undefined) return { source: featureSource(features, layers, batch), graph: whole };
      const { frozen, trained: rest, seams } = partAt(whole, trained.map((weight) => weight.name));
      // without a weight of the model in it, nothing worth keeping happens before the seams
      if (frozen === undefined || weightsOf(frozen, MODEL_PREFIX).length === 0) return { source: imageSource(backbone, stimuli, batch), graph: whole };
      const bytes = seamBytes(seams, batch);
      if (bytes === undefined || bytes * nsdIds.length > params.cache_limit_mb * MEGABYTE) {
        context.log(`the frozen part runs in every step: what it makes of ${nsdIds.length} images ${bytes === undefined ? 'cannot be kept' : `would take ${Math.ceil((bytes * nsdIds.length) / MEGABYTE)} MB (cache_limit_mb)`}`);
        return { source: imageSource(backbone, stimuli, batch), graph: whole };
      }
      const what = { layers: params.layers, grids: layers.map((layer) => layer.grid) };
      return { source: await cachedSource(context, service, backbone, stimuli, { graph: frozen, seams, what }, nsdIds, batch), graph: rest };
    }

    /** The model file with what was trained in place of what was there. @returns the digest of the Backbone that comes out */
    function writeTuned(weights: ReadonlyMap<string, Tensor>): string {
      if (trained.length === 0) {
        for (const file of inputs.backbone.files) outputs.backbone.adopt(file.name, file);
        return inputs.backbone.digest;
      }
      const own = new Map([...weights].filter(([name]) => name.startsWith(MODEL_PREFIX)).map(([name, weight]) => [name.slice(MODEL_PREFIX.length), weight]));
      const { name, input, preprocessing, layers: known } = backbone;
      writeBackbone(outputs.backbone, { name: `${name}, fine-tuned`, input, preprocessing, layers: known, tunedOn: { trainingImages: fitted, trainingPhotographs: photographs } }, replaceWeights(backbone.model, own));
      return outputs.backbone.seal();
    }
  },
});

const ascending = (ids: readonly number[]): number[] => [...new Set(ids)].sort((a, b) => a - b);

const bareName = (weight: Weight): string => weight.name.slice(MODEL_PREFIX.length);

const rawStandard = ({ channels }: FeatureLayer): Standard => ({ mean: new Float64Array(channels.length), scale: new Float64Array(channels.length).fill(1) });

/** Errors: E_DATA unless the features are of this backbone, with the layers and grid that are asked for, and nothing of it is trained. */
function requireFeatures(features: Features, backbone: Backbone, params: Finetune): Features {
  const names = features.layers.map((layer) => layer.name);
  const wrong = params.trainable.length > 0 ? ['no weight of the backbone in trainable: features are of a frozen one', params.trainable.join(', ')]
    : features.backbone !== backbone.digest ? ['features of the backbone that is connected', features.backbone ?? 'features that no backbone made']
    : names.join() !== params.layers.join() ? [params.layers.join(', '), names.join(', ')]
    : features.layers.some(({ grid, map }) => grid.some((extent, axis) => extent !== Math.min(params.grid[axis] as number, map[axis + 1] as number))) ? [`a grid of ${params.grid.join('×')}`, features.layers.map(({ grid }) => grid.join('×')).join(', ')]
    : undefined;
  if (wrong === undefined) return features;
  throw new PipelineError('E_DATA', 'the features do not fit the fine-tuning', { facts: { expected: wrong[0] as string, found: wrong[1] as string }, hint: 'Give both stages the same backbone, layers and grid, or leave the features out.' });
}

/** Errors: E_DATA unless the readout is of this backbone and these voxels, on layers and grids that are trained here. */
function requireStart(start: Readout, backbone: Backbone, voxels: Voxels, layers: readonly FeatureLayer[]): Readout {
  requireOwnBackbone(start, backbone);
  if (start.voxels !== voxelIdentity(voxels) || start.voxelCount !== voxels.voxelCount) {
    throw new PipelineError('E_DATA', 'the readout to start from is of other voxels', { facts: { expected: `${voxels.voxelCount} voxels`, found: `${start.voxelCount} voxels, or those of another subject` }, hint: 'Connect a readout that was fitted on the same voxels.' });
  }
  for (const layer of start.layers) {
    const own = layers.find(({ name }) => name === layer.name);
    const fits = own !== undefined && own.grid.join() === layer.grid.join() && layer.channels.every((channel) => own.channels.includes(channel));
    if (fits) continue;
    throw new PipelineError('E_DATA', `the readout to start from sees layer "${layer.name}" otherwise`, {
      facts: { expected: layers.map(({ name, grid }) => `${name} ${grid.join('×')}`).join(', '), found: `${layer.name} ${layer.grid.join('×')}, ${layer.channels.length} channels` }, hint: 'Give both the same layers and grid.',
    });
  }
  return start;
}

/** Weights, two moments, gradient and a copy of each in the runtime; the expanded readout beside them. */
function requireMemory(params: Finetune, layers: readonly FeatureLayer[], voxels: number): void {
  const size = readoutSize(params.readout, layers, voxels);
  const width = featureCount(layers);
  const channels = Math.max(...layers.map((layer) => layer.channels.length));
  refuseBeyondMemory({
    what: 'the readout', bytes: Float32Array.BYTES_PER_ELEMENT * (8 * size + width * voxels + (params.readout === 'factorised' ? 4 * params.batch * channels * voxels : 0)),
    sizes: `${width} features, ${voxels} voxels and batches of ${params.batch}`, hint: 'Read out fewer layers, a smaller grid, fewer voxels or smaller batches.',
  });
}

function curves(losses: readonly number[], scores: readonly number[]): string {
  const epochs = losses.map((_, epoch) => epoch + 1);
  return lineChart({
    title: 'Mean squared error', xLabel: 'epoch', yLabel: 'mean squared error',
    series: [{ label: 'training', x: epochs, y: losses }, ...(scores.length > 0 ? [{ label: 'validation', x: [0, ...epochs], y: scores }] : [])],
  });
}

interface Facts {
  readonly rows: number;
  readonly validation: number;
  readonly trained: readonly Weight[];
  readonly readout: number;
  readonly voxels: number;
}

function report({ losses, scores, epoch }: { readonly losses: readonly number[]; readonly scores: readonly number[]; readonly epoch: number }, facts: Facts): ReportBlock[] {
  const validation = (e: number): number | null => scores[e] ?? null;
  return [
    { kind: 'metrics', title: 'Fine-tuning', values: { 'training rows': facts.rows, 'validation rows': facts.validation, voxels: facts.voxels, 'tensors of the backbone that were trained': facts.trained.length, 'weights of the readout': facts.readout, 'epoch of the result': epoch } },
    { kind: 'figure', title: 'Course of the training', file: FIGURE, caption: 'Training: mean over the steps of an epoch. Validation: after the epoch; before the first at 0.' },
    { kind: 'table', title: 'Mean squared error', columns: ['epoch', 'training', 'validation'], rows: [...(scores.length > 0 ? [[0, null, validation(0)]] : []), ...losses.map((loss, e) => [e + 1, loss, validation(e + 1)])] },
  ];
}
