/**
 * A stage of a run while it goes on: what it waits for, who waits for it, how far it is. Says who is served first, which decides when things
 * happen and never what comes out.
 */
import type { Plan, PlannedStage } from './plan.js';
import type { FinalStage } from './run-state.js';

export interface Node extends FinalStage {
  readonly stage: PlannedStage;
  /** who waits for cores is served by it, smallest first */
  readonly priority: number;
  /** stages before it in the longest chain that leads here */
  readonly depth: number;
  readonly producers: ReadonlyMap<string, Node>;
  /** the producers in a row, and which of them was found not ready when last looked at */
  readonly needed: readonly Node[];
  waitsFor: number;
  readonly dependents: Node[];
  state: 'waiting' | 'moving' | 'final';
  /** it has to run even if the store has its key: its objects were found damaged */
  repairing: boolean;
  repairs: number;
  started: boolean;
  /** in a row; what is tried again is not announced again */
  failedAttempts: number;
  /** it was run again and compared with what is stored */
  compared: boolean;
}

export function nodesOf(plan: Plan): Node[] {
  const byName = new Map<string, Node>();
  return plan.stages.map((stage, index): Node => {
    const names = new Set(stage.skipped === undefined ? Object.values(stage.inputs).flatMap((bindings) => bindings.map((binding) => binding.stage)) : []);
    const producers = new Map([...names].map((name) => [name, byName.get(name) as Node]));
    const needed = [...producers.values()];
    const depth = needed.reduce((deepest, producer) => Math.max(deepest, producer.depth + 1), 0);
    // What is furthest along is finished first, so that a sweep has a whole result early; ties in the order of the plan.
    const priority = index - depth * plan.stages.length;
    const node: Node = { stage, priority, depth, producers, needed, waitsFor: 0, dependents: [], state: 'waiting', repairing: false, repairs: 0, started: false, failedAttempts: 0, compared: false };
    for (const producer of needed) producer.dependents.push(node);
    byName.set(stage.name, node);
    return node;
  });
}

/** Asked each time that a producer ends: going on from the one that was missing makes that linear for a stage that gathers thousands. */
export function isReady(node: Node): boolean {
  const { needed } = node;
  for (let looked = 0; looked < needed.length; looked += 1) {
    const { state, outputs } = needed[node.waitsFor] as Node;
    if (state !== 'final' || outputs === undefined) return false;
    node.waitsFor = (node.waitsFor + 1) % needed.length;
  }
  return true;
}
