/**
 * Where boxes, edges and their labels go: the layout of @dagrejs/dagre, from left to right. It recurses over the depth of the drawing and
 * overflows the stack somewhere beyond 1,000 boxes in a row, and its best ranking takes many seconds there; hence the limit and the choice.
 */
import { Graph, layout } from '@dagrejs/dagre';

/** Beyond this a picture is neither made nor readable. */
export const MOST_PLACED = { boxes: 1000, lines: 4000 } as const;
/** The optimal ranking is quick up to here; above, a good one is taken. */
const MOST_OPTIMAL = 200;

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Placement extends Size {
  /** centres, in the order of the boxes */
  readonly boxes: readonly Point[];
  /** in the order of the lines: points from border to border, and the centre of the label */
  readonly lines: readonly { readonly points: readonly Point[]; readonly label: Point }[];
}

export interface PlacedLine {
  /** index of a box */
  readonly from: number;
  readonly to: number;
  readonly label: Size;
}

/** What is used of the library's container; its published types do not resolve in an ESM project. */
interface Drawing {
  setGraph(settings: object): void;
  setNode(name: string, size: Size): void;
  setEdge(from: string, to: string, label: object, name: string): void;
  graph(): Partial<Size>;
  node(name: string): Partial<Point>;
  edge(edge: { readonly v: string; readonly w: string; readonly name: string }): Partial<Point> & { readonly points?: readonly Point[] };
}

export function place(boxes: readonly Size[], lines: readonly PlacedLine[]): Placement {
  const drawing = new Graph({ multigraph: true }) as Drawing;
  drawing.setGraph({ rankdir: 'LR', nodesep: 26, edgesep: 14, ranksep: 26, marginx: 16, marginy: 16, ranker: boxes.length <= MOST_OPTIMAL ? 'network-simplex' : 'tight-tree' });
  boxes.forEach(({ width, height }, i) => drawing.setNode(String(i), { width, height }));
  lines.forEach(({ from, to, label: { width, height } }, i) => drawing.setEdge(String(from), String(to), { width, height, labelpos: 'c' }, String(i)));
  layout(drawing);
  const { width = 0, height = 0 } = drawing.graph();
  return {
    width: finite(width),
    height: finite(height),
    boxes: boxes.map((_, i) => pointOf(drawing.node(String(i)))),
    lines: lines.map(({ from, to }, i) => {
      const edge = drawing.edge({ v: String(from), w: String(to), name: String(i) });
      return { points: edge.points ?? [], label: pointOf(edge) };
    }),
  };
}

function pointOf({ x = 0, y = 0 }: Partial<Point>): Point {
  return { x, y };
}

/** A drawing without boxes has no size. */
function finite(value: number): number {
  return Number.isFinite(value) ? value : 0;
}
