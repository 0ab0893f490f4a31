/** The loop shared by everything that trains: order of batches, checkpoints, resuming, stopping early, and what it refuses. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { tensor } from '../../../src/core/tensor.js';
import type { TensorProgram } from '../../../src/core/tensor-service.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import { encodeModel } from '../../../src/graph/encode.js';
import { mul, reduceMean, reduceSum, sub } from '../../../src/graph/layers.js';
import { trainingStep, type State } from '../../../src/graph/training/step.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import { readCheckpoint, writeCheckpoint } from '../../../src/stages/training/checkpoint.js';
import { train, type Course, type Trained, type TrainingContext } from '../../../src/stages/training/loop.js';

const root = mkdtempSync(join(tmpdir(), 'loop-'));
const service = createOnnxRuntimeService({ threads: 1 });
afterAll(async () => {
  await service.dispose();
  rmSync(root, { recursive: true, force: true });
});

/** mean over the batch of (x·w − y)², w of three weights */
const BATCH = 4;
const random = new Random('rows');
const X = Float32Array.from({ length: 22 * 3 }, () => random.normal());
const Y = Float32Array.from({ length: 22 }, (_, i) => 2 * (X[i * 3] as number) - (X[i * 3 + 1] as number) + 0.1 * random.normal());
const b = new GraphBuilder();
const [x, y] = [b.input('x', 'float32', [BATCH, 3]), b.input('y', 'float32', [BATCH])];
const error = sub(b, reduceSum(b, mul(b, x, b.floats([1, 3], [0, 0, 0], 'w')), [1]), y);
b.output('loss', reduceMean(b, mul(b, error, error)));
const step = trainingStep(b.build(), { loss: 'loss', groups: [{ parameters: ['w'] }], optimiser: { kind: 'adam' } });
const program = await service.compile(encodeModel(step.graph));

interface Watched {
  readonly context: TrainingContext;
  readonly logs: string[];
  readonly warnings: string[];
  readonly steps: number[];
}

function watch(name: string, stopAt = Infinity): Watched {
  const [logs, warnings, steps] = [[] as string[], [] as string[], [] as number[]];
  const controller = new AbortController();
  const progress = (done: number): void => {
    steps.push(done);
    if (done >= stopAt) controller.abort(new Error('stopped here'));
  };
  return { logs, warnings, steps, context: { checkpoint: join(root, name), signal: controller.signal, progress, log: (text) => logs.push(text), warn: (text) => warnings.push(text) } };
}

const course = (more: Partial<Course> = {}): Course => ({
  count: 22, batch: BATCH, epochs: 4, random: new Random('order'), checkpointEvery: 3, rate: ({ step: t }) => 0.1 / (1 + t),
  *feeds(batches) {
    for (const rows of batches) yield { x: tensor('float32', [BATCH, 3], Float32Array.from({ length: BATCH * 3 }, (_, i) => X[(rows[Math.floor(i / 3)] as number) * 3 + (i % 3)] as number)), y: tensor('float32', [BATCH], Float32Array.from(rows, (i) => Y[i] as number)) };
  },
  ...more,
});
const weights = (trained: Trained): number[] => Array.from(trained.state['parameters'] as Float32Array);

describe('train', () => {
  it('takes full batches in an order of its own every epoch, each image at most once', async () => {
    const seen: number[][] = [];
    const { context } = watch('order');
    await train(program, step, course({
      *feeds(batches, first) {
        seen.push(batches.flatMap((rows) => [...rows]));
        yield* course().feeds(batches, first) as Iterable<Record<string, never>>;
      },
    }), context);
    expect(seen.map((rows) => [rows.length, new Set(rows).size])).toEqual([[20, 20], [20, 20], [20, 20], [20, 20]]);
    expect(seen[1]).not.toEqual(seen[0]);
  });

  it.each([1, 3, 4, 5, 6, 13, 19, 20])('goes on after a stop at step %i to the bits of an undisturbed training', async (at) => {
    const monitor = { patience: 3, score: (state: State) => Promise.resolve(Math.abs((state['parameters']?.[0] as number) - 0.2)) };
    const whole = await train(program, step, course({ monitor }), watch(`whole-${at}`).context);
    await expect(train(program, step, course({ monitor }), watch(`stopped-${at}`, at).context)).rejects.toThrow('stopped here').catch((error: unknown) => {
      if (at < 20) throw error; // the abort after the last step is too late
    });
    const second = watch(`stopped-${at}`);
    const resumed = await train(program, step, course({ monitor }), second.context);
    expect(resumed).toEqual(whole);
    // a checkpoint every third step and after every epoch of five; the step that was aborted after was done
    const kept = [3, 5, 6, 9, 10, 12, 15, 18, 20].filter((t) => t <= at).at(-1);
    expect(second.logs[0]).toBe(kept === undefined ? second.logs[0] : `goes on after step ${kept} (epoch ${Math.floor(kept / 5) + 1}) from a checkpoint`);
    expect(second.steps[0]).toBe(kept === 20 ? undefined : (kept ?? 0) + 1);
  });

  it('begins anew, and says so, where the checkpoint is damaged or of another training', async () => {
    const whole = await train(program, step, course(), watch('damaged').context);
    const [name] = readdirSync(join(root, 'damaged')) as [string];
    const path = join(root, 'damaged', name);
    const bytes = readFileSync(path);
    for (const change of [bytes.subarray(0, bytes.length - 2), Buffer.from(bytes).fill(7, bytes.length - 6, bytes.length - 5), Buffer.alloc(0)]) {
      writeFileSync(path, change);
      const again = watch('damaged');
      expect(await train(program, step, course(), again.context)).toEqual(whole);
      expect(again.warnings).toHaveLength(1);
      expect(again.steps[0]).toBe(1);
    }
    writeCheckpoint(join(root, 'damaged'), { step: 4, sum: 0, losses: [], scores: [], state: { parameters: new Float32Array(2) } });
    const other = watch('damaged');
    expect(await train(program, step, course(), other.context)).toEqual(whole);
    expect(other.warnings).toHaveLength(1);
  });

  it('ends when nothing gets better, with the best state', async () => {
    const scores = [5, 4, 3, 3.5, 3, 9];
    const states: number[] = [];
    const monitor = {
      patience: 2,
      score: (state: State) => {
        states.push(state['parameters']?.[0] as number);
        return Promise.resolve(scores[states.length - 1] as number);
      },
    };
    const trained = await train(program, step, course({ epochs: 20, monitor }), watch('early').context);
    expect(trained.scores).toEqual([5, 4, 3, 3.5, 3]);
    expect(trained.epoch).toBe(2);
    expect(weights(trained)[0]).toBe(states[2]);
  });

  it('names the step in which the loss stops being finite', async () => {
    const broken: TensorProgram = { ...program, inputs: program.inputs, outputs: program.outputs, dispose: () => program.dispose(), run: (feeds) => program.run(feeds['rate']?.data[0] === Math.fround(0.1 / 7) ? { ...feeds, y: tensor('float32', [BATCH], new Float32Array(BATCH).fill(NaN)) } : feeds) };
    await expect(train(broken, step, course(), watch('broken').context)).rejects.toMatchObject({ code: 'E_NOT_CONVERGED', message: 'the loss stopped being finite in step 7' });
  });
});

describe('a checkpoint', () => {
  it('comes back as it was, every bit of it', () => {
    const state = { a: Float32Array.of(1.5, -0, 1e-40), b: new Float32Array(0) };
    const progress = { step: 7, sum: 0.1 + 0.2, losses: [0.3], scores: [1, 0.5], state, best: { a: Float32Array.of(1, 2, 3), b: new Float32Array(0) } };
    writeCheckpoint(join(root, 'bits'), progress);
    expect(readCheckpoint(join(root, 'bits'), { a: 3, b: 0 }, expect.unreachable)).toEqual(progress);
    expect(readdirSync(join(root, 'bits'))).toEqual(['training.safetensors']);
    expect(readCheckpoint(join(root, 'nothing'), {}, expect.unreachable)).toBeUndefined();
  });
});
