/**
 * Any layer as a stack of channel maps [batch, channel, height, width], which is what features, readouts, dreams and attributions work on: tokens
 * become their patches on the square grid they were cut from (class and register tokens are left out), a vector becomes a map of one pixel.
 */
import type { LayerLayout } from '../../architectures/architecture.js';
import type { GraphBuilder } from '../../graph/builder.js';
import type { Value } from '../../graph/ir.js';
import { reshape, slice, transpose } from '../../graph/layers.js';

/** extra tokens before the patches that models have: none, the class token, that and four registers. @source Dosovitskiy et al. 2021; Darcet et al. 2024 */
const EXTRA_TOKENS = [0, 1, 5] as const;

/** Without a layout, the rank decides: 4 axes are a map, 3 are tokens, 2 a vector. */
function layoutOf(value: Value): LayerLayout | undefined {
  return ({ 2: 'vector', 3: 'tokens', 4: 'map' } as const)[value.shape.length as 2 | 3 | 4];
}

/** Rows and columns of a square patch grid and how many tokens stand before it, or undefined if no square fits. */
export function patchGrid(tokens: number): { readonly side: number; readonly extra: number } | undefined {
  for (const extra of EXTRA_TOKENS) {
    const side = Math.sqrt(tokens - extra);
    if (Number.isInteger(side) && side > 0) return { side, extra };
  }
  return undefined;
}

/** Undefined if the value is no such layer. @shape float32 [batch, channel, height, width] */
export function channelMap(b: GraphBuilder, value: Value, layout: LayerLayout | undefined = layoutOf(value)): Value | undefined {
  const { shape } = value;
  const [batch = 0] = shape;
  switch (layout) {
    case 'map':
      return shape.length === 4 ? value : undefined;
    case 'channels-last':
      return shape.length === 4 ? transpose(b, value, [0, 3, 1, 2]) : undefined;
    case 'vector':
      return shape.length === 2 ? reshape(b, value, [batch, shape[1] as number, 1, 1]) : undefined;
    case 'tokens': {
      const [, tokens = 0, channels = 0] = shape;
      const grid = shape.length === 3 ? patchGrid(tokens) : undefined;
      if (grid === undefined) return undefined;
      const patches = grid.extra === 0 ? value : slice(b, value, [grid.extra], [tokens], [1]);
      return reshape(b, transpose(b, patches, [0, 2, 1]), [batch, channels, grid.side, grid.side]);
    }
    case undefined:
      return undefined;
  }
}
