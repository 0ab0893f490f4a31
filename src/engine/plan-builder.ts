/**
 * Pipeline file → plan: links stages, orders them, unfolds matrices, decides what is skipped, and checks every value against the declarations
 * of the stage types. Analysis never stops at an error; a plan comes out only if there was none. Knows stage types only through their manifests.
 */
import type { Digest } from '../core/digest.js';
import { instanceName, namesInShort } from './coordinates.js';
import type { Coordinates } from './coordinates.js';
import type { Diagnostics } from './diagnostics.js';
import { placeOf } from './diagnostics.js';
import { InstanceDiagnostics } from './instance-diagnostics.js';
import { edgesOf, joinConnections } from './instance-inputs.js';
import { MAX_INSTANCES, readMatrix } from './matrix.js';
import type { Matrix } from './matrix.js';
import type { PipelineFile, StageEntry } from './pipeline-file.js';
import type { InputBinding, Plan, PlannedStage } from './plan.js';
import type { Scope, StageScope } from './scope.js';
import { kindOf, shownValue } from './source-node.js';
import type { SourceNode } from './source-node.js';
import type { StageManifest, StageRegistry } from './stage.js';
import { connectPorts, portOf } from './stage-inputs.js';
import type { Connection } from './stage-inputs.js';
import { readReferences } from './stage-reference.js';
import type { Producer, StageReference } from './stage-reference.js';
import { checkExternals, parameterSpans, readParameters } from './stage-parameters.js';
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

/** One instance; a stage without a matrix has one. */
interface Draft {
  readonly entry: StageEntry;
  readonly manifest: StageManifest;
  readonly name: string;
  readonly coordinates: Coordinates;
  readonly inputs: Readonly<Record<string, readonly InputBinding[]>>;
  readonly parameters: StageParameters;
  readonly active: boolean;
  readonly resources: PlannedStage['resources'];
  readonly seed: number | null;
}

/** What all instances of a stage need to be drafted. */
interface Drafting {
  readonly source: PlanSource;
  readonly scope: Scope;
  readonly registry: StageRegistry;
  readonly pipelineSeed: number;
  readonly matrices: ReadonlyMap<string, Matrix | undefined>;
}

/** Of one pipeline: each is read, checked and kept. */
const MAX_EDGES = 1_000_000;

export function buildPlan(file: PipelineFile, source: PlanSource, scope: Scope, registry: StageRegistry, diagnostics: Diagnostics): Plan | undefined {
  const stages = new Map<string, Producer>(file.stages.map((entry) => [entry.name, { entry, manifest: findManifest(entry, registry, diagnostics) }]));
  const references = new Map(file.stages.map((entry) => [entry.name, referencesOf(entry, stages, diagnostics)]));
  const order = orderStages(file.stages, references, diagnostics);
  const pipelineSeed = readSeed(file.seed, 'the pipeline', scope, diagnostics) ?? 0;
  const matrices = readMatrices(file.stages, scope, diagnostics);

  const drafts = new Map<string, readonly Draft[]>();
  let edges = 0;
  for (const [name, { entry, manifest }] of stages) {
    if (manifest === undefined) continue;
    const connections = connectPorts(entry, manifest, references.get(name) as References, stages, diagnostics);
    const instances = draftStage(entry, manifest, connections, { source, scope, registry, pipelineSeed, matrices }, diagnostics);
    drafts.set(name, instances);
    for (const { inputs } of instances) for (const bindings of Object.values(inputs)) edges += bindings.length;
    if (edges <= MAX_EDGES) continue;
    diagnostics.error('E_MATRIX', 'the pipeline has too many edges', { facts: { expected: `at most ${MAX_EDGES}`, found: `${edges} with stage "${name}"` }, hint: 'gather in steps, or over fewer instances', span: entry.span });
    return undefined;
  }
  // Where there is a cycle the plan is lost; going on in the order of the file still finds the files that are missing.
  const planned = settle((order ?? [...drafts.keys()]).flatMap((name) => drafts.get(name) ?? []), matrices, diagnostics);
  if (diagnostics.failed) return undefined;
  return {
    file: source.file, source: source.source, name: file.name,
    ...(file.description === undefined ? {} : { description: file.description }),
    params: scope.params, env: scope.environmentRead, stages: planned,
  };
}

/** Stages whose matrix cannot be read have none here: what hangs on them is not looked at. */
function readMatrices(entries: readonly StageEntry[], scope: Scope, diagnostics: Diagnostics): Map<string, Matrix | undefined> {
  const matrices = new Map<string, Matrix | undefined>();
  let instances = 0;
  for (const entry of entries) {
    const matrix = readMatrix(entry, scope, diagnostics);
    instances += entry.matrix === undefined ? 0 : (matrix?.instances.length ?? 0);
    if (instances > MAX_INSTANCES) {
      diagnostics.error('E_MATRIX', 'the pipeline has too many instances', { facts: { expected: `at most ${MAX_INSTANCES}`, found: `${instances} with stage "${entry.name}"` }, hint: 'use fewer values, or split the sweep over several files', span: entry.span });
      matrices.set(entry.name, undefined);
      instances = 0; // said once
    } else matrices.set(entry.name, matrix);
  }
  return matrices;
}

function draftStage(entry: StageEntry, manifest: StageManifest, connections: readonly Connection[], { source, scope, registry, pipelineSeed, matrices }: Drafting, diagnostics: Diagnostics): Draft[] {
  const matrix = matrices.get(entry.name);
  if (matrix === undefined) return [];
  const joined = joinConnections(entry, matrix.axes, connections, matrices, diagnostics);
  const found = new InstanceDiagnostics(matrix.instances.length);
  const spans = parameterSpans(entry);
  let shared: StageParameters | undefined;
  const drafts = matrix.instances.map((coordinates) => {
    const name = instanceName(entry.name, coordinates);
    return found.run(name, (own) => {
      const at = scope.at(entry.name, coordinates, own);
      const parameters = shared ?? readParameters(entry, name, spans, manifest, source.folder, at, registry, own);
      if (!at.usesMatrix) shared = parameters;
      return {
        entry, manifest, name, coordinates, parameters,
        inputs: edgesOf(entry, name, coordinates, joined, matrices, at, own),
        active: readCondition(entry, name, at, own),
        resources: readResources(entry, name, manifest.resources, at, own),
        seed: stageSeed(entry, name, manifest, pipelineSeed, at, own),
      };
    });
  });
  found.flush(diagnostics);
  return drafts;
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

type References = ReadonlyMap<string, readonly StageReference[]>;

/** Port → references, as they stand in the file. */
function referencesOf(entry: StageEntry, stages: ReadonlyMap<string, Producer>, diagnostics: Diagnostics): References {
  const { manifest } = stages.get(entry.name) as Producer;
  const found = new Map<string, readonly StageReference[]>();
  for (const input of entry.inputs.values()) {
    const port = manifest === undefined ? undefined : portOf(manifest, input.key);
    found.set(input.key, readReferences(entry.name, input, port === undefined ? undefined : port.many === true, stages, diagnostics));
  }
  return found;
}

function orderStages(entries: readonly StageEntry[], references: ReadonlyMap<string, References>, diagnostics: Diagnostics): readonly string[] | undefined {
  const usedBy = (name: string): StageReference[] => [...(references.get(name)?.values() ?? [])].flat();
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
function readCondition(entry: StageEntry, name: string, scope: StageScope, diagnostics: Diagnostics): boolean {
  if (entry.when === undefined) return true;
  const value = scope.resolve(entry.when);
  if (typeof value === 'boolean' || value === undefined) return value ?? true;
  diagnostics.error('E_WRONG_TYPE', `"when" of stage "${name}" is not a condition`, {
    facts: { expected: 'true or false', found: `${kindOf(value)} ${shownValue(value)}` },
    hint: 'write a comparison, e.g. when: ${params.nsd == \'\'}',
    span: entry.when.span,
  });
  return true;
}

function stageSeed(entry: StageEntry, name: string, manifest: StageManifest, pipelineSeed: number, scope: StageScope, diagnostics: Diagnostics): number | null {
  const own = readSeed(entry.seed, `stage "${name}"`, scope, diagnostics);
  if (manifest.random) return own ?? pipelineSeed;
  if (entry.seed !== undefined) {
    diagnostics.warning('E_UNKNOWN_FIELD', `seed of stage "${name}" has no effect`, {
      facts: { type: `${manifest.type} draws no random numbers` },
      hint: 'remove seed:',
      span: entry.seed.span,
    });
  }
  return null;
}

function readSeed(node: SourceNode | undefined, whose: string, scope: Pick<StageScope, 'resolve'>, diagnostics: Diagnostics): number | undefined {
  const value = node === undefined ? undefined : scope.resolve(node);
  if (node === undefined || value === undefined) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  diagnostics.error('E_WRONG_TYPE', `seed of ${whose} has the wrong type`, { facts: { expected: 'an integer', found: `${kindOf(value)} ${shownValue(value)}` }, hint: 'write e.g. seed: 1', span: node.span });
  return undefined;
}

/** Decides, producers first, what is skipped; drops edges from skipped stages where others are left or none is needed; looks for the files of what is left. */
function settle(order: readonly Draft[], matrices: ReadonlyMap<string, Matrix | undefined>, diagnostics: Diagnostics): PlannedStage[] {
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
