/** Between the planes a model sees and the pixels a file holds. */

/** Planar [3, height, width] in [0, 1] → 8-bit [height, width, 3], rounded to nearest, clipped. */
export function planesToPixels(planes: Float32Array, height: number, width: number): Uint8Array {
  const count = height * width;
  const rgb = new Uint8Array(3 * count);
  for (let p = 0; p < count; p += 1) {
    for (let c = 0; c < 3; c += 1) rgb[p * 3 + c] = Math.round(Math.min(1, Math.max(0, planes[c * count + p] as number)) * 255);
  }
  return rgb;
}
