/** How much of an attribution falls on what the area responds to. */
import { finiteOrNull } from '../../math/statistics.js';
import type { InsideBoxes } from '../artifacts/attributions.js';
import type { LabelledBox } from '../artifacts/image-selection.js';
import { displayMap } from './overlay.js';

/** 1 inside any of the boxes (pixels that a box touches), 0 outside. @shape uint8 [size, size] */
export function boxMask(boxes: readonly LabelledBox[], size: number): Uint8Array {
  const mask = new Uint8Array(size * size);
  for (const box of boxes) {
    const top = Math.max(0, Math.floor(box.y0 * size));
    const bottom = Math.min(size, Math.ceil(box.y1 * size));
    const left = Math.max(0, Math.floor(box.x0 * size));
    const right = Math.min(size, Math.ceil(box.x1 * size));
    for (let y = top; y < bottom; y += 1) mask.fill(1, y * size + left, y * size + right);
  }
  return mask;
}

/** Share of the pixels that a mask holds. */
export const coverOf = (mask: Uint8Array): number => mask.reduce((sum, x) => sum + x, 0) / mask.length;

/**
 * Where a map lies relative to boxes, with s = sum over colours: the share Σ_{p in boxes} max(0, s[p]) / Σ_p max(0, s[p]), of s smoothed and as it is; and
 * the smoothed share less the same share of −s. A value is null where its denominator has no pixel.
 * @shape map: float32 [3, size, size]; smoothing in pixels
 */
export function sharesInside(map: Float32Array, mask: Uint8Array, size: number, smoothing: number): Pick<InsideBoxes, 'smoothed' | 'raw' | 'contrast' | 'covered'> {
  const shown = displayMap(map, size, smoothing);
  const smoothed = shareOfPositive(shown, mask);
  return {
    smoothed: finiteOrNull(smoothed),
    raw: finiteOrNull(shareOfPositive(displayMap(map, size, 0), mask)),
    contrast: finiteOrNull(smoothed - shareOfPositive(shown.map((s) => -s), mask)),
    covered: coverOf(mask),
  };
}

/** @shape values: float32 [pixel] */
function shareOfPositive(values: Float32Array, mask: Uint8Array): number {
  let inside = 0;
  let all = 0;
  for (let p = 0; p < values.length; p += 1) {
    const positive = Math.max(0, values[p] as number);
    all += positive;
    if (mask[p] === 1) inside += positive;
  }
  return inside / all;
}

/**
 * What a map that knows the picture and no model would reach: the share inside of |x − x₀|, summed over colours and baselines. Most of what a blur
 * takes away lies on objects, so an attribution that asks nothing of the model is not at the share that the boxes cover, but here.
 * @shape image, baselines: float32 [3, size, size]
 */
export function shareOfDifference(image: Float32Array, baselines: readonly Float32Array[], mask: Uint8Array): number {
  const plane = mask.length;
  const values = new Float32Array(plane);
  for (const baseline of baselines) image.forEach((x, p) => { values[p % plane] = (values[p % plane] as number) + Math.abs(x - (baseline[p] as number)); });
  return shareOfPositive(values, mask);
}
