/**
 * Two maps of images [N, C, H, W] in the forms that ONNX Runtime runs inside its blocked convolution layout: scaling by a depthwise 1x1
 * convolution (a Mul with a scalar leaves the layout) and repeating pixels by a nearest-neighbour Resize (Expand leaves it).
 */
import type { Emitter } from '../emitter.js';
import type { Value } from '../ir.js';

/** factor · x as a depthwise 1x1 convolution; float32 only. */
export function perChannel(b: Emitter, x: Value, factor: number): Value {
  const channels = x.shape[1] as number;
  const weights = b.floats([channels, 1, 1, 1], new Float32Array(channels).fill(factor));
  return b.op('Conv', [x, weights], { kernel_shape: [1, 1], group: channels });
}

/** Each pixel becomes a block of factors[0] x factors[1] equal pixels. */
export function repeatPixels(b: Emitter, x: Value, factors: readonly number[]): Value {
  const scales = b.floats([4], [1, 1, ...factors]);
  return b.op('Resize', [x, undefined, scales], { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' });
}
