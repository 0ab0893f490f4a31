/** How the large 3×3 convolutions of a backbone are computed: the parameter of the stages that run one, told once. */
import { Type } from '@sinclair/typebox';
import type { Graph } from '../../graph/ir.js';
import { optimise } from '../../graph/optimise/index.js';

export type Convolutions = 'direct' | 'winograd';

export const CONVOLUTIONS = Type.Union([Type.Literal('direct'), Type.Literal('winograd')], {
  default: 'direct',
  description: 'how large 3×3 convolutions are computed. `winograd` is faster for networks of the kind of VGG (other layers stay direct) and rounds about ten times as much: 1e-6 to 3e-6 of the result',
});

export function withConvolutions(graph: Graph, convolutions: Convolutions): Graph {
  return convolutions === 'winograd' ? optimise(graph, [], { winograd: true }) : graph;
}
