/** Loads a pipeline given as text, on the fake stage types, and prints its diagnostics as the command line would, with a fixed file name. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatDiagnostic } from '../../src/engine/format-diagnostic.js';
import { loadPlan } from '../../src/engine/load-plan.js';
import type { Plan, PlannedStage } from '../../src/engine/plan.js';
import type { Diagnostic } from '../../src/engine/diagnostics.js';
import { fakeRegistry } from './fake-registry.js';

export interface Loaded {
  readonly plan: Plan | undefined;
  readonly diagnostics: readonly Diagnostic[];
  readonly codes: readonly string[];
  /** `line:column CODE` of each diagnostic */
  readonly places: readonly string[];
  readonly printed: string;
  readonly folder: string;
}

export function load(text: string | Uint8Array, options: { set?: readonly string[]; env?: NodeJS.ProcessEnv; files?: readonly string[] } = {}): Loaded {
  const folder = mkdtempSync(join(tmpdir(), 'plan-rig-'));
  try {
    const file = join(folder, 'p.yaml');
    writeFileSync(file, text);
    for (const name of options.files ?? []) writeFileSync(join(folder, name), name);
    const { plan, diagnostics } = loadPlan(file, { registry: fakeRegistry(), set: options.set ?? [], env: options.env ?? {} });
    const source = typeof text === 'string' ? text : undefined;
    return {
      plan, diagnostics, folder,
      codes: diagnostics.map(({ error }) => error.code),
      places: diagnostics.map(({ error }) => `${error.span === undefined ? '-' : `${error.span.line}:${error.span.column}`} ${error.code}`),
      printed: diagnostics.map(({ error }) => formatDiagnostic(error, source).replaceAll(`${folder}/`, '')).join('\n\n'),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The stages section of a file that is otherwise right, with the lines of `params:` or other fields before it. */
export function pipeline(stages: string, before = ''): string {
  return `name: test\n${before}stages:\n${stages}`;
}

export function stageOf(loaded: Loaded, name: string): PlannedStage {
  const stage = loaded.plan?.stages.find((each) => each.name === name);
  if (stage === undefined) throw new Error(`no stage ${name}; diagnostics:\n${loaded.printed}`);
  return stage;
}
