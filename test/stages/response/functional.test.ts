import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import type { FeatureLayer } from '../../../src/stages/artifacts/features.js';
import type { Roi } from '../../../src/stages/artifacts/voxels.js';
import { foldReadout, predictRows, shuffleFold, voxelWeights } from '../../../src/stages/response/functional.js';
import { objectiveOf, objectiveText } from '../../../src/stages/response/objective.js';
import { poolingMatrix } from '../../../src/stages/response/pooling.js';

const rois: readonly Roi[] = [
  { set: 'floc-faces', label: null, name: 'floc-faces', voxels: [0, 1, 2] },
  { set: 'floc-faces', label: 2, name: 'FFA-1', voxels: [1, 2] },
  { set: 'floc-places', label: null, name: 'floc-places', voxels: [3, 4] },
  { set: 'floc-words', label: null, name: 'floc-words', voxels: [] },
];

describe('voxelWeights', () => {
  it('averages over a region', () => {
    expect(Array.from(voxelWeights(rois, 5, { roi: 'floc-faces/FFA-1' }))).toEqual([0, 0.5, 0.5, 0, 0]);
  });

  it('subtracts the weighted mean of other regions', () => {
    expect(Array.from(voxelWeights(rois, 5, { roi: 'floc-faces/FFA-1', minus: ['floc-places'], weight: 0.5 }))).toEqual([0, 0.5, 0.5, -0.25, -0.25]);
  });

  it('refuses a region that is not there, naming those that are, and one without voxels', () => {
    expect(() => voxelWeights(rois, 5, { roi: 'FFA-1' })).toThrow(/region "FFA-1" is not among the voxels/);
    expect(() => voxelWeights(rois, 5, { roi: 'floc-words' })).toThrow(/holds no voxel/);
  });
});

describe('objectives', () => {
  it('say in full what is subtracted', () => {
    expect(objectiveText(objectiveOf({ roi: 'a' }, 'x'))).toBe('a');
    expect(objectiveText(objectiveOf({ roi: 'a', minus: ['b'] }, 'x'))).toBe('a − b');
    expect(objectiveText(objectiveOf({ roi: 'a', minus: ['b', 'c'], weight: 0.5 }, 'x'))).toBe('a − 0.5·mean(b, c)');
    expect(objectiveOf({ roi: 'a', minus: ['b'] }, 'x')).toEqual({ roi: 'a', minus: ['b'], weight: 1 });
  });
});

describe('predictRows', () => {
  it('refuses rows of another width', () => {
    const fold = { features: Float64Array.of(1, 2, 3), intercept: 0, templates: new Map<string, Float32Array>() };
    expect(() => predictRows(fold, new Float32Array(8))).toThrow(/not as wide as the readout/);
  });
});

describe('poolingMatrix', () => {
  for (const [h, w, rows, columns] of [[16, 16, 4, 4], [8, 8, 4, 4], [7, 5, 3, 2], [4, 4, 4, 4], [13, 13, 4, 4]] as const) {
    it(`averages: its columns sum to 1 for ${h}x${w} to ${rows}x${columns}`, () => {
      const matrix = poolingMatrix(h, w, rows, columns);
      for (let cell = 0; cell < rows * columns; cell += 1) {
        let sum = 0;
        for (let pixel = 0; pixel < h * w; pixel += 1) sum += matrix[pixel * rows * columns + cell] as number;
        expect(sum).toBeCloseTo(1, 5);
      }
    });
  }
});

it('a folded readout gives the same response as all voxels multiplied out', () => {
  const random = new Random('fold');
  const layers: FeatureLayer[] = [
    { name: 'a', channels: [0, 2], grid: [2, 2], offset: 0, map: [3, 5, 4] },
    { name: 'b', channels: [1], grid: [1, 3], offset: 8, map: [2, 2, 6] },
  ];
  const width = 11;
  const voxels = 5;
  const weights = Float32Array.from({ length: width * voxels }, () => random.normal());
  const intercept = Float32Array.from({ length: voxels }, () => random.normal());
  const maps = layers.map((layer) => Float32Array.from({ length: layer.map[0] * layer.map[1] * layer.map[2] }, () => random.normal()));
  const features = new Float32Array(width);
  layers.forEach((layer, l) => {
    const [, h, w] = layer.map;
    const cells = layer.grid[0] * layer.grid[1];
    const pooling = poolingMatrix(h, w, ...layer.grid);
    layer.channels.forEach((channel, k) => {
      for (let cell = 0; cell < cells; cell += 1) {
        let sum = 0;
        for (let p = 0; p < h * w; p += 1) sum += (pooling[p * cells + cell] as number) * ((maps[l] as Float32Array)[channel * h * w + p] as number);
        features[layer.offset + k * cells + cell] = sum;
      }
    });
  });
  const functional = voxelWeights(rois, voxels, { roi: 'floc-faces', minus: ['floc-places'] });
  let expected = 0;
  for (let v = 0; v < voxels; v += 1) {
    let predicted = intercept[v] as number;
    for (let p = 0; p < width; p += 1) predicted += (features[p] as number) * (weights[p * voxels + v] as number);
    expected += (functional[v] as number) * predicted;
  }
  const folded = foldReadout(layers, weights, intercept, functional);
  let response = folded.intercept;
  layers.forEach((layer, l) => {
    const template = folded.templates.get(layer.name) as Float32Array;
    template.forEach((a, i) => (response += a * ((maps[l] as Float32Array)[i] as number)));
  });
  expect(response).toBeCloseTo(expected, 4);
  expect(predictRows(folded, features)[0]).toBeCloseTo(expected, 4);
});

describe('shuffleFold', () => {
  const layers: readonly FeatureLayer[] = [
    { name: 'a', channels: [0, 2], grid: [2, 2], offset: 0, map: [3, 4, 4] },
    { name: 'b', channels: [0, 1], grid: [1, 1], offset: 8, map: [2, 2, 2] },
  ];
  const fold = foldReadout(layers, Float32Array.from({ length: 10 }, (_, p) => p + 1), Float32Array.of(3), Float64Array.of(1));

  it('keeps the weights of each layer and puts them elsewhere, the same way for the same seed', () => {
    const shuffled = shuffleFold(layers, fold, new Random('x'));
    expect([...shuffled.features.subarray(0, 8)].sort((p, q) => p - q)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect([...shuffled.features.subarray(8)].sort((p, q) => p - q)).toEqual([9, 10]);
    expect(shuffled.features).not.toEqual(fold.features);
    expect(shuffled).toEqual(shuffleFold(layers, fold, new Random('x')));
    expect(shuffled.intercept).toBe(fold.intercept);
  });

  it('has templates that belong to the shuffled weights', () => {
    const shuffled = shuffleFold(layers, fold, new Random('x'));
    const again = foldReadout(layers, Float32Array.from(shuffled.features), Float32Array.of(3), Float64Array.of(1));
    expect(again.templates).toEqual(shuffled.templates);
  });
});
