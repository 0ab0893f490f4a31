/** The texts that a plan was made from, and how they read now: as `loadPlan` reads them, but without the YAML parser's guards, because nothing is parsed. */
import { readFileSync, statSync } from 'node:fs';
import type { Digest } from '../core/digest.js';
import type { Plan } from './plan.js';

export interface PlanSourceText {
  /** absolute */
  readonly path: string;
  readonly digest: Digest;
}

/** The pipeline file first, then what it is built on. */
export function sourcesOf(plan: Omit<Plan, 'stages'>): readonly PlanSourceText[] {
  const { sources = [{ path: plan.file, digest: plan.source }] } = plan as { readonly sources?: readonly PlanSourceText[] };
  return sources;
}

/** Without a byte order mark; undefined if there is no such text any more. */
export function sourceText(path: string): string | undefined {
  try {
    return statSync(path).isFile() ? new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path)) : undefined;
  } catch {
    return undefined;
  }
}
