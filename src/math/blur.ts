/** Separable Gaussian blur of planes with replicated borders. */

/** The kernel is cut at this many standard deviations (the recipe of the simulated brain uses the same). */
const CUT = 2.5;

/**
 * out = g ⋆ in over both axes, g[k] ∝ exp(−k²/2σ²) for |k| ≤ ⌈2.5σ⌉, sum 1; beyond the border the nearest pixel counts.
 * @shape float32 [plane, height, width]; sd in pixels; sd 0 copies
 */
export function gaussianBlur(planes: Float32Array, height: number, width: number, sd: number): Float32Array {
  if (sd === 0) return planes.slice();
  const radius = Math.ceil(CUT * sd);
  const kernel = Float64Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sd * sd)));
  const total = kernel.reduce((sum, x) => sum + x, 0);
  const weights = kernel.map((x) => x / total);
  const size = height * width;
  const middle = new Float32Array(size);
  const out = new Float32Array(planes.length);
  for (let base = 0; base < planes.length; base += size) {
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        let sum = 0;
        for (let k = -radius; k <= radius; k += 1) {
          const at = Math.min(width - 1, Math.max(0, x + k));
          sum += (weights[k + radius] as number) * (planes[base + y * width + at] as number);
        }
        middle[y * width + x] = sum;
      }
    }
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        let sum = 0;
        for (let k = -radius; k <= radius; k += 1) {
          const at = Math.min(height - 1, Math.max(0, y + k));
          sum += (weights[k + radius] as number) * (middle[at * width + x] as number);
        }
        out[base + y * width + x] = sum;
      }
    }
  }
  return out;
}
