/**
 * The training loop of every stage that trains: seeded batches, a rate for every step, checkpoints from which a killed run goes on bit for bit, and
 * a choice of the best state. It carries the state of a step from run to run and knows neither networks nor optimisers.
 */
import { PipelineError } from '../../core/errors.js';
import type { Random } from '../../core/random.js';
import { tensor, type Tensor } from '../../core/tensor.js';
import type { TensorProgram } from '../../core/tensor-service.js';
import type { When } from '../../graph/training/schedule.js';
import type { State, TrainingStep } from '../../graph/training/step.js';
import { readCheckpoint, writeCheckpoint, type Progress } from './checkpoint.js';

export type Feeds = Readonly<Record<string, Tensor>>;

export interface Course {
  /** what is trained on: 0 … count − 1; an epoch takes ⌊count/batch⌋ full batches in a fresh seeded order */
  readonly count: number;
  readonly batch: number;
  readonly epochs: number;
  readonly random: Random;
  /** steps between checkpoints; there is one after every epoch besides */
  readonly checkpointEvery: number;
  rate(when: When): number;
  /** What the graph is fed beside state and scalars, for each batch in turn. The next one may be prepared while the caller works on one. @param first step of the first batch, which names its random stream */
  feeds(batches: readonly Int32Array[], first: number): AsyncIterable<Feeds> | Iterable<Feeds>;
  /** How good a state is (lower is better), measured before the first step and after every epoch. With patience p > 0, training ends when p epochs brought nothing better, and the best state is the result. */
  readonly monitor?: { score(state: State): Promise<number>; readonly patience: number };
}

export interface TrainingContext {
  readonly checkpoint: string;
  readonly signal: AbortSignal;
  progress(done: number, total: number, note?: string): void;
  log(message: string): void;
  warn(message: string): void;
}

export interface Trained {
  readonly state: State;
  /** mean loss of every epoch */
  readonly losses: readonly number[];
  /** scores of the monitor: the untrained state, then after every epoch */
  readonly scores: readonly number[];
  /** epochs behind the state that is the result */
  readonly epoch: number;
}

/** Errors: E_DATA if there are fewer items than a batch holds; E_NOT_CONVERGED when the loss or a score stops being finite. */
export async function train(program: TensorProgram, step: TrainingStep, course: Course, context: TrainingContext): Promise<Trained> {
  const { batch, epochs, count, monitor } = course;
  const perEpoch = Math.floor(count / batch);
  if (perEpoch === 0) throw new PipelineError('E_DATA', 'there are fewer training images than one batch holds', { facts: { expected: `at least ${batch}`, found: count }, hint: 'Take more images, or lower the parameter batch.' });
  const total = perEpoch * epochs;
  let at = await begin(step, course, context, perEpoch);
  while (at.step < total && !exhausted(at.scores, monitor?.patience ?? 0)) {
    const epoch = Math.floor(at.step / perEpoch);
    const order = course.random.fork(`epoch ${epoch}`).permutation(count);
    const batches = Array.from({ length: perEpoch }, (_, k) => order.subarray(k * batch, (k + 1) * batch)).slice(at.step - epoch * perEpoch);
    for await (const feeds of course.feeds(batches, at.step)) {
      context.signal.throwIfAborted();
      const rate = course.rate({ step: at.step, stepsPerEpoch: perEpoch, total });
      const result = await program.run({ ...feeds, ...asTensors(at.state), ...step.scalars(at.step + 1, rate) });
      const loss = (result['loss']?.data as Float32Array)[0] as number;
      if (!Number.isFinite(loss)) throw notFinite(`the loss stopped being finite in step ${at.step + 1}`, loss);
      const state = Object.fromEntries(step.state.map(({ input, output }) => [input, result[output]?.data as Float32Array]));
      at = { ...at, step: at.step + 1, sum: at.sum + loss, state };
      context.progress(at.step, total, `loss ${loss.toFixed(3)}`);
      const last = at.step % perEpoch === 0;
      if (!last && at.step % course.checkpointEvery === 0) writeCheckpoint(context.checkpoint, at);
    }
    const mean = at.sum / perEpoch;
    // a float32, as the loss itself
    at = await scored({ ...at, sum: 0, losses: [...at.losses, Math.fround(mean)] }, monitor);
    const score = at.scores.at(-1);
    context.log(`epoch ${epoch + 1} of ${epochs}: mean loss ${mean.toFixed(4)}${score === undefined ? '' : `, validation ${score.toFixed(4)}`}`);
    writeCheckpoint(context.checkpoint, at);
  }
  const epoch = at.best === undefined ? at.losses.length : at.scores.indexOf(Math.min(...at.scores));
  return { state: at.best ?? at.state, losses: at.losses, scores: at.scores, epoch };
}

async function begin(step: TrainingStep, course: Course, context: TrainingContext, perEpoch: number): Promise<Progress> {
  const sizes = Object.fromEntries(step.state.map(({ input, initial }) => [input, initial.length]));
  const resumed = readCheckpoint(context.checkpoint, sizes, (message) => context.warn(message));
  if (resumed !== undefined) {
    context.log(`goes on after step ${resumed.step} (epoch ${Math.floor(resumed.step / perEpoch) + 1}) from a checkpoint`);
    return resumed;
  }
  const state = Object.fromEntries(step.state.map(({ input, initial }) => [input, initial]));
  return scored({ step: 0, sum: 0, losses: [], scores: [], state }, course.monitor);
}

/** With the score of its state, and that state as the best one if it is. */
async function scored(at: Progress, monitor: Course['monitor']): Promise<Progress> {
  if (monitor === undefined) return at;
  const score = await monitor.score(at.state);
  if (!Number.isFinite(score)) throw notFinite(`the score on validation images is not finite after step ${at.step}`, score);
  const better = at.scores.every((earlier) => score < earlier);
  return { ...at, scores: [...at.scores, score], ...(better && monitor.patience > 0 ? { best: at.state } : {}) };
}

function exhausted(scores: readonly number[], patience: number): boolean {
  return patience > 0 && scores.length - 1 - scores.indexOf(Math.min(...scores)) >= patience;
}

function asTensors(state: State): Feeds {
  return Object.fromEntries(Object.entries(state).map(([name, data]) => [name, tensor('float32', [data.length], data)]));
}

function notFinite(message: string, found: number): PipelineError {
  return new PipelineError('E_NOT_CONVERGED', message, { facts: { expected: 'a finite number', found }, hint: 'Lower the learning rate, warm up longer, or clip the gradients.' });
}
