/**
 * The gradient of a max pool with any windows, without the positions of the maxima: offset by offset, the elements under the windows are compared with the
 * maxima, and the first that is equal takes the gradient (as PyTorch does). For providers whose MaxPool gives no positions (WebGPU); k·k passes over
 * the pooled map.
 *
 * With stride s the element under window i at offset t is element s·i + t of the padded input: what goes to the residue r = t mod s of it is summed as a map
 * of its own, shifted by the whole strides in t, and the s·s maps are laid out side by side at the end.
 */
import type { Emitter } from '../emitter.js';
import type { Value } from '../ir.js';
import { add, concat, mul, pad, reshape, slice, sub, transpose } from '../layers.js';
import { zeroMask } from './masks.js';
import type { Windows } from './windows.js';

/** dx of x [N, C, H, W] from the maxima y and dy [N, C, H', W']. */
export function overlappingMaxGradient(b: Emitter, x: Value, y: Value, dy: Value, w: Windows): Value {
  const [n, channels, height, width] = x.shape as [number, number, number, number];
  const [rows, columns] = y.shape.slice(2) as [number, number];
  const [down, across] = w.strides as [number, number];
  const [dilationDown, dilationAcross] = w.dilations as [number, number];
  const [reachDown, reachAcross] = w.kernel.map((k, i) => (w.dilations[i] as number) * (k - 1)) as [number, number];
  // windows of a ceil-mode pool may end beyond the padding
  const padded = [Math.max(height + (w.begins[0] as number), (rows - 1) * down + reachDown + 1), Math.max(width + (w.begins[1] as number), (columns - 1) * across + reachAcross + 1)] as const;
  const [top, left] = w.begins as [number, number];
  const wide = pad(b, x, [0, 0, top, left, 0, 0, padded[0] - top - height, padded[1] - left - width], 'constant', LOWEST);
  const extents = [Math.ceil(padded[0] / down), Math.ceil(padded[1] / across)] as const;

  const parts = new Map<number, Value>();
  let free: Value | undefined; // 1 where no earlier offset has taken the gradient
  for (let row = 0; row < (w.kernel[0] as number); row += 1) {
    for (let column = 0; column < (w.kernel[1] as number); column += 1) {
      const [atRow, atColumn] = [row * dilationDown, column * dilationAcross];
      const seen = slice(b, wide, [atRow, atColumn], [atRow + (rows - 1) * down + 1, atColumn + (columns - 1) * across + 1], [2, 3], [down, across]);
      const equal = zeroMask(b, sub(b, seen, y));
      const takes: Value = free === undefined ? equal : mul(b, free, equal);
      free = sub(b, free ?? 1, takes);
      const [shiftDown, shiftAcross] = [Math.floor(atRow / down), Math.floor(atColumn / across)];
      const share = pad(b, mul(b, dy, takes), [0, 0, shiftDown, shiftAcross, 0, 0, extents[0] - rows - shiftDown, extents[1] - columns - shiftAcross]);
      const residue = (atRow % down) * across + (atColumn % across);
      const known = parts.get(residue);
      parts.set(residue, known === undefined ? share : add(b, known, share));
    }
  }
  const zero = (): Value => b.op('Expand', [b.scalar(0, x.dtype), b.ints([n, channels, ...extents])]);
  const maps = concat(b, Array.from({ length: down * across }, (_, residue) => parts.get(residue) ?? zero()), 1);
  const apart = reshape(b, maps, [n, down, across, channels, ...extents]);
  const whole = reshape(b, transpose(b, apart, [0, 3, 4, 1, 5, 2]), [n, channels, extents[0] * down, extents[1] * across]);
  return slice(b, whole, [top, left], [top + height, left + width], [2, 3]);
}

/** Below every real input and finite in float32, so that differences from it are not NaN. */
const LOWEST = -3e38;
