/** Threads chosen by measurement: the protocol with a clock of our own, the bytes with the real runtime, and what is remembered. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { tensor, type Tensor } from '../../src/core/tensor.js';
import type { TensorProgram, TensorService } from '../../src/core/tensor-service.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { encodeModel } from '../../src/graph/encode.js';
import { conv2d, relu } from '../../src/graph/layers.js';
import { createOnnxRuntimeService } from '../../src/runtime/onnxruntime-service.js';
import { threadMemory, type ThreadMemory } from '../../src/runtime/thread-memory.js';
import { createTunedService } from '../../src/runtime/tuned-service.js';

const root = mkdtempSync(join(tmpdir(), 'tuned-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const MODEL = Uint8Array.of(1, 2, 3);
const RUNS = 6;

/** Services whose runs take as long as `cost` says, on a clock that only they move. */
function clocked(cost: (threads: number) => number, memory: ThreadMemory) {
  let time = 0;
  const log: string[] = [];
  const make = (threads: number): TensorService => ({
    identity: () => 'onnxruntime-cpu',
    poolIndices: true,
    compile(): Promise<TensorProgram> {
      log.push(`compile ${threads}`);
      return Promise.resolve({
        inputs: [], outputs: [],
        async run() {
          log.push(`run ${threads}`);
          await Promise.resolve();
          time += cost(threads);
          return {};
        },
        dispose: () => Promise.resolve(void log.push(`release ${threads}`)),
      });
    },
    dispose: () => Promise.resolve(),
  });
  return { log, service: createTunedService({ threads: 8, make, memory, now: () => time }) };
}

function kept(): ThreadMemory & { readonly entries: Map<string, number> } {
  const entries = new Map<string, number>();
  return { entries, recall: (model) => entries.get(model), keep: (model, threads) => void entries.set(model, threads) };
}

async function times(program: TensorProgram, count: number): Promise<void> {
  for (let k = 0; k < count; k += 1) await program.run({});
}

describe('a tuned service', () => {
  it.each([[8, 4, 10, 4], [8, 4, 3, 8], [8, 4, 5.2, 8]])('keeps the faster of %i and %i threads, the first where they hardly differ', async (all, half, costOfAll, expected) => {
    const memory = kept();
    const { log, service } = clocked((threads) => (threads === all ? costOfAll : 5), memory);
    await times(await service.compile(MODEL), RUNS + 2);
    expect(log).toEqual([`compile ${all}`, ...Array<string>(3).fill(`run ${all}`), `compile ${half}`, ...Array<string>(3).fill(`run ${half}`), `release ${expected === all ? half : all}`, `run ${expected}`, `run ${expected}`]);
    expect([...memory.entries.values()]).toEqual([expected]);
    log.length = 0;
    await times(await service.compile(MODEL), RUNS + 2);
    expect(log).toEqual([`compile ${expected}`, ...Array<string>(RUNS + 2).fill(`run ${expected}`)]);
  });

  it('does not compile a program twice that runs twice, and times no runs that overlap or ask for something else', async () => {
    const { log, service } = clocked(() => 1, kept());
    const program = await service.compile(MODEL);
    await times(program, 2);
    for (let k = 0; k < 5; k += 1) await Promise.all([program.run({}), program.run({})]);
    for (let k = 0; k < 5; k += 1) await program.run({}, ['other']);
    expect(log.filter((line) => line.startsWith('compile'))).toEqual(['compile 8']);
    await program.run({});
    expect(log.at(-1)).toBe('compile 4');
    await program.dispose();
    expect(log.slice(-2).sort()).toEqual(['release 4', 'release 8']);
  });

  it('goes on with a program that is there when a run began before the change-over and ended after it', async () => {
    const { log, service } = clocked(() => 1, kept());
    const program = await service.compile(MODEL);
    await times(program, 2);
    const third = program.run({});
    await Promise.resolve();
    for (let k = 0; k < 4; k += 1) await Promise.resolve();
    await Promise.all([third, program.run({})]);
    await times(program, RUNS);
    expect(log.filter((line) => line.startsWith('release'))).toEqual(['release 4']);
    expect(log.slice(log.indexOf('release 4') + 1).every((line) => line === 'run 8')).toBe(true);
  });

  it('stays with all threads where the second copy cannot be had', async () => {
    const { log, service } = clocked(() => 1, kept());
    const program = await service.compile(MODEL);
    const broken = createTunedService({
      threads: 8, memory: kept(), now: () => 0,
      make: (threads) => ({ ...service, compile: () => (threads === 8 ? Promise.resolve(program) : Promise.reject(new Error('no memory'))) }),
    });
    await times(await broken.compile(MODEL), RUNS);
    expect(log.filter((line) => line.startsWith('run'))).toHaveLength(RUNS);
  });

  it('gives the bytes of one thread in every run of its measurement and after it', async () => {
    const random = new Random('tuned');
    const b = new GraphBuilder();
    const normals = (shape: number[]): Float32Array => Float32Array.from({ length: shape.reduce((x, y) => x * y) }, () => random.normal());
    const maps = relu(b, conv2d(b, b.input('x', 'float32', [2, 3, 24, 24]), b.floats([16, 3, 3, 3], normals([16, 3, 3, 3])), undefined, { pads: 1 }));
    b.output('y', conv2d(b, maps, b.floats([8, 16, 3, 3], normals([8, 16, 3, 3])), undefined, { pads: 1 }));
    const model = encodeModel(b.build());
    const feeds = { x: tensor('float32', [2, 3, 24, 24], normals([2, 3, 24, 24])) };
    const one = createOnnxRuntimeService({ threads: 1 });
    const expected = ((await (await one.compile(model)).run(feeds))['y'] as Tensor).data;
    const memory = kept();
    const tuned = createTunedService({ threads: 4, make: (threads) => createOnnxRuntimeService({ threads }), memory });
    const program = await tuned.compile(model);
    for (let k = 0; k < RUNS + 3; k += 1) expect((await program.run(feeds))['y']?.data).toEqual(expected);
    expect([2, 4]).toContain([...memory.entries.values()][0]);
    await Promise.all([tuned.dispose(), one.dispose()]);
  });
});

describe('the memory of threads', () => {
  const folder = join(root, 'tuning');
  const file = (): string => join(folder, readdirSync(folder)[0] as string);

  it('is a file that may be deleted or damaged, and forgets the oldest', () => {
    const memory = threadMemory(folder, 8, true);
    expect(memory.recall('a')).toBeUndefined();
    memory.keep('a', 4);
    expect(threadMemory(folder, 8, true).recall('a')).toBe(4);
    expect(threadMemory(folder, 16, true).recall('a')).toBeUndefined();
    for (const damage of ['', '{"a":4}', '[["a","4"],[4],null]', '[[']) {
      writeFileSync(file(), damage);
      expect(memory.recall('a')).toBeUndefined();
    }
    for (let i = 0; i < 510; i += 1) memory.keep(`m${i}`, 8);
    expect([memory.recall('m9'), memory.recall('m10')]).toEqual([undefined, 8]);
    expect(readFileSync(file(), 'utf8').length).toBeLessThan(50_000);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it('writes nothing where it may not, and does not mind where it cannot', () => {
    threadMemory(join(root, 'read-only'), 8, false).keep('a', 4);
    expect(existsSync(join(root, 'read-only'))).toBe(false);
    writeFileSync(join(root, 'taken'), '');
    expect(() => threadMemory(join(root, 'taken'), 8, true).keep('a', 4)).not.toThrow();
  });
});
