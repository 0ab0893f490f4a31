/** The training loop: seeded batches, Adam with warm-up and cosine, a checkpoint after every epoch from which a killed run goes on bit for bit. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import type { Random } from '../../core/random.js';
import { tensor, type Tensor } from '../../core/tensor.js';
import type { TensorProgram } from '../../core/tensor-service.js';
import { readNpy, writeNpy } from '../../formats/npy.js';
import { STEP_INPUTS, STEP_OUTPUTS, type TrainingStep } from '../../graph/training.js';

export interface TrainOptions {
  readonly epochs: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly warmup: number;
}

/** What the training graph is fed beside weights and moments: the batch made of these pictures, with random numbers of its own for every step. */
export type Feeds = (indices: Int32Array, step: number) => Readonly<Record<string, Tensor>>;

/**
 * rate(t) = η·min(1, (t+1)/warmup)·½(1 + cos(π·t/T)), t = 0 … T−1 over the whole run.
 * @source reference recipe, section 3
 */
export function learningRate(step: number, total: number, options: Pick<TrainOptions, 'learningRate' | 'warmup'>): number {
  return options.learningRate * Math.min(1, (step + 1) / options.warmup) * 0.5 * (1 + Math.cos((Math.PI * step) / total));
}

/**
 * @param indices images to train on; an epoch takes ⌊n/batch⌋ full batches in a fresh seeded order
 * @returns the trained weights as one vector (layout of `step`) and the mean loss of every epoch
 * Errors: E_NOT_CONVERGED when the loss stops being finite.
 */
export async function train(
  program: TensorProgram,
  step: TrainingStep,
  feedsOf: Feeds,
  indices: Int32Array,
  random: Random,
  options: TrainOptions,
  context: { readonly checkpoint: string; readonly signal: AbortSignal; progress(done: number, total: number, note?: string): void; log(message: string): void },
): Promise<{ readonly weights: Float32Array; readonly losses: readonly number[] }> {
  const { batch, epochs } = options;
  const perEpoch = Math.floor(indices.length / batch);
  if (perEpoch === 0) throw new PipelineError('E_DATA', 'there are fewer training images than one batch holds', { facts: { expected: `at least ${batch}`, found: indices.length }, hint: 'Draw more images, or lower the parameter batch.' });
  const total = perEpoch * epochs;
  const size = step.initial.data.length;
  const resumed = latestCheckpoint(context.checkpoint, size);
  let state = resumed?.state ?? { parameters: step.initial.data, moment1: new Float32Array(size), moment2: new Float32Array(size) };
  if (resumed !== undefined) context.log(`goes on after epoch ${resumed.epoch} from a checkpoint`);
  const losses = [...(resumed?.losses ?? [])];
  for (let epoch = resumed?.epoch ?? 0; epoch < epochs; epoch += 1) {
    const order = random.fork(`epoch ${epoch}`).permutation(indices.length);
    const batchAt = (k: number): Readonly<Record<string, Tensor>> => feedsOf(Int32Array.from(order.subarray(k * batch, (k + 1) * batch), (i) => indices[i] as number), epoch * perEpoch + k);
    let sum = 0;
    let next = batchAt(0);
    for (let k = 0; k < perEpoch; k += 1) {
      context.signal.throwIfAborted();
      const t = epoch * perEpoch + k;
      const running = program.run({
        ...next,
        [STEP_INPUTS.parameters]: tensor('float32', [size], state.parameters),
        [STEP_INPUTS.moment1]: tensor('float32', [size], state.moment1),
        [STEP_INPUTS.moment2]: tensor('float32', [size], state.moment2),
        ...step.scalars(t + 1, learningRate(t, total, options)),
      });
      // The runtime computes on its own threads: the next batch is made meanwhile.
      if (k + 1 < perEpoch) next = batchAt(k + 1);
      const result = await running;
      const loss = (result['loss']?.data as Float32Array)[0] as number;
      if (!Number.isFinite(loss)) {
        throw new PipelineError('E_NOT_CONVERGED', `the loss stopped being finite in step ${t + 1}`, { facts: { expected: 'a finite loss', found: loss }, hint: 'Lower learning_rate, or raise warmup.' });
      }
      state = {
        parameters: result[STEP_OUTPUTS.parameters]?.data as Float32Array,
        moment1: result[STEP_OUTPUTS.moment1]?.data as Float32Array,
        moment2: result[STEP_OUTPUTS.moment2]?.data as Float32Array,
      };
      sum += loss;
      context.progress(t + 1, total, `loss ${loss.toFixed(3)}`);
    }
    // Rounded as the checkpoint keeps it: a resumed run reports the very same numbers.
    losses.push(Math.fround(sum / perEpoch));
    context.log(`epoch ${epoch + 1} of ${epochs}: mean loss ${(sum / perEpoch).toFixed(4)}`);
    if (epoch + 1 < epochs) writeCheckpoint(context.checkpoint, epoch + 1, state, losses);
  }
  return { weights: state.parameters, losses };
}

interface State {
  readonly parameters: Float32Array;
  readonly moment1: Float32Array;
  readonly moment2: Float32Array;
}

/** One file, renamed when it is whole: weights, moments and the losses so far (all of them float32). */
function writeCheckpoint(folder: string, epoch: number, state: State, losses: readonly number[]): void {
  mkdirSync(folder, { recursive: true });
  const size = state.parameters.length;
  const all = new Float32Array(3 * size + losses.length);
  all.set(state.parameters);
  all.set(state.moment1, size);
  all.set(state.moment2, 2 * size);
  all.set(losses, 3 * size);
  const path = join(folder, `epoch-${String(epoch).padStart(4, '0')}.npy`);
  writeNpy(`${path}.part`, tensor('float32', [all.length], all));
  renameSync(`${path}.part`, path);
  for (const name of readdirSync(folder)) if (/^epoch-\d+\.npy$/.test(name) && join(folder, name) !== path) rmSync(join(folder, name));
}

function latestCheckpoint(folder: string, size: number): { epoch: number; state: State; losses: number[] } | undefined {
  if (!existsSync(folder)) return undefined;
  const name = readdirSync(folder).filter((candidate) => /^epoch-\d+\.npy$/.test(candidate)).sort().at(-1);
  if (name === undefined) return undefined;
  const all = readNpy(join(folder, name)).data as Float32Array;
  return {
    epoch: Number(/\d+/.exec(name)?.[0]),
    state: { parameters: all.slice(0, size), moment1: all.slice(size, 2 * size), moment2: all.slice(2 * size, 3 * size) },
    losses: Array.from(all.subarray(3 * size)),
  };
}
