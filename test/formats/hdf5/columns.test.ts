import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sizeOf } from '../../../src/core/tensor.js';
import { gatherColumns } from '../../../src/formats/hdf5/columns.js';
import { ramp } from '../support.js';

const extents = fc.integer({ min: 1, max: 6 });

test('columns equal the array in every layout, and no element is read twice', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(extents, extents), { minLength: 2, maxLength: 4 }),
      fc.boolean(),
      fc.array(fc.nat(), { maxLength: 9 }),
      fc.integer({ min: 1, max: 400 }),
      (axes, contiguous, picks, boxBytes) => {
        const shape = axes.map(([extent]) => extent);
        const chunks = contiguous ? null : axes.map(([extent, chunk]) => Math.min(extent, chunk));
        const data = ramp(shape, 'int16');
        const reads = new Uint8Array(data.length);
        const plane = sizeOf(shape.slice(1));
        const source = {
          name: 'a', shape, dtype: 'int16' as const, chunks,
          readInto: (ranges: readonly (readonly [number, number])[], target: ArrayLike<number> | object): void => {
            const out = target as Int16Array;
            const index = ranges.map(([start]) => start);
            for (let i = 0; i < out.length; i += 1) {
              const at = index.reduce((sum, value, axis) => sum * (shape[axis] as number) + value, 0);
              out[i] = data[at] as number;
              reads[at] = (reads[at] as number) + 1;
              for (let axis = index.length - 1; axis >= 0; axis -= 1) {
                index[axis] = (index[axis] as number) + 1;
                if ((index[axis] as number) < (ranges[axis] as readonly [number, number])[1]) break;
                index[axis] = (ranges[axis] as readonly [number, number])[0];
              }
            }
          },
        };
        const places = Int32Array.from(new Set(picks.map((pick) => pick % plane)));
        const out = new Int16Array((shape[0] as number) * places.length);
        gatherColumns(source, places, out, boxBytes);
        for (let t = 0; t < (shape[0] as number); t += 1) places.forEach((place, i) => expect(out[t * places.length + i]).toBe(data[t * plane + place]));
        expect(Math.max(...reads)).toBeLessThanOrEqual(1);
      },
    ),
    { seed: 11, numRuns: 300 },
  );
});
