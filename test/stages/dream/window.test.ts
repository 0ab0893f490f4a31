import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import type { FeatureLayer } from '../../../src/stages/artifacts/features.js';
import { requireWide, unwindowed, windowTemplates } from '../../../src/stages/dream/window.js';

const oracle = JSON.parse(readFileSync(new URL('../../oracles/dream.json', import.meta.url), 'utf8')) as {
  readonly window: readonly { readonly map: [number, number, number]; readonly sigma: number; readonly template: number[]; readonly windowed: number[] }[];
};
const layerOf = (name: string, map: [number, number, number]): FeatureLayer => ({ name, map, channels: [], grid: [1, 1], offset: 0 });

describe('windowTemplates', () => {
  for (const { map, sigma, template, windowed } of oracle.window) {
    it(`weights a map of ${map.join('×')} as NumPy does, sigma ${sigma}`, () => {
      const result = windowTemplates(new Map([['a', Float32Array.from(template)]]), [layerOf('a', map)], sigma).get('a') as Float32Array;
      expect(result).toHaveLength(windowed.length);
      windowed.forEach((expected, i) => expect(result[i]).toBeCloseTo(expected, 5));
    });
  }

  it('leaves templates alone without a window, and nearly so under a very wide one', () => {
    const random = new Random('window');
    const template = Float32Array.from({ length: 32 }, () => random.normal());
    const templates = new Map([['a', template]]);
    expect(windowTemplates(templates, [layerOf('a', [2, 4, 4])], 0)).toBe(templates);
    const wide = windowTemplates(templates, [layerOf('a', [2, 4, 4])], 1000).get('a') as Float32Array;
    template.forEach((x, i) => expect(wide[i]).toBeCloseTo(x, 5));
  });

  it('has weights of mean 1 that do not change when the image is mirrored or turned', () => {
    const size = 6;
    const weights = windowTemplates(new Map([['a', new Float32Array(size * size).fill(1)]]), [layerOf('a', [1, size, size])], 0.2).get('a') as Float32Array;
    expect(weights.reduce((sum, x) => sum + x, 0) / weights.length).toBeCloseTo(1, 6);
    for (let y = 0; y < size; y += 1) {
      for (let x = 0; x < size; x += 1) {
        expect(weights[y * size + x]).toBeCloseTo(weights[y * size + (size - 1 - x)] as number, 6);
        expect(weights[y * size + x]).toBeCloseTo(weights[x * size + y] as number, 6);
      }
    }
  });

  it('refuses a window narrower than half a cell of the coarsest map, where all weights would vanish', () => {
    const layers = [layerOf('fine', [1, 16, 16]), layerOf('coarse', [1, 4, 8]), layerOf('single', [3, 1, 1])];
    const templates = new Map([['fine', new Float32Array(256).fill(1)], ['coarse', new Float32Array(32).fill(1)], ['single', Float32Array.of(1, 2, 3)]]);
    for (const sigma of [1e-3, 0.124]) {
      expect(() => { requireWide(layers, sigma); }).toThrow(expect.objectContaining({ code: 'E_OUT_OF_RANGE', message: expect.stringContaining('layer "coarse"') as string }) as Error);
    }
    for (const sigma of [0, 0.125, 3]) expect(() => { requireWide(layers, sigma); }).not.toThrow();
    const narrow = windowTemplates(templates, layers, 0.125);
    for (const [name, { length }] of templates) {
      const values = narrow.get(name) as Float32Array;
      expect(values.every(Number.isFinite)).toBe(true);
      expect(values.reduce((sum, x) => sum + x, 0)).toBeCloseTo(name === 'single' ? 6 : length, 3);
    }
  });

  it('leaves maps of one cell as they are, and names them', () => {
    const layers = [layerOf('fine', [1, 4, 4]), layerOf('single', [3, 1, 1])];
    expect(unwindowed(layers)).toEqual(['single']);
    const templates = new Map([['fine', new Float32Array(16)], ['single', Float32Array.of(1, 2, 3)]]);
    expect([...(windowTemplates(templates, layers, 0.2).get('single') as Float32Array)]).toEqual([1, 2, 3]);
  });
});
