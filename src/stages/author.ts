/**
 * @module `pipeline-encoding/stage`: what the author of a stage type needs, and the only entry of this package. Modules that a pipeline file lists under
 * `modules:` import it (docs/own-code.md). What stands here is promised to modules: when it would give other bytes, STAGE_API is raised.
 */
import type { TObject } from '@sinclair/typebox';
import type { Services } from '../core/tensor-service.js';
import type { InputPort, OutputPort, StageDefinition, StageResources } from '../engine/stage.js';

export { Type, type Static } from '@sinclair/typebox';
export { PipelineError, type ErrorCode, type ErrorDetails } from '../core/errors.js';
export type { JsonObject, JsonValue } from '../core/json.js';
export type { DType, Shape, Tensor } from '../core/tensor.js';
export { tensor } from '../core/tensor.js';
export { NpyFile, NpyWriter, readNpy, readNpyHeader, readNpyRows, writeNpy } from '../formats/npy.js';
export type { Artifact, ArtifactFile, ArtifactReader, ArtifactWriter, InputPort, LabelledArtifact, Labels, MemoEntry, OutputPort, StageContext, StageDefinition, StageResources } from '../engine/stage.js';
export { Random } from '../engine/stage.js';
export type { TensorService } from '../core/tensor-service.js';
export { choice } from './define.js';

type Declared<P extends TObject, I extends Record<string, InputPort>, O extends Record<string, OutputPort>, S> = Omit<StageDefinition<P, I, O, S>, 'needs' | 'random' | 'runs' | 'resources' | 'ownPorts'>;

interface Running<N extends readonly (keyof Services & string)[]> {
  /** services it is handed; default: none */
  readonly needs?: N;
  /** default: it draws no random numbers */
  readonly random?: boolean;
  /** default: in a worker process */
  readonly runs?: 'inline' | 'worker';
  /** default: one core, 512 MB */
  readonly resources?: Partial<StageResources>;
}

/** A stage type. Its parameters, ports and services decide the types of what `run` is handed. */
export function defineStage<
  P extends TObject,
  const I extends Record<string, InputPort>,
  const O extends Record<string, OutputPort>,
  const N extends readonly (keyof Services & string)[] = [],
>(definition: Declared<P, I, O, Pick<Services, N[number]>> & Running<N>): StageDefinition<P, I, O, Pick<Services, N[number]>> {
  const { needs = [], random = false, runs = 'worker', resources, ...rest } = definition;
  return { ...rest, needs, random, runs, resources: { cpus: 1, memoryMb: 512, ...resources } } as StageDefinition<P, I, O, Pick<Services, N[number]>>;
}
