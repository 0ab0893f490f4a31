/**
 * The stage contract: everything that a stage type declares and everything that it is handed while it runs. It is the one file of the engine
 * that stages may import. Nothing here knows a tensor, a file format or the command line.
 *
 * A definition is data plus `run`. The data (schema of the parameters, typed ports, services, resources) is written to a manifest at build
 * time, so that planning, help and a run in which nothing changed load no stage code.
 */
import type { Static, TObject } from '@sinclair/typebox';
import type { Digest } from '../core/digest.js';
import type { JsonObject, JsonValue } from '../core/json.js';
import type { Random } from '../core/random.js';
import type { ArtifactReader, ArtifactWriter, MemoEntry } from './artifact.js';

export type { Artifact, ArtifactFile, ArtifactReader, ArtifactWriter, MemoEntry } from './artifact.js';
export { Random } from '../core/random.js';

export interface InputPort {
  /** artifact type, e.g. `Voxels`; an edge joins ports of the same type only */
  readonly type: string;
  readonly description: string;
  /** may be left unconnected, or connected to a stage that was skipped: the reader is then undefined */
  readonly optional?: boolean;
  /** takes any number of artifacts, each with its coordinates; where it is not optional, at least one */
  readonly many?: boolean;
}

/** Coordinates of one artifact at a `many` port: the axes of its stage's `matrix:` that the consumer does not have, and `name` where the file lists sources by name. */
export type Labels = Readonly<Record<string, string | number | boolean>>;

export interface LabelledArtifact {
  readonly labels: Labels;
  readonly artifact: ArtifactReader;
}

export interface OutputPort {
  readonly type: string;
  readonly description: string;
  /** logical names (`*` matches within one path segment) of the files that a person wants: they are copied to results/ after a run */
  readonly publish?: readonly string[];
}

export interface StageResources {
  /** cores this stage can use; also the threads of its services. Never in the key: results do not depend on it. */
  readonly cpus: number;
  readonly memoryMb: number;
}

/** One outside file, listed before the run; in the key it is `name` → digest of its content, so moving the data changes nothing. */
export interface ExternalFile {
  /** logical relative name with `/`, e.g. `nsddata/experiments/nsd/nsd_expdesign.mat` */
  readonly name: string;
  /** absolute path on this machine */
  readonly path: string;
}

export interface StageDefinition<
  P extends TObject = TObject,
  I extends Record<string, InputPort> = Record<string, InputPort>,
  O extends Record<string, OutputPort> = Record<string, OutputPort>,
  S = unknown,
> {
  /** dotted lower-case name, e.g. `readout.ridge` */
  readonly type: string;
  /** raised by hand whenever the same inputs would give other bytes; enters the key */
  readonly version: number;
  /** one sentence, shown by help and heading the reference page */
  readonly summary: string;
  /** paragraphs for the reference page: equations, shapes, units, sources */
  readonly description?: string;
  readonly params: P;
  readonly inputs: I;
  readonly outputs: O;
  /** services it is handed, by name; their `identity()` enters the key */
  readonly needs: readonly string[];
  /** true: it draws random numbers, is handed a seed, and the seed enters the key */
  readonly random: boolean;
  /** `inline`: cheap and pure JavaScript, runs in the engine's process. `program`: starts a program and waits for it, from the engine's process. `worker`: everything else. */
  readonly runs: StageRuns;
  readonly resources: StageResources;
  /** true: every stage of this type declares its ports itself (own-ports.ts); `inputs` and `outputs` here are empty */
  readonly ownPorts?: true;
  run(context: StageContext<Static<P>, I, O, S>): Promise<void>;
}

export type StageRuns = 'inline' | 'worker' | 'program';

type ReaderOf<Port extends InputPort> = Port['many'] extends true
  ? readonly LabelledArtifact[]
  : Port['optional'] extends true
    ? ArtifactReader | undefined
    : ArtifactReader;

export interface StageContext<Params = JsonObject, I = Record<string, InputPort>, O = Record<string, OutputPort>, S = unknown> {
  /** resolved, validated, defaults filled; parameters marked `x-external` hold absolute paths */
  readonly params: Params;
  /** input artifacts by port; their bytes were verified before the stage started. At a `many` port a list, sorted by labels (empty only where the port is optional). */
  readonly inputs: { readonly [K in keyof I]: I[K] extends InputPort ? ReaderOf<I[K]> : never };
  /** every declared output must hold at least one file when `run` resolves (E_OUTPUT_MISSING otherwise) */
  readonly outputs: { readonly [K in keyof O]: ArtifactWriter };
  /** outside files by logical name, as the stage's `externals` listed them */
  readonly externals: ReadonlyMap<string, string>;
  /** seeded from the pipeline's seed and this stage's own struct; only for definitions with `random: true` (throws otherwise) */
  readonly random: Random;
  readonly services: S;
  readonly resources: StageResources;
  /** how far the stage is; `note` is a few words (e.g. `loss 0.42`) */
  progress(done: number, total: number, note?: string): void;
  log(message: string): void;
  warn(message: string): void;
  /** a number worth a column in the table of runs; last value wins */
  metric(name: string, value: number): void;
  /** aborted on Ctrl-C or timeout: long loops call `signal.throwIfAborted()` */
  readonly signal: AbortSignal;
  /** a folder of this stage and key that survives a kill and is removed after success: for checkpoints */
  readonly checkpoint: string;
  /** a private folder on the store's file system that is removed when the stage ends, however it ends */
  readonly scratch: string;
  /**
   * A cached value inside a stage, in the same store: `produce` runs only if nothing is stored under `struct` (plus this stage's type, version
   * and services). Use it per chunk of work. `struct` must name everything that determines the bytes (digests of inputs, parameters).
   */
  memo(struct: JsonValue, produce: (writer: ArtifactWriter) => Promise<void>): Promise<MemoEntry>;
}

/** How the registry finds a stage type without loading it. */
export interface StageModule {
  /** the full definition with its code */
  load(): Promise<StageDefinition>;
  /** only for types that read outside files: a light module (no native package, no schema library) that lists them; `inputs`: names of the input ports; all that ask with the same `pass` may share one look at a folder */
  externals?(): Promise<(params: JsonObject, inputs: readonly string[], pass?: object) => Promise<readonly ExternalFile[]>>;
}

/** What the planner knows of a stage type; written by the build from the definitions. */
export interface StageManifest {
  readonly type: string;
  readonly version: number;
  readonly summary: string;
  readonly description?: string;
  /** JSON Schema (object, additionalProperties false); a property with `"x-external": "file" | "directory"` is a path relative to the pipeline file */
  readonly params: JsonObject;
  readonly inputs: Readonly<Record<string, InputPort>>;
  readonly outputs: Readonly<Record<string, OutputPort>>;
  readonly needs: readonly string[];
  readonly random: boolean;
  readonly runs: StageRuns;
  readonly resources: StageResources;
  readonly ownPorts?: true;
  /** of a type from a module of the project: its code, which enters the key; absent: built in */
  readonly code?: StageCode;
}

/** The bundled code of a module: what was planned is what runs, whatever happens to its sources meanwhile. */
export interface StageCode {
  /** of the code and the versions of the packages that it imports; free of paths */
  readonly digest: Digest;
  /** absolute path of the bundle, and the digest of that very file */
  readonly bundle: string;
  readonly file: Digest;
}

/** True if the parameters are valid (defaults are filled in place); otherwise `errors` says what is wrong, as JSON Schema validators do. */
export interface ParameterCheck {
  (params: unknown): boolean;
  errors?: readonly unknown[] | null;
}

export interface StageRegistry {
  readonly manifests: ReadonlyMap<string, StageManifest>;
  readonly modules: Readonly<Record<string, StageModule>>;
  /** validate functions by stage type that the build compiled from `manifest.params`; without them they are compiled when first needed */
  validators?(): Readonly<Record<string, ParameterCheck>>;
  /** identity of a service by name, without loading it (e.g. tensor → `onnxruntime-cpu`) */
  serviceIdentity(name: string): string;
}

export function manifestOf(definition: StageDefinition): StageManifest {
  const { type, version, summary, description, inputs, outputs, needs, random, runs, resources, ownPorts } = definition;
  const params = JSON.parse(JSON.stringify(definition.params)) as JsonObject;
  return { type, version, summary, ...(description === undefined ? {} : { description }), params, inputs, outputs, needs, random, runs, resources, ...(ownPorts === true ? { ownPorts } : {}) };
}

/** Fixes the type of the service bag once per project; see stages/define.ts. */
export function stageDefiner<Services>() {
  return <
    P extends TObject,
    const I extends Record<string, InputPort>,
    const O extends Record<string, OutputPort>,
    const N extends readonly (keyof Services & string)[],
  >(
    definition: Omit<StageDefinition<P, I, O, Pick<Services, N[number]>>, 'needs'> & { readonly needs: N },
  ): StageDefinition<P, I, O, Pick<Services, N[number]>> => definition;
}

