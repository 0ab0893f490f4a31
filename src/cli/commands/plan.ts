/** `pipeline plan FILE`: hit, run or maybe for each stage, and why. Reads records and stamps; no data and no stage code. */
import { baseName } from '../../engine/coordinates.js';
import { planStatus } from '../../engine/status.js';
import { checkedPlan } from '../checked-plan.js';
import type { Invocation } from '../invocation.js';
import { projectPaths } from '../project-paths.js';
import { compositionOf } from '../registry.js';
import { withReadingStore } from '../reading-store.js';
import { ANSWERS, planLines } from '../render/plan-lines.js';


export async function handle(invocation: Invocation): Promise<number> {
  const { args, io, options, out } = invocation;
  const file = args[0] as string;
  const checked = await checkedPlan(invocation, file);
  if (checked.plan === undefined) return checked.exitCode;
  const { plan } = checked;
  const { registry } = compositionOf(io);
  const statuses = await withReadingStore(projectPaths(invocation, file).store, (store) => planStatus(plan, { registry, store }));
  if (options.json) {
    const planned = new Map(plan.stages.map((stage) => [stage.name, stage]));
    const stages = statuses.map(({ stage, answer, key, why, reasons = [] }) => {
      const coordinates = baseName(stage) === stage ? undefined : planned.get(stage)?.coordinates;
      return { stage, ...(coordinates === undefined ? {} : { coordinates }), type: planned.get(stage)?.manifest.type, answer, key: key ?? null, why, reasons };
    });
    io.stdout.write(`${JSON.stringify({ schema: 'pipeline.plan.v1', pipeline: plan.name, file: plan.file, stages })}\n`);
    return 0;
  }
  for (const line of planLines(statuses, options.verbose, out)) io.stdout.write(`${line}\n`);
  if (!options.quiet) io.stdout.write(`${ANSWERS.map((answer) => `${statuses.filter((status) => status.answer === answer).length} ${answer}`).join(', ')}\n`);
  return 0;
}
