/**
 * The instances of one stage, with their values resolved and checked and their edges found. Whether they are skipped is decided later, when
 * all stages have been drafted.
 */
import { instanceName } from './coordinates.js';
import type { Coordinates } from './coordinates.js';
import { Diagnostics } from './diagnostics.js';
import { InstanceDiagnostics } from './instance-diagnostics.js';
import { edgesOf, joinConnections } from './instance-inputs.js';
import type { EdgeBudget } from './instance-inputs.js';
import type { Matrix } from './matrix.js';
import type { StageEntry } from './pipeline-file.js';
import type { InputBinding, PlannedStage, RetryPolicy } from './plan.js';
import { readRetries } from './retries.js';
import type { Scope, StageScope } from './scope.js';
import { kindOf, shownValue } from './source-node.js';
import type { SourceNode } from './source-node.js';
import type { StageManifest, StageRegistry } from './stage.js';
import type { Connection } from './stage-inputs.js';
import { parameterSpans, readParameters } from './stage-parameters.js';
import type { StageParameters } from './stage-parameters.js';
import { readResources } from './stage-resources.js';

/** One instance; a stage without a matrix has one. */
export interface Draft {
  readonly entry: StageEntry;
  readonly manifest: StageManifest;
  readonly name: string;
  readonly coordinates: Coordinates;
  readonly inputs: Readonly<Record<string, readonly InputBinding[]>>;
  readonly parameters: StageParameters;
  readonly active: boolean;
  readonly resources: PlannedStage['resources'];
  readonly retries?: RetryPolicy;
  readonly seed: number | null;
}

/** What all instances of a stage need to be drafted. */
export interface Drafting {
  /** of the pipeline file: paths are relative to it */
  readonly folder: string;
  readonly scope: Scope;
  readonly registry: StageRegistry;
  readonly pipelineSeed: number;
  readonly matrices: ReadonlyMap<string, Matrix | undefined>;
  readonly edges: EdgeBudget;
}

/** Nothing for a stage whose matrix cannot be read; no further than the edges last. */
export function draftStage(entry: StageEntry, manifest: StageManifest, connections: readonly Connection[], { folder, scope, registry, pipelineSeed, matrices, edges }: Drafting, diagnostics: Diagnostics): Draft[] {
  const matrix = matrices.get(entry.name);
  if (matrix === undefined) return [];
  const joined = joinConnections(entry, matrix.axes, connections, matrices, diagnostics);
  const found = new InstanceDiagnostics(matrix.instances.length);
  const spans = parameterSpans(entry);
  const parametersFor = (name: string, at: StageScope, into: Diagnostics): StageParameters => readParameters(entry, name, spans, manifest, folder, at, registry, into);
  // Parameters in which no coordinate stands are read once, and what is wrong with them is wrong with the stage.
  const common = new Diagnostics();
  const [any] = matrix.instances as [Coordinates];
  const outside = scope.at(entry.name, any, common);
  const read = parametersFor(entry.name, outside, common);
  const shared = outside.usesMatrix ? undefined : read;
  if (shared !== undefined) for (const { severity, error } of common.sorted()) diagnostics.add(severity, error);
  const drafts: Draft[] = [];
  for (const coordinates of matrix.instances) {
    if (edges.left < 0) break;
    const name = instanceName(entry.name, coordinates);
    drafts.push(found.run(name, (own) => {
      const at = scope.at(entry.name, coordinates, own);
      const retries = readRetries(entry, name, at, own);
      return {
        entry, manifest, name, coordinates,
        parameters: shared ?? parametersFor(name, at, own),
        inputs: edgesOf(entry, name, coordinates, joined, edges, at, own),
        active: readCondition(entry, name, at, own),
        ...(retries === undefined ? {} : { retries }),
        resources: readResources(entry, name, manifest.resources, at, own),
        seed: stageSeed(entry, name, manifest, pipelineSeed, at, own),
      };
    }));
  }
  found.flush(diagnostics);
  return drafts;
}

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

/** undefined where there is none, or something else (which is reported). */
export function readSeed(node: SourceNode | undefined, whose: string, scope: Pick<StageScope, 'resolve'>, diagnostics: Diagnostics): number | undefined {
  const value = node === undefined ? undefined : scope.resolve(node);
  if (node === undefined || value === undefined) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  diagnostics.error('E_WRONG_TYPE', `seed of ${whose} has the wrong type`, { facts: { expected: 'an integer', found: `${kindOf(value)} ${shownValue(value)}` }, hint: 'write e.g. seed: 1', span: node.span });
  return undefined;
}
