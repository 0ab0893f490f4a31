import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { pearsonColumns } from '../../src/math/statistics-correlation.js';
import { createOnnxRuntimeService } from '../../src/runtime/onnxruntime-service.js';
import { permutedCorrelations } from '../../src/solvers/index.js';

const service = createOnnxRuntimeService({ threads: 1 });
afterAll(() => service.dispose());

const [images, voxels] = [25, 4];
const random = new Random('permuted');
const x = Float32Array.from({ length: images * voxels }, () => random.normal(3));
const y = x.map((value, at) => (at % voxels === 3 ? 2 : 0.4 * (at % voxels) * value + random.normal(1000)));

async function shuffled(count: number, seed: string, measured = y, n = images): Promise<number[][]> {
  const rows: number[][] = [];
  await permutedCorrelations(service, x.subarray(0, n * voxels), measured.subarray(0, n * voxels), n, voxels, { count, random: new Random(seed), visit: (r, shuffle) => { expect(shuffle).toBe(rows.length); rows.push([...r]); } });
  return rows;
}

describe('correlations of shuffled images', () => {
  it.each([25, 24, 3])('equal those of the same orders written out one by one, for %i images', async (n) => {
    const count = 2 * n + 5;
    const rows = await shuffled(count, 'orders', y, n);
    expect(rows).toHaveLength(count);
    const replay = new Random('orders');
    for (let k = 0; k < count; k += n) {
      const [sigma, tau] = [replay.permutation(n), replay.permutation(n)];
      for (let s = 0; s < Math.min(n, count - k); s += 1) {
        const order = (values: Float32Array, row: (i: number) => number): Float32Array => Float32Array.from({ length: n * voxels }, (_, at) => values[row(Math.floor(at / voxels)) * voxels + (at % voxels)] as number);
        const expected = pearsonColumns(order(x, (i) => sigma[i] as number), order(y, (i) => tau[(i + s) % n] as number), voxels);
        for (let v = 0; v < 3; v += 1) expect(Math.abs((rows[k + s]?.[v] as number) - (expected[v] as number)), `shuffle ${k + s}`).toBeLessThan(2e-6);
        expect(rows[k + s]?.[3]).toBeNaN();
      }
    }
  });

  it('sum to 0 over the rotations of one pair of orders, as over all orders', async () => {
    const rows = await shuffled(images, 'zero');
    for (let v = 0; v < 3; v += 1) expect(Math.abs(rows.reduce((sum, r) => sum + (r[v] as number), 0))).toBeLessThan(1e-4);
  });

  it('are uniform over all orders one by one: of 6 orders of 3 images each is met as often', async () => {
    const plain = Float32Array.from([0, 1, 5]);
    const seen = new Map<string, number>();
    const draws = 1200;
    await permutedCorrelations(service, plain, Float32Array.from([0, 2, 3]), 3, 1, { count: draws, random: new Random('uniform'), visit: ([r]) => { const key = String(Math.round(1000 * (r as number)) + 0); seen.set(key, (seen.get(key) ?? 0) + 1); } });
    expect(seen.size).toBe(6);
    // every third draw is free, so the standard error of a share is at most √(1/6·5/6/400) = 0.019
    for (const count of seen.values()) expect(Math.abs(count / draws - 1 / 6)).toBeLessThan(4 * 0.019);
  });

  it('are the same numbers when fewer are asked for, and none when none are', async () => {
    expect(await shuffled(7, 'same')).toEqual((await shuffled(60, 'same')).slice(0, 7));
    expect(await shuffled(0, 'same')).toEqual([]);
  });

  it('are the same bits on one thread and on two', async () => {
    const [n, width] = [64, 300];
    const wide = Float32Array.from({ length: n * width }, () => random.normal());
    const other = Float32Array.from({ length: n * width }, () => random.normal());
    const all = async (using: typeof service): Promise<number[]> => {
      const out: number[] = [];
      await permutedCorrelations(using, wide, other, n, width, { count: 70, random: new Random('threads'), visit: (r) => { out.push(...r); } });
      return out;
    };
    const two = createOnnxRuntimeService({ threads: 2 });
    expect(await all(two)).toEqual(await all(service));
    await two.dispose();
  });
});
