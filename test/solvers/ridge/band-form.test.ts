import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { tensor } from '../../../src/core/tensor.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import { reduceToBand, type BandForm } from '../../../src/solvers/ridge/band-form.js';
import { ProgramCache } from '../../../src/solvers/ridge/program-cache.js';
import { BAND } from '../../../src/solvers/ridge/programs.js';
import { applyReflectors, reflectorFeeds, type Product } from '../../../src/solvers/ridge/reflectors.js';

const service = createOnnxRuntimeService({ threads: 1 });
afterAll(() => service.dispose());

/** A Gram matrix of random rows, with some zero columns as padding leaves them. */
function gramMatrix(size: number, zeros: number): Float64Array {
  const random = new Random(`band ${size}`);
  const rows = size + 10;
  const x = Float64Array.from({ length: rows * size }, (_, at) => (at % size >= size - zeros ? 0 : random.normal()));
  const s = new Float64Array(size * size);
  for (let i = 0; i < rows; i += 1) for (let j = 0; j < size; j += 1) for (let k = 0; k < size; k += 1) s[j * size + k] = (s[j * size + k] as number) + (x[i * size + j] as number) * (x[i * size + k] as number);
  return s;
}

async function apply(product: Product, band: BandForm, e: Float64Array, extent: number): Promise<Float64Array> {
  const { size, reflectors } = band;
  const program = await service.compile(applyReflectors(product, 'float64', extent, size, reflectors));
  const shape = product === 'Q transposed by columns' ? [size, extent] : [extent, size];
  const outputs = await program.run({ e: tensor('float64', shape, e), ...reflectorFeeds(reflectors, size) });
  return outputs['c']?.data as Float64Array;
}

function product(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i += 1) for (let k = 0; k < n; k += 1) for (let j = 0; j < n; j += 1) out[i * n + j] = (out[i * n + j] as number) + (a[i * n + k] as number) * (b[k * n + j] as number);
  return out;
}
const transposed = (a: Float64Array, n: number): Float64Array => Float64Array.from({ length: n * n }, (_, at) => a[(at % n) * n + Math.floor(at / n)] as number);
const worst = (a: Float64Array, b: Float64Array): number => a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] as number))), 0);

describe('the band form of a symmetric matrix', () => {
  // one block, one group, a group and a part of one
  for (const blocks of [1, 3, 5, 7]) {
    it(`multiplies back to the matrix, with an orthogonal Q: ${blocks} blocks`, async () => {
      const size = blocks * BAND;
      const s = gramMatrix(size, 9);
      const before = s.slice();
      const programs = new ProgramCache(service);
      const band = await reduceToBand(programs, s, size);
      await programs.dispose();
      expect(worst(s, before)).toBe(0);
      const b = new Float64Array(size * size);
      for (let i = 0; i < blocks; i += 1) {
        for (let r = 0; r < BAND; r += 1) {
          for (let c = 0; c < BAND; c += 1) {
            b[(i * BAND + r) * size + i * BAND + c] = (band.diagonal[i] as Float64Array)[r * BAND + c] as number;
            if (i + 1 === blocks) continue;
            const below = (band.below[i] as Float64Array)[r * BAND + c] as number;
            b[((i + 1) * BAND + r) * size + i * BAND + c] = below;
            b[(i * BAND + c) * size + (i + 1) * BAND + r] = below;
          }
        }
      }
      const identity = Float64Array.from({ length: size * size }, (_, at) => (at % size === Math.floor(at / size) ? 1 : 0));
      const q = await apply('rows by Q', band, identity, size);
      const qt = await apply('rows by Q transposed', band, identity, size);
      expect(worst(qt, transposed(q, size))).toBeLessThan(1e-14);
      expect(worst(await apply('Q transposed by columns', band, identity, size), qt)).toBeLessThan(1e-14);
      expect(worst(product(q, qt, size), identity)).toBeLessThan(1e-13);
      // entries of S are of the order of the number of rows
      expect(worst(product(product(q, b, size), qt, size), s)).toBeLessThan(1e-12 * size);
    });
  }

  it('stores float32 products of a float64 computation', async () => {
    const size = 3 * BAND;
    const programs = new ProgramCache(service);
    const band = await reduceToBand(programs, gramMatrix(size, 0), size);
    const e = Float32Array.from({ length: size * 2 }, (_, i) => Math.fround(Math.sin(i)));
    const exact = await apply('Q transposed by columns', band, Float64Array.from(e), 2);
    const outputs = await programs.run('float32', () => applyReflectors('Q transposed by columns', 'float32', 2, size, band.reflectors), { e: tensor('float32', [size, 2], e), ...reflectorFeeds(band.reflectors, size) });
    expect(outputs['c']?.data).toEqual(Float32Array.from(exact));
    await programs.dispose();
  });
});
