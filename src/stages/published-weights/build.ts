/** A built-in architecture with its weights: from a checkpoint file, from a download, or drawn from the seed. */
import type { Architecture, ImagePreprocessing } from '../../architectures/architecture.js';
import { initialWeights } from '../../architectures/initial-weights.js';
import { buildFromCheckpoint, dialectOf } from '../../architectures/state-dict.js';
import type { DownloadService } from '../../core/download-service.js';
import type { Random } from '../../core/random.js';
import { openCheckpoint } from '../../formats/checkpoint/index.js';
import type { Graph } from '../../graph/ir.js';
import { originOf, type OriginParams } from './origin.js';

export interface BuildContext {
  readonly params: OriginParams & { readonly mapping?: string };
  readonly externals: ReadonlyMap<string, string>;
  readonly services: { readonly downloads: DownloadService };
  readonly random: Random;
  readonly signal: AbortSignal;
  progress(done: number, total: number, note?: string): void;
}

export interface BuiltGraph {
  readonly graph: Graph;
  /** format of the checkpoint, or `untrained` */
  readonly from: string;
  readonly isUntrained: boolean;
  /** the same network trained elsewhere may have seen images prepared in another way */
  readonly preprocessing?: Partial<ImagePreprocessing>;
}

/** Errors: those of the origin, of the download, of the checkpoint, and E_WEIGHTS where its weights are not the architecture's. */
export async function buildPublished<A extends Architecture>(architecture: A, options: Parameters<A['build']>[1], context: BuildContext): Promise<BuiltGraph> {
  const { params, externals, services, random, signal } = context;
  const origin = originOf(params);
  if (origin.kind === 'untrained') {
    const build = architecture.build as (weights: ReturnType<typeof initialWeights>, given: typeof options) => Graph;
    return { graph: build.call(architecture, initialWeights(architecture, random.fork('weights')), options), from: 'untrained', isUntrained: true };
  }
  const path = origin.kind === 'file' ? (externals.get('weights') as string) : await services.downloads.obtain(origin.request, { signal, progress: (done, total) => context.progress(done, total ?? done, 'bytes fetched') });
  const checkpoint = openCheckpoint(path, params.mapping === undefined ? {} : { mapping: params.mapping });
  try {
    const preprocessing = dialectOf(architecture, checkpoint)?.preprocessing;
    return { graph: buildFromCheckpoint(architecture, checkpoint, options), from: checkpoint.format, isUntrained: false, ...(preprocessing === undefined ? {} : { preprocessing }) };
  } finally {
    checkpoint.close();
  }
}
