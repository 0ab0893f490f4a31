/** `pipeline plan FILE`: hit, run or maybe for each stage, and why. Reads records and stamps; no data and no stage code. */
import { planStatus, type PlanAnswer } from '../../engine/status.js';
import { checkedPlan } from '../checked-plan.js';
import type { Invocation } from '../invocation.js';
import { projectPaths } from '../project-paths.js';
import { compositionOf } from '../registry.js';
import { withReadingStore } from '../reading-store.js';
import { shortKey } from '../render/stage-line.js';
import { printable } from '../terminal.js';

const PAINT: Readonly<Record<PlanAnswer, 'blue' | 'green' | 'yellow' | 'dim'>> = { hit: 'blue', run: 'green', maybe: 'yellow', skipped: 'dim' };
const LONGEST_ANSWER = 'skipped'.length;
const ANSWERS: readonly PlanAnswer[] = ['hit', 'run', 'maybe', 'skipped'];

export async function handle(invocation: Invocation): Promise<number> {
  const { args, io, options, out } = invocation;
  const file = args[0] as string;
  const checked = await checkedPlan(invocation, file);
  if (checked.plan === undefined) return checked.exitCode;
  const { plan } = checked;
  const { registry } = compositionOf(io);
  const statuses = await withReadingStore(projectPaths(invocation, file).store, (store) => planStatus(plan, { registry, store }));
  if (options.json) {
    const stages = statuses.map(({ stage, answer, key, why }) => ({ stage, type: plan.stages.find(({ name }) => name === stage)?.manifest.type, answer, key: key ?? null, why }));
    io.stdout.write(`${JSON.stringify({ schema: 'pipeline.plan.v1', pipeline: plan.name, file: plan.file, stages })}\n`);
    return 0;
  }
  const nameWidth = Math.max(0, ...statuses.map(({ stage }) => stage.length));
  for (const { stage, answer, key, why } of statuses) {
    const prefix = key === undefined ? ' '.repeat(8) : out.dim(shortKey(key));
    io.stdout.write(`${`${stage.padEnd(nameWidth)}  ${out[PAINT[answer]](answer.padEnd(LONGEST_ANSWER))}  ${prefix}  ${printable(why)}`.trimEnd()}\n`);
  }
  if (!options.quiet) io.stdout.write(`${ANSWERS.map((answer) => `${statuses.filter((status) => status.answer === answer).length} ${answer}`).join(', ')}\n`);
  return 0;
}
