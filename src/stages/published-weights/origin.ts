/** Where the weights come from: exactly one of three parameters says so. Known to the planner too, which refuses anything else before the run. */
import type { DownloadRequest } from '../../core/download-service.js';
import { PipelineError } from '../../core/errors.js';

export interface OriginParams {
  readonly weights?: string;
  readonly download?: DownloadRequest;
  readonly untrained?: boolean;
}

export type Origin =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'download'; readonly request: DownloadRequest }
  | { readonly kind: 'untrained' };

/** Errors: E_OUT_OF_RANGE unless exactly one is given. */
export function originOf({ weights = '', download, untrained = false }: OriginParams): Origin {
  const origins: Origin[] = [
    ...(weights === '' ? [] : [{ kind: 'file', path: weights } as const]),
    ...(download === undefined ? [] : [{ kind: 'download', request: download } as const]),
    ...(untrained ? [{ kind: 'untrained' } as const] : []),
  ];
  const [origin] = origins;
  if (origin !== undefined && origins.length === 1) return origin;
  throw new PipelineError('E_OUT_OF_RANGE', 'the origin of the weights is not clear', {
    facts: { expected: 'exactly one of weights, download, untrained: true', found: origins.map(({ kind }) => (kind === 'file' ? 'weights' : kind)).join(' and ') || 'none of them' },
    hint: 'Give a checkpoint file as weights, or its url and sha256 as download, or untrained: true for the baseline.',
  });
}
