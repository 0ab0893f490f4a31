/**
 * A window over the visual field: what lies outside counts less, as under attention to one place. A region's mean is a sum over many receptive fields,
 * and what drives all of them is one object repeated; what drives those in one place is one object.
 */
import { PipelineError } from '../../core/errors.js';
import type { FeatureLayer } from '../artifacts/features.js';

const MIDDLE = 0.5;

/**
 * A'[c,h,w] = A[c,h,w]·g[h,w]·H·W/Σg, g[h,w] = exp(−((x−½)² + (y−½)²)/(2σ²)), x = (w+½)/W, y = (h+½)/H: the weights have mean 1, so responses keep
 * their scale.
 * A map of one cell has no places to weigh and stays as it is (`unwindowed` names such layers).
 * @param sigma in sides of the image; 0: no window, the templates as they are
 * Far below half a cell all weights of a map can be 0, and their mean with them: `requireWide` comes first.
 * @shape templates, result: by layer float32 [channel, height, width]
 */
export function windowTemplates(templates: ReadonlyMap<string, Float32Array>, layers: readonly FeatureLayer[], sigma: number): ReadonlyMap<string, Float32Array> {
  if (sigma === 0) return templates;
  return new Map(layers.map((layer) => {
    const [channels, height, width] = layer.map;
    const pixels = height * width;
    const weights = Float64Array.from({ length: pixels }, (_, p) => {
      const x = ((p % width) + MIDDLE) / width - MIDDLE;
      const y = (Math.floor(p / width) + MIDDLE) / height - MIDDLE;
      return Math.exp(-(x * x + y * y) / (2 * sigma * sigma));
    });
    const mean = weights.reduce((sum, weight) => sum + weight, 0) / pixels;
    const template = templates.get(layer.name) as Float32Array;
    return [layer.name, Float32Array.from({ length: channels * pixels }, (_, i) => ((template[i] as number) * (weights[i % pixels] as number)) / mean)];
  }));
}

/** Names of the layers whose map is one cell: a window does nothing to them. */
export function unwindowed(layers: readonly FeatureLayer[]): readonly string[] {
  return layers.filter(({ map: [, height, width] }) => height * width === 1).map(({ name }) => name);
}

/**
 * Errors: E_OUT_OF_RANGE for a window (sigma above 0) narrower than half a cell of the coarsest map: the nearest cell would hardly be in it.
 */
export function requireWide(layers: readonly FeatureLayer[], sigma: number): void {
  const halfCell = ({ map: [, height, width] }: FeatureLayer): number => (height * width === 1 ? 0 : 1 / 2 / Math.min(height, width));
  const coarsest = layers.reduce((one, other) => (halfCell(other) > halfCell(one) ? other : one));
  const least = halfCell(coarsest);
  if (sigma === 0 || sigma >= least) return;
  throw new PipelineError('E_OUT_OF_RANGE', `a window of ${sigma} is too narrow for layer "${coarsest.name}"`, {
    facts: { expected: `at least ${least.toPrecision(3)}, half a cell of its ${coarsest.map[1]} × ${coarsest.map[2]} map (or 0: no window)`, found: sigma }, hint: 'Widen the window, or read a layer of a finer map.',
  });
}
