/**
 * From an image to tokens: patches by a convolution whose stride is its kernel, the class token and registers before them, position embeddings.
 * The tokens that do not come from the image are padded in as zeros and added with the positions, so nothing here knows the batch.
 */
import type { Value } from '../../graph/ir.js';
import type { Tensor } from '../../core/tensor.js';
import { tensor } from '../../core/tensor.js';
import { add, concat, conv2d, pad, transpose } from '../../graph/layers.js';
import { resampleGrid, type GridResampling } from './position.js';
import type { Tower } from './tower.js';

export interface PatchSpec {
  readonly patch: number;
  readonly width: number;
  /** side of the grid of positions in the checkpoint */
  readonly grid: number;
  readonly resampling: GridResampling;
  readonly names: {
    /** module of the convolution */
    readonly patches: string;
    readonly bias: boolean;
    readonly classToken: string;
    readonly positions: string;
    readonly registers?: string;
  };
  readonly registers?: number;
  /** number of leading axes of extent 1 with which class token and positions are stored */
  readonly leading: { readonly classToken: number; readonly positions: number };
}

/** @shape image [batch, 3, size, size] → [batch, 1 + registers + (size/patch)², width] */
export function patchTokens(t: Tower, image: Value, spec: PatchSpec, name?: string): Value {
  const { b } = t;
  const { names, width, patch, grid } = spec;
  const side = (image.shape[2] as number) / patch;
  const registers = spec.registers ?? 0;
  const kernel = t.weight(`${names.patches}.weight`, [width, 3, patch, patch]);
  const maps = conv2d(b, image, kernel, names.bias ? t.weight(`${names.patches}.bias`, [width]) : undefined, { stride: patch }, names.patches);
  const patches = transpose(b, t.arrange(maps, [-1, width, side * side]), [0, 2, 1]);

  const ones = (count: number): number[] => Array.from({ length: count }, () => 1);
  const classToken = t.weight(names.classToken, [...ones(spec.leading.classToken), width]);
  const stored = t.weights.take(names.positions, [...ones(spec.leading.positions), 1 + grid * grid, width]);
  const positions = b.constant(withLeading(resampleGrid(tensor('float32', [1 + grid * grid, width], stored.data), 1, grid, side, spec.resampling), spec.leading.positions), names.positions);

  const own = tokensBesidePatches(t, spec, classToken, positions, side, registers);
  return add(b, pad(b, patches, [0, 1 + registers, 0, 0, 0, 0]), own, name);
}

/** What is added to the patches (padded by zeros in front): class token with its position, registers, positions of the patches. Constants only: computed once. */
function tokensBesidePatches(t: Tower, spec: PatchSpec, classToken: Value, positions: Value, side: number, registers: number): Value {
  const { b } = t;
  const count = 1 + side * side;
  const rows = t.arrange(positions, [count, spec.width]);
  const first = t.arrange(classToken, [1, spec.width]);
  const placed = add(b, rows, pad(b, first, [0, 0, side * side, 0]));
  if (registers === 0 || spec.names.registers === undefined) return placed;
  const [head, tail] = b.ops('Split', [placed, b.ints([1, side * side])], { axis: 0 }, 2) as [Value, Value];
  const extra = t.arrange(t.weight(spec.names.registers, [1, registers, spec.width]), [registers, spec.width]);
  return concat(b, [head, extra, tail], 0);
}

function withLeading(rows: Tensor<'float32'>, leading: number): Tensor<'float32'> {
  return tensor('float32', [...Array.from({ length: leading }, () => 1), ...rows.shape], rows.data);
}
