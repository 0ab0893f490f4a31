/** A plan as an outline: its stages as boxes, its typed edges, the instances of a matrix put together or one by one. */
import { baseName } from '../engine/coordinates.js';
import type { Plan, PlannedStage } from '../engine/plan.js';
import type { StageStatus } from '../engine/status.js';
import type { Outline, OutlineAnswer, OutlineEdge, OutlineNode } from '../report/outline/model.js';

/** @param statuses what a run would do, in the order of the plan; without them only what is skipped is known */
export function outlineOf(plan: Plan, { fold, statuses }: { readonly fold: boolean; readonly statuses?: readonly StageStatus[] }): Outline {
  const nameOf = (name: string): string => (fold ? baseName(name) : name);
  const boxes = new Map<string, { readonly first: PlannedStage; count: number; readonly answers: Partial<Record<OutlineAnswer, number>> }>();
  const edges = new Map<string, { edge: Omit<OutlineEdge, 'count'>; count: number }>();
  const types = new Map(plan.stages.map(({ name, manifest }) => [name, manifest.outputs]));
  plan.stages.forEach((stage, at) => {
    const name = nameOf(stage.name);
    const box = boxes.get(name) ?? { first: stage, count: 0, answers: {} };
    boxes.set(name, box);
    box.count += 1;
    const told = statuses?.[at]?.answer;
    // a whole pipeline blocks nothing; of a selection it is what will not run
    const answer = (told === 'blocked' ? 'skipped' : told) ?? (stage.skipped === undefined ? undefined : 'skipped');
    if (answer !== undefined) box.answers[answer] = (box.answers[answer] ?? 0) + 1;
    for (const [input, bindings] of Object.entries(stage.inputs)) {
      for (const { stage: producer, output } of bindings) {
        const edge = { from: nameOf(producer), output, to: name, input, artifact: types.get(producer)?.[output]?.type ?? '' };
        const id = JSON.stringify([edge.from, output, name, input]);
        const known = edges.get(id);
        if (known === undefined) edges.set(id, { edge, count: 1 });
        else known.count += 1;
      }
    }
  });
  const nodes = [...boxes].map(([name, { first, count, answers }]): OutlineNode => {
    const isInstance = baseName(first.name) !== first.name;
    return {
      name,
      type: first.manifest.type,
      ...(isInstance && fold ? { instances: count } : {}),
      ...(isInstance && !fold ? { coordinates: first.coordinates } : {}),
      answers,
    };
  });
  return { pipeline: plan.name, nodes, edges: [...edges.values()].map(({ edge, count }) => ({ ...edge, count })) };
}
