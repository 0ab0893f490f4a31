/**
 * Pipeline file → plan: links stages, orders them, unfolds matrices, and has every value checked against the declarations of the
 * stage types. Analysis never stops at an error; a plan comes out only if there was none. Knows stage types only through their manifests.
 */
import type { Digest } from '../core/digest.js';
import { placeOf } from './diagnostics.js';
import type { Diagnostics } from './diagnostics.js';
import { draftStage, readSeed } from './draft-stage.js';
import type { Draft } from './draft-stage.js';
import { MAX_INSTANCES, readMatrix } from './matrix.js';
import type { EdgeBudget } from './instance-inputs.js';
import type { Matrix } from './matrix.js';
import { withOwnPorts } from './own-ports.js';
import type { PipelineFile, StageEntry } from './pipeline-file.js';
import type { Plan } from './plan.js';
import type { Scope } from './scope.js';
import { settle } from './settle.js';
import type { SourceFile } from './source-files.js';
import type { StageManifest, StageRegistry } from './stage.js';
import { connectPorts, portOf } from './stage-inputs.js';
import { readReferences } from './stage-reference.js';
import type { Producer, StageReference } from './stage-reference.js';
import { suggestion } from './suggest.js';
import { orderNodes } from './topology.js';

export interface PlanSource {
  /** absolute path */
  readonly file: string;
  readonly folder: string;
  readonly source: Digest;
  readonly sources: readonly SourceFile[];
}

/** Of one pipeline: each is read, checked and kept. */
const MAX_EDGES = 1_000_000;

export function buildPlan(file: PipelineFile, source: PlanSource, scope: Scope, registry: StageRegistry, diagnostics: Diagnostics): Plan | undefined {
  const stages = new Map<string, Producer>(file.stages.map((entry) => [entry.name, { entry, manifest: withOwnPorts(entry, findManifest(entry, registry, diagnostics), diagnostics) }]));
  const references = new Map(file.stages.map((entry) => [entry.name, referencesOf(entry, stages, diagnostics)]));
  const order = orderStages(file.stages, references, diagnostics);
  const pipelineSeed = readSeed(file.seed, 'the pipeline', scope, diagnostics) ?? 0;
  const matrices = readMatrices(file.stages, scope, diagnostics);

  const drafts = new Map<string, readonly Draft[]>();
  const edges: EdgeBudget = { left: MAX_EDGES };
  for (const [name, { entry, manifest }] of stages) {
    if (manifest === undefined) continue;
    const connections = connectPorts(entry, manifest, references.get(name) as References, stages, diagnostics);
    const instances = draftStage(entry, manifest, connections, { folder: source.folder, scope, registry, pipelineSeed, matrices, edges }, diagnostics);
    drafts.set(name, instances);
    if (edges.left >= 0) continue;
    diagnostics.error('E_MATRIX', 'the pipeline has too many edges', { facts: { expected: `at most ${MAX_EDGES}`, found: `more, with "${(instances.at(-1) as Draft).name}"` }, hint: 'gather in steps, or over fewer instances', span: entry.span });
    return undefined;
  }
  // Where there is a cycle the plan is lost; going on in the order of the file still finds the files that are missing.
  const planned = settle((order ?? [...drafts.keys()]).flatMap((name) => drafts.get(name) ?? []), matrices, diagnostics);
  if (diagnostics.failed) return undefined;
  return {
    file: source.file, source: source.source, sources: source.sources, name: file.name,
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
      facts: Object.fromEntries(shown.map(({ consumer, producer, span }) => [`"${consumer}" needs "${producer}"`, placeOf(span, edges[0]?.span)])),
      hint: 'remove one of these inputs',
      span: (edges[0] as (typeof edges)[0]).span,
    });
  }
  return cycles.length > 0 ? undefined : order;
}

const MOST_EDGES_SHOWN = 8;
