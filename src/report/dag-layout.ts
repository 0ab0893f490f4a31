/**
 * Layered layout of a DAG, from left to right: layer = longest path from a source; edges over several layers pass through invisible points,
 * so that no edge crosses a box; the order in a layer follows the mean position of the neighbours (Sugiyama, Tagawa and Toda 1981, with a
 * fixed number of sweeps). Deterministic: ties keep the given order. Input nodes come producers first.
 */
export interface LayoutNode {
  readonly name: string;
  /** names of nodes that come earlier in the list; others are ignored */
  readonly after: readonly string[];
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface DagLayout {
  readonly width: number;
  readonly height: number;
  /** top left corner of each box, in the order of the nodes */
  readonly boxes: readonly Point[];
  /** from the right side of a box through free points to the left side of another */
  readonly edges: readonly { readonly from: number; readonly to: number; readonly points: readonly Point[] }[];
}

export interface BoxSize {
  readonly width: number;
  readonly height: number;
  readonly gapX: number;
  readonly gapY: number;
}

interface Slot {
  readonly layer: number;
  /** real boxes need their height, points of passing edges a quarter of it */
  readonly extent: number;
  readonly before: number[];
  readonly behind: number[];
  y: number;
}

const SWEEPS = 12;
const POINT_SHARE = 0.35;

export function layoutDag(nodes: readonly LayoutNode[], box: BoxSize): DagLayout {
  const indexOf = new Map(nodes.map(({ name }, i) => [name, i]));
  const layers: number[] = [];
  nodes.forEach(({ after }, i) => {
    const earlier = after.map((name) => indexOf.get(name)).filter((at): at is number => at !== undefined && at < i);
    layers.push(earlier.length === 0 ? 0 : 1 + Math.max(...earlier.map((at) => layers[at] as number)));
  });
  const slots: Slot[] = nodes.map((_, i) => ({ layer: layers[i] as number, extent: box.height, before: [], behind: [], y: 0 }));
  const routes: { from: number; to: number; through: readonly number[] }[] = [];
  // edges that leave the same box share their points until they part: fewer lines to follow
  const passing: number[][] = nodes.map(() => []);
  nodes.forEach(({ after }, to) => {
    for (const from of new Set(after.map((name) => indexOf.get(name)))) {
      if (from === undefined || from >= to) continue;
      const chain = passing[from] as number[];
      const first = (layers[from] as number) + 1;
      const needed = (layers[to] as number) - first;
      for (let step = chain.length; step < needed; step += 1) {
        slots.push({ layer: first + step, extent: box.height * POINT_SHARE, before: [], behind: [], y: 0 });
        join(slots, chain[step - 1] ?? from, slots.length - 1);
        chain.push(slots.length - 1);
      }
      const through = chain.slice(0, needed);
      join(slots, through.at(-1) ?? from, to);
      routes.push({ from, to, through });
    }
  });
  const columns = orderColumns(slots);
  placeRows(slots, columns, box.gapY);
  const top = Math.min(...slots.map(({ y, extent }) => y - extent / 2));
  const bottom = Math.max(...slots.map(({ y, extent }) => y + extent / 2));
  const left = (layer: number): number => layer * (box.width + box.gapX);
  const at = (slot: number, x: number): Point => ({ x, y: (slots[slot] as Slot).y - top });
  return {
    width: left(columns.length - 1) + box.width,
    height: bottom - top,
    boxes: nodes.map((_, i) => ({ x: left(layers[i] as number), y: (slots[i] as Slot).y - top - box.height / 2 })),
    edges: routes.map(({ from, to, through }) => ({
      from,
      to,
      points: [
        at(from, left(layers[from] as number) + box.width),
        ...through.flatMap((slot) => [at(slot, left((slots[slot] as Slot).layer)), at(slot, left((slots[slot] as Slot).layer) + box.width)]),
        at(to, left(layers[to] as number)),
      ],
    })),
  };
}

function join(slots: readonly Slot[], from: number, to: number): void {
  (slots[from] as Slot).behind.push(to);
  (slots[to] as Slot).before.push(from);
}

/** Slots of each layer in drawing order. */
function orderColumns(slots: readonly Slot[]): number[][] {
  const columns: number[][] = [];
  slots.forEach(({ layer }, i) => (columns[layer] ??= []).push(i));
  const rank: number[] = [];
  const renumber = (column: readonly number[]): void => column.forEach((slot, i) => { rank[slot] = i; });
  columns.forEach(renumber);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const forward = sweep % 2 === 0;
    for (const column of forward ? columns : [...columns].reverse()) {
      const wish = new Map(column.map((slot) => {
        const { before, behind } = slots[slot] as Slot;
        const neighbours = forward ? before : behind;
        const mean = neighbours.reduce((sum, one) => sum + (rank[one] as number), 0) / neighbours.length;
        return [slot, neighbours.length === 0 ? (rank[slot] as number) : mean];
      }));
      column.sort((a, b) => (wish.get(a) as number) - (wish.get(b) as number) || (rank[a] as number) - (rank[b] as number));
      renumber(column);
    }
  }
  return columns;
}

/** Vertical positions: each slot moves towards the mean of its neighbours as far as the order and the gaps allow. */
function placeRows(slots: readonly Slot[], columns: readonly (readonly number[])[], gap: number): void {
  const distance = (a: number, b: number): number => ((slots[a] as Slot).extent + (slots[b] as Slot).extent) / 2 + gap;
  for (const column of columns) {
    let y = 0;
    column.forEach((slot, i) => {
      if (i > 0) y += distance(column[i - 1] as number, slot);
      (slots[slot] as Slot).y = y;
    });
    for (const slot of column) (slots[slot] as Slot).y -= y / 2;
  }
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    for (const column of sweep % 2 === 0 ? columns : [...columns].reverse()) {
      const wish = column.map((slot) => {
        const { before, behind, y } = slots[slot] as Slot;
        const neighbours = [...before, ...behind];
        return neighbours.length === 0 ? y : neighbours.reduce((sum, one) => sum + (slots[one] as Slot).y, 0) / neighbours.length;
      });
      // pushed down from above and up from below; the mean of both keeps gaps and centres the column on its wishes
      const down = [...wish];
      for (let i = 1; i < down.length; i += 1) down[i] = Math.max(down[i] as number, (down[i - 1] as number) + distance(column[i - 1] as number, column[i] as number));
      const up = [...wish];
      for (let i = up.length - 2; i >= 0; i -= 1) up[i] = Math.min(up[i] as number, (up[i + 1] as number) - distance(column[i] as number, column[i + 1] as number));
      column.forEach((slot, i) => { (slots[slot] as Slot).y = ((down[i] as number) + (up[i] as number)) / 2; });
    }
  }
}
