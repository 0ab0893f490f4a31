/**
 * The graphs of a fine-tuning: one that trains (readout and chosen weights of the backbone, jointly) and one that predicts with the weights of any moment.
 * Both begin at the same seams: the image, or what the frozen part of the backbone has made of it.
 */
import type { Tensor } from '../../core/tensor.js';
import { GraphBuilder } from '../../graph/builder.js';
import type { Graph, Value } from '../../graph/ir.js';
import { mul, reduceMean, sub } from '../../graph/layers.js';
import { optimise } from '../../graph/optimise/index.js';
import { withWeights } from '../../graph/parameters.js';
import { batchNormTraining } from '../../graph/training/batch-norm.js';
import type { Clipping } from '../../graph/training/clip.js';
import { movedBy } from '../../graph/training/frozen-part.js';
import type { Optimiser } from '../../graph/training/optimiser.js';
import { trainingStep, type ParameterGroup, type TrainingStep } from '../../graph/training/step.js';
import type { Weight } from '../../graph/training/trainable.js';
import type { FeatureLayer } from '../artifacts/features.js';
import { INTERCEPT, predict, readoutNames, type ReadoutForm, type Standard, type Weights } from './readout-model.js';

/** measured responses: float32 [batch, voxel] */
export const TARGETS = 'targets';
/** float32 [batch, voxel] */
export const PREDICTED = 'predicted';

export interface Model {
  /** from the seams to `features:<layer>`; weights of the backbone under the names of `trained` */
  readonly graph: Graph;
  readonly layers: readonly FeatureLayer[];
  /** weights of the backbone that are trained */
  readonly trained: readonly Weight[];
  readonly form: ReadoutForm;
  readonly standard: readonly Standard[];
  /** where the readout begins */
  readonly readout: Weights;
}

export interface StepOptions {
  readonly optimiser: Optimiser;
  readonly clip: Clipping;
  readonly weightDecay: number;
  /** factor on the rate for weights of the backbone */
  readonly backboneRate: number;
  /** batch norms behind the frozen part normalise by the statistics of the batch, and keep running ones */
  readonly batchNormTraining: boolean;
  /** TensorService.poolIndices */
  readonly poolIndices: boolean;
}

/** loss = mean over images and voxels of (ŷ − y)². Norms, biases and intercepts are not decayed. */
export function finetuneStep(model: Model, options: StepOptions): TrainingStep {
  const names = model.trained.map((weight) => weight.name);
  const { graph, statistics } = options.batchNormTraining ? batchNormTraining(model.graph, movedBy(model.graph, names)) : { graph: model.graph, statistics: [] };
  const b = GraphBuilder.from(graph);
  const predicted = predictFrom(b, graph, model);
  const error = sub(b, predicted, b.input(TARGETS, 'float32', predicted.shape));
  b.output('loss', reduceMean(b, mul(b, error, error), undefined, false, 'loss'));
  for (const { next } of statistics) b.output(next, graph.values.get(next) as Value);
  const readout = readoutNames(model.form, model.layers).filter((name) => name !== INTERCEPT);
  const kept = [...names, ...readout, INTERCEPT, ...statistics.map((statistic) => statistic.name)];
  const groups: readonly ParameterGroup[] = [
    { name: 'backbone', parameters: model.trained.filter((weight) => !weight.vector).map((weight) => weight.name), rate: options.backboneRate, weightDecay: options.weightDecay },
    { name: 'backbone vectors', parameters: model.trained.filter((weight) => weight.vector).map((weight) => weight.name), rate: options.backboneRate },
    { name: 'readout', parameters: readout, weightDecay: options.weightDecay },
    { name: 'intercept', parameters: [INTERCEPT] },
  ];
  return trainingStep(optimise(b.build(), [], { trained: kept }), { loss: 'loss', groups: groups.filter((group) => group.parameters.length > 0), optimiser: options.optimiser, clip: options.clip, statistics, poolIndices: options.poolIndices });
}

/** Features and predictions of the seams with the weights given (those of the backbone and the readout), batch norms by their running statistics. */
export function predictionGraph(model: Model, weights: ReadonlyMap<string, Tensor>): Graph {
  const b = GraphBuilder.from(model.graph);
  for (const output of model.graph.outputs) b.output(`${output.name}:out`, output);
  b.output(PREDICTED, predictFrom(b, model.graph, model));
  return withWeights(b.build(), weights);
}

function predictFrom(b: GraphBuilder, graph: Graph, { form, layers, standard, readout }: Model): Value {
  return predict(b, form, layers, standard, readout, Object.fromEntries(graph.outputs.map((output) => [output.name, output])));
}
