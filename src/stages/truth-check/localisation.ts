/** How much of an attribution falls on what the area responds to. */
import { displayMap } from '../attribute/overlay.js';
import type { Box } from '../simulate/drawing/canvas.js';

/** 1 inside any of the boxes (pixels that a box touches), 0 outside. @shape uint8 [size, size] */
export function boxMask(boxes: readonly Box[], size: number): Uint8Array {
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

/**
 * Σ_{p in boxes} max(0, s[p]) / Σ_p max(0, s[p]), s = sum of the map over colours, smoothed; NaN when no pixel is positive.
 * @shape map: float32 [3, size, size]; smoothing in pixels
 */
export function shareInside(map: Float32Array, mask: Uint8Array, size: number, smoothing: number): number {
  const shown = displayMap(map, size, smoothing);
  let inside = 0;
  let all = 0;
  for (let p = 0; p < shown.length; p += 1) {
    const positive = Math.max(0, shown[p] as number);
    all += positive;
    if (mask[p] === 1) inside += positive;
  }
  return inside / all;
}
