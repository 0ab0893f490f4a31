/**
 * torch.nn.AdaptiveAvgPool2d to a fixed grid, at any input size: nothing to do where the map has that size, an average pool where the grid divides it,
 * otherwise two matrix products, because cells of unequal extent (or repeated pixels of a map smaller than the grid) are no sliding window.
 */
import type { Value } from '../graph/ir.js';
import { separable } from '../graph/layers.js';
import type { Network } from './network.js';

/**
 * Cell i runs from ⌊i·from/to⌋ to ⌈(i+1)·from/to⌉.
 * @shape float32 [to, from], rows sum to 1
 * @source PyTorch, AdaptiveAveragePooling.cpp
 */
function cells(from: number, to: number): Float32Array {
  const matrix = new Float32Array(to * from);
  for (let i = 0; i < to; i += 1) {
    const start = Math.floor((i * from) / to);
    const end = Math.ceil(((i + 1) * from) / to);
    matrix.fill(1 / (end - start), i * from + start, i * from + end);
  }
  return matrix;
}

/** @shape x float32 [batch, channel, n, n] to [batch, channel, side, side] */
export function adaptiveAveragePool(net: Network, x: Value, side: number, path: string): Value {
  const extent = x.shape[2] as number;
  if (extent === side) return x;
  if (extent % side === 0) return net.averagePool(x, path, extent / side);
  const rows = cells(extent, side);
  const columns = Float32Array.from(rows, (_, index) => rows[(index % side) * extent + Math.floor(index / side)] as number);
  return separable(net.b, x, net.b.floats([side, extent], rows), net.b.floats([extent, side], columns), path);
}
