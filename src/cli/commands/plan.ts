/** `pipeline plan FILE`: hit, run or maybe for each stage, why, and how long it may take. Reads records and stamps; no data and no stage code. */
import { isSweep } from '../../engine/sweep.js';
import { checkedPlan } from '../checked-plan.js';
import type { Invocation } from '../invocation.js';
import { lookedUp, planJson } from '../planned-point.js';
import { countsText, estimateText, planLines } from '../render/plan-lines.js';

export async function handle(invocation: Invocation): Promise<number> {
  const { args, io, options, out } = invocation;
  if (isSweep(options.set)) return (await import('../plan-sweep.js')).planSweep(invocation);
  const checked = await checkedPlan(invocation, args[0] as string);
  if (checked.plan === undefined) return checked.exitCode;
  const { plan, statuses, estimate } = await lookedUp(invocation, checked.plan);
  if (options.json) {
    io.stdout.write(`${JSON.stringify({ schema: 'pipeline.plan.v1', pipeline: plan.name, file: plan.file, ...planJson({ plan, statuses, estimate }) })}\n`);
    return 0;
  }
  for (const line of planLines(statuses, options.verbose, out, estimate.stages)) io.stdout.write(`${line}\n`);
  if (options.quiet) return 0;
  io.stdout.write(`${countsText(statuses)}\n`);
  const time = estimateText(estimate);
  if (time !== undefined) io.stdout.write(`${time}\n`);
  return 0;
}
