/**
 * Pipeline file → plan: links stages, orders them, decides what is skipped, and checks every value against the declarations of the stage
 * types. Analysis never stops at an error; a plan comes out only if there was none. Knows stage types only through their manifests.
 */
import type { Digest } from '../core/digest.js';
import type { Diagnostics } from './diagnostics.js';
import { placeOf } from './diagnostics.js';
import type { PipelineFile, StageEntry } from './pipeline-file.js';
import type { InputBinding, Plan, PlannedStage } from './plan.js';
import type { Scope } from './scope.js';
import { kindOf, shownValue } from './source-node.js';
import type { SourceNode } from './source-node.js';
import type { StageManifest, StageRegistry } from './stage.js';
import { bindInputs, readReference } from './stage-inputs.js';
import type { Producer, StageReference } from './stage-inputs.js';
import { checkExternals, readParameters } from './stage-parameters.js';
import type { StageParameters } from './stage-parameters.js';
import { readResources } from './stage-resources.js';
import { suggestion } from './suggest.js';
import { orderNodes } from './topology.js';

export interface PlanSource {
  /** absolute path */
  readonly file: string;
  readonly folder: string;
  readonly source: Digest;
}

interface Draft {
  readonly entry: StageEntry;
  readonly manifest: StageManifest;
  readonly references: ReadonlyMap<string, StageReference>;
  readonly inputs: Readonly<Record<string, readonly InputBinding[]>>;
  readonly parameters: StageParameters;
  readonly active: boolean;
  readonly resources: PlannedStage['resources'];
  readonly seed: number | null;
}

export function buildPlan(file: PipelineFile, source: PlanSource, scope: Scope, registry: StageRegistry, diagnostics: Diagnostics): Plan | undefined {
  const stages = new Map<string, Producer>(file.stages.map((entry) => [entry.name, { entry, manifest: findManifest(entry, registry, diagnostics) }]));
  const references = new Map(file.stages.map((entry) => [entry.name, readReferences(entry, stages, diagnostics)]));
  const order = orderStages(file.stages, references, diagnostics);
  const pipelineSeed = readSeed(file.seed, 'the pipeline', scope, diagnostics) ?? 0;

  const drafts = new Map<string, Draft>();
  for (const [name, { entry, manifest }] of stages) {
    if (manifest === undefined) continue;
    const own = references.get(name) as ReadonlyMap<string, StageReference>;
    drafts.set(name, {
      entry, manifest, references: own,
      inputs: bindInputs({ entry, manifest }, own, stages, diagnostics),
      parameters: readParameters(entry, manifest, source.folder, scope, registry, diagnostics),
      active: readCondition(entry, scope, diagnostics),
      resources: readResources(entry, manifest.resources, scope, diagnostics),
      seed: stageSeed(entry, manifest, pipelineSeed, scope, diagnostics),
    });
  }
  // Where there is a cycle the plan is lost; going on in the order of the file still finds the files that are missing.
  const planned = settle(order ?? [...drafts.keys()], drafts, diagnostics);
  if (diagnostics.failed) return undefined;
  return {
    file: source.file, source: source.source, name: file.name,
    ...(file.description === undefined ? {} : { description: file.description }),
    params: scope.params, env: scope.environmentRead, stages: planned,
  };
}

function findManifest(entry: StageEntry, registry: StageRegistry, diagnostics: Diagnostics): StageManifest | undefined {
  const manifest = registry.manifests.get(entry.type);
  // a missing or misshapen type was reported when the file was read
  if (manifest === undefined && entry.type !== '') {
    diagnostics.error('E_UNKNOWN_STAGE_TYPE', `"${entry.type}" is not a known stage type`, {
      facts: { stage: entry.name },
      hint: suggestion(entry.type, [...registry.manifests.keys()].sort(), 'no stage types are registered'),
      span: entry.typeSpan,
    });
  }
  return manifest;
}

function readReferences(entry: StageEntry, stages: ReadonlyMap<string, Producer>, diagnostics: Diagnostics): Map<string, StageReference> {
  const found = new Map<string, StageReference>();
  for (const input of entry.inputs.values()) {
    const reference = readReference(entry.name, input, stages, diagnostics);
    if (reference !== undefined) found.set(input.key, reference);
  }
  return found;
}

function orderStages(entries: readonly StageEntry[], references: ReadonlyMap<string, ReadonlyMap<string, StageReference>>, diagnostics: Diagnostics): readonly string[] | undefined {
  const usedBy = (name: string): StageReference[] => [...(references.get(name)?.values() ?? [])];
  const { order, cycles } = orderNodes(entries.map((entry) => entry.name), (name) => usedBy(name).map((reference) => reference.stage));
  for (const cycle of cycles) {
    const edges = cycle.slice(1).map((consumer, index) => {
      const producer = cycle[index] as string;
      return { consumer, producer, span: (usedBy(consumer).find((reference) => reference.stage === producer) as StageReference).span };
    });
    const shown = edges.slice(0, MOST_EDGES_SHOWN);
    const rest = edges.length - shown.length;
    const path = rest > 0 ? `${cycle.slice(0, MOST_EDGES_SHOWN).join(' -> ')} -> … (${rest} more) -> ${cycle[0] as string}` : cycle.join(' -> ');
    diagnostics.error('E_CYCLE', `stages depend on one another: ${path}`, {
      facts: Object.fromEntries(shown.map(({ consumer, producer, span }) => [`"${consumer}" needs "${producer}"`, placeOf(span)])),
      hint: 'remove one of these inputs',
      span: (edges[0] as (typeof edges)[0]).span,
    });
  }
  return cycles.length > 0 ? undefined : order;
}

const MOST_EDGES_SHOWN = 8;

/** `when:`, true where there is none or where it cannot be read (which is reported). */
function readCondition(entry: StageEntry, scope: Scope, diagnostics: Diagnostics): boolean {
  if (entry.when === undefined) return true;
  const value = scope.resolve(entry.when);
  if (typeof value === 'boolean' || value === undefined) return value ?? true;
  diagnostics.error('E_WRONG_TYPE', `"when" of stage "${entry.name}" is not a condition`, {
    facts: { expected: 'true or false', found: `${kindOf(value)} ${shownValue(value)}` },
    hint: 'write a comparison, e.g. when: ${params.nsd == \'\'}',
    span: entry.when.span,
  });
  return true;
}

function stageSeed(entry: StageEntry, manifest: StageManifest, pipelineSeed: number, scope: Scope, diagnostics: Diagnostics): number | null {
  const own = readSeed(entry.seed, `stage "${entry.name}"`, scope, diagnostics);
  if (manifest.random) return own ?? pipelineSeed;
  if (entry.seed !== undefined) {
    diagnostics.warning('E_UNKNOWN_FIELD', `seed of stage "${entry.name}" has no effect`, {
      facts: { type: `${manifest.type} draws no random numbers` },
      hint: 'remove seed:',
      span: entry.seed.span,
    });
  }
  return null;
}

function readSeed(node: SourceNode | undefined, whose: string, scope: Scope, diagnostics: Diagnostics): number | undefined {
  const value = node === undefined ? undefined : scope.resolve(node);
  if (node === undefined || value === undefined) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  diagnostics.error('E_WRONG_TYPE', `seed of ${whose} has the wrong type`, { facts: { expected: 'an integer', found: `${kindOf(value)} ${shownValue(value)}` }, hint: 'write e.g. seed: 1', span: node.span });
  return undefined;
}

/** Decides, producers first, what is skipped; drops edges from skipped stages to optional ports; looks for the files of what is left. */
function settle(order: readonly string[], drafts: ReadonlyMap<string, Draft>, diagnostics: Diagnostics): PlannedStage[] {
  const skipped = new Map<string, string>();
  const planned: PlannedStage[] = [];
  for (const name of order) {
    const draft = drafts.get(name);
    if (draft === undefined) continue;
    const { entry, manifest, inputs } = draft;
    const kept = Object.entries(inputs).filter(([, edges]) => edges.every((edge) => !skipped.has(edge.stage)));
    const lost = Object.entries(inputs).find(([port, edges]) => manifest.inputs[port]?.optional !== true && edges.some((edge) => skipped.has(edge.stage)));
    const missing = lost?.[1].find((edge) => skipped.has(edge.stage))?.stage;
    const reason = !draft.active ? 'when: is false' : missing === undefined ? undefined : `needs "${missing}", which is skipped`;
    if (reason !== undefined) skipped.set(name, reason);
    else checkExternals(entry, manifest, draft.parameters, diagnostics);
    planned.push({
      name, manifest,
      params: draft.parameters.params,
      inputs: Object.fromEntries(kept),
      ...(reason === undefined ? {} : { skipped: reason }),
      resources: draft.resources, seed: draft.seed, span: entry.span, paramSpans: draft.parameters.spans,
    });
  }
  return planned;
}
