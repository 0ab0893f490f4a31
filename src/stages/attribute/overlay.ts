/** A signed map over a greyed image: warm where pixels raise the response, cool where they lower it. */
import { gaussianBlur } from '../../math/blur.js';

const WARM = [230, 60, 20] as const;
const COOL = [30, 90, 220] as const;
/** this quantile of |map| is full colour: single pixels do not decide the scale */
const SCALE_QUANTILE = 0.995;
/** how much of the image remains under full colour */
const GREY_CONTRAST = 0.6;

/** Sum over colours, smoothed. @shape map: float32 [3, size, size]; result: float32 [size, size] */
export function displayMap(map: Float32Array, size: number, smoothing: number): Float32Array {
  const pixels = size * size;
  const sum = new Float32Array(pixels);
  for (let p = 0; p < pixels; p += 1) sum[p] = (map[p] as number) + (map[pixels + p] as number) + (map[2 * pixels + p] as number);
  return gaussianBlur(sum, size, size, smoothing);
}

/** @shape image: float32 [3, size, size] in [0, 1]; shown: float32 [size, size]; result: uint8 [size, size, 3] */
export function overlayPixels(image: Float32Array, shown: Float32Array, size: number): Uint8Array {
  const pixels = size * size;
  const magnitudes = Float32Array.from(shown, Math.abs).sort();
  const scale = (magnitudes[Math.floor(SCALE_QUANTILE * (pixels - 1))] as number) || 1;
  const rgb = new Uint8Array(pixels * 3);
  for (let p = 0; p < pixels; p += 1) {
    const grey = 255 * (0.2 + GREY_CONTRAST * (((image[p] as number) + (image[pixels + p] as number) + (image[2 * pixels + p] as number)) / 3));
    const strength = Math.min(1, Math.abs(shown[p] as number) / scale);
    const colour = (shown[p] as number) >= 0 ? WARM : COOL;
    for (let c = 0; c < 3; c += 1) rgb[p * 3 + c] = Math.round(grey * (1 - strength) + (colour[c] as number) * strength);
  }
  return rgb;
}
