/**
 * Order and cycles of things that use one another, with `@dagrejs/graphlib` as the container. Its own algorithms recurse and overflow at
 * chains of some 4,700, so order and cycle search are ours and iterative: O((nodes + edges) log nodes). Knows neither stages nor params.
 */
import { Graph } from '@dagrejs/graphlib';

export interface Order {
  /** users after what they use; ties in the given order. Nodes on or behind a cycle are missing. */
  readonly order: readonly string[];
  /** each as a closed walk in the direction of the data, `a -> b -> a`: b uses a, a uses b */
  readonly cycles: readonly (readonly string[])[];
}

/** @param uses names that one node uses; all of them must be among `names` */
export function orderNodes(names: readonly string[], uses: (name: string) => readonly string[]): Order {
  const graph = new Graph();
  for (const name of names) graph.setNode(name);
  for (const name of names) for (const used of uses(name)) graph.setEdge(used, name);

  const rank = new Map(names.map((name, index) => [name, index]));
  const waiting = new Map(names.map((name) => [name, graph.predecessors(name)?.length ?? 0]));
  const ready = new SmallestFirst();
  for (const [name, count] of waiting) if (count === 0) ready.push(rank.get(name) as number);
  const order: string[] = [];
  for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
    const name = names[next] as string;
    order.push(name);
    waiting.delete(name);
    for (const user of graph.successors(name) ?? []) {
      const left = (waiting.get(user) as number) - 1;
      waiting.set(user, left);
      if (left === 0) ready.push(rank.get(user) as number);
    }
  }
  return { order, cycles: order.length === names.length ? [] : findCycles(graph, [...waiting.keys()], rank) };
}

/** Every stuck node waits for a stuck node: walking backwards along the first such edge ends in a cycle, and in each cycle once. */
function findCycles(graph: Graph, stuck: readonly string[], rank: ReadonlyMap<string, number>): string[][] {
  const isStuck = new Set(stuck);
  const walkOf = new Map<string, string>();
  const cycles: string[][] = [];
  for (const start of stuck) {
    const path: string[] = [];
    let at: string = start;
    while (!walkOf.has(at)) {
      walkOf.set(at, start);
      path.push(at);
      at = (graph.predecessors(at) ?? []).filter((name) => isStuck.has(name)).sort((a, b) => (rank.get(a) as number) - (rank.get(b) as number))[0] as string;
    }
    if (walkOf.get(at) !== start) continue;
    const loop = path.slice(path.indexOf(at)).reverse();
    const first = loop.reduce((best, name, index) => ((rank.get(name) as number) < (rank.get(loop[best] as string) as number) ? index : best), 0);
    cycles.push([...loop.slice(first), ...loop.slice(0, first), loop[first] as string]);
  }
  return cycles;
}

/** Binary heap of numbers. */
class SmallestFirst {
  readonly #heap: number[] = [];

  push(value: number): void {
    const heap = this.#heap;
    let at = heap.push(value) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((heap[parent] as number) <= value) break;
      heap[at] = heap[parent] as number;
      at = parent;
    }
    heap[at] = value;
  }

  pop(): number | undefined {
    const heap = this.#heap;
    const [top] = heap;
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as number) < (heap[child] as number)) child += 1;
      if ((heap[child] as number) >= last) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}
