/**
 * Drafts → planned stages: what is skipped, and which edges are left. A condition that is false skips a stage; so does a needed port that has
 * nothing left. Outside files are looked for only where a stage will be asked for.
 */
import { namesInShort } from './coordinates.js';
import type { Diagnostics } from './diagnostics.js';
import type { Draft } from './draft-stage.js';
import { InstanceDiagnostics } from './instance-diagnostics.js';
import type { Matrix } from './matrix.js';
import type { StageEntry } from './pipeline-file.js';
import type { InputBinding, PlannedStage } from './plan.js';
import { checkExternals } from './stage-parameters.js';

/** `order`: producers first. */
export function settle(order: readonly Draft[], matrices: ReadonlyMap<string, Matrix | undefined>, diagnostics: Diagnostics): PlannedStage[] {
  const skipped = new Map<string, string>();
  const planned: PlannedStage[] = [];
  let found = new InstanceDiagnostics(1);
  let of: StageEntry | undefined;
  for (const draft of order) {
    const { entry, manifest, name, coordinates, parameters } = draft;
    if (entry !== of) {
      found.flush(diagnostics);
      found = new InstanceDiagnostics(matrices.get(entry.name)?.instances.length ?? 1);
      of = entry;
    }
    const { inputs, lost } = withoutSkipped(draft, skipped);
    const reason = draft.active ? lost : 'when: is false';
    if (reason !== undefined) skipped.set(name, reason);
    else found.run(name, (own) => checkExternals(entry, name, manifest, parameters, own));
    planned.push({
      name, coordinates, manifest, inputs,
      params: parameters.params,
      ...(reason === undefined ? {} : { skipped: reason }),
      ...(draft.retries === undefined ? {} : { retries: draft.retries }),
      resources: draft.resources, seed: draft.seed, span: entry.span, paramSpans: parameters.spans,
    });
  }
  found.flush(diagnostics);
  return planned;
}

/** The edges that are left, and why the stage cannot run if a port that is needed has none. */
function withoutSkipped({ manifest, inputs }: Draft, skipped: ReadonlyMap<string, string>): { readonly inputs: Draft['inputs']; readonly lost: string | undefined } {
  const left: [port: string, edges: readonly InputBinding[]][] = [];
  let lost: string | undefined;
  for (const [port, edges] of Object.entries(inputs)) {
    const kept = edges.some(({ stage }) => skipped.has(stage)) ? edges.filter(({ stage }) => !skipped.has(stage)) : edges;
    if (kept.length > 0) left.push([port, kept]);
    else if (manifest.inputs[port]?.optional !== true) lost ??= `needs ${namesInShort(edges.map(({ stage }) => stage))}, which ${edges.length === 1 ? 'is' : 'are'} skipped`;
  }
  return { inputs: Object.fromEntries(left), lost };
}
