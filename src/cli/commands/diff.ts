/** `pipeline diff RUN_A RUN_B [STAGE]`: what was asked, what it was made with, and what came of it, side by side where it differs. */
import { diffRuns } from '../../engine/diff-runs.js';
import { readRun } from '../../engine/run-history.js';
import { selectStages, unknownStage } from '../../engine/stage-selector.js';
import { baseName } from '../../engine/coordinates.js';
import type { RunRecord } from '../../engine/run-record.js';
import type { Invocation } from '../invocation.js';
import { flagOption } from '../option-values.js';
import { projectPaths } from '../project-paths.js';
import { withReadingStore } from '../reading-store.js';
import { diffLines } from '../render/diff-lines.js';
import { runLabeller } from '../run-label.js';

const DIFFERENT = 1;

export async function handle(invocation: Invocation): Promise<number> {
  const { args, io, options, out } = invocation;
  const { store: directory } = projectPaths(invocation);
  const [a, b] = [readRun(directory, args[0] as string), readRun(directory, args[1] as string)];
  const wanted = args[2] === undefined ? undefined : wantedStages(a, b, args[2]);
  const difference = await withReadingStore(directory, (store) => diffRuns(a, b, store, wanted === undefined ? undefined : (stage) => wanted.has(stage)));
  const label = runLabeller(directory);
  const told = wanted === undefined ? difference : { ...difference, differs: difference.stages.some((stage) => stage.differs) };
  if (options.json) {
    io.stdout.write(`${JSON.stringify({ schema: 'pipeline.diff.v1', a: headOf(a), b: headOf(b), ...told })}\n`);
  } else {
    const heads = [a, b].map((run, i) => `${out.bold(i === 0 ? 'a' : 'b')}  ${label(run.id)}  ${run.pipeline}  ${run.outcome}`);
    const nothing = { params: [], env: [], options: [], sameSource: true, sources: [], git: [], software: [], hardware: [] };
    io.stdout.write(`${[...heads, '', ...diffLines(wanted === undefined ? told : { ...told, ...nothing }, out)].join('\n')}\n`);
  }
  return told.differs && flagOption(options, 'exitCode') ? DIFFERENT : 0;
}

function headOf({ id, pipeline, file, outcome, startedAt, durationMs, source }: RunRecord): object {
  return { id, pipeline, file, outcome, startedAt, durationMs, source };
}

/** In one of the runs, or in both. E_UNKNOWN_STAGE_NAME. */
function wantedStages(a: RunRecord, b: RunRecord, selector: string): ReadonlySet<string> {
  const having = [a, b].filter(({ stages }) => stages.some(({ name }) => baseName(name) === baseName(selector)));
  if (having.length === 0) throw unknownStage([...a.stages, ...b.stages], baseName(selector), b.pipeline);
  return new Set(having.flatMap(({ stages, pipeline }) => selectStages(stages, selector, pipeline).map(({ name }) => name)));
}
