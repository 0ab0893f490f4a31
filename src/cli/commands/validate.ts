/** `pipeline validate FILE...`: checks pipeline files; every error of every file is printed. */
import type { Invocation } from '../invocation.js';
import { sweepPoints } from '../../engine/sweep.js';
import { checkedPlan, type CheckedPlan } from '../checked-plan.js';
import { errorObject } from '../error-output.js';
import { EXIT } from '../exit-codes.js';
import { mostPoints } from '../plan-request.js';

/** Every point of a sweep; the last plan, or what is wrong with the first point that is. */
async function checkPoints(invocation: Invocation, file: string): Promise<CheckedPlan> {
  let checked: CheckedPlan = { exitCode: EXIT.ok, diagnostics: [] };
  for (const { set } of sweepPoints(invocation.options.set, mostPoints(invocation.options))) {
    checked = await checkedPlan(invocation, file, set);
    if (checked.plan === undefined) break;
  }
  return checked;
}

export async function handle(invocation: Invocation): Promise<number> {
  const { args, io, options, out } = invocation;
  let code: number = EXIT.ok;
  for (const file of args) {
    const checked = await checkPoints(invocation, file);
    const diagnostics = checked.diagnostics.map(({ severity, error }) => errorObject(error, io.cwd, severity));
    if (checked.plan === undefined) {
      code = Math.max(code, checked.exitCode);
      if (options.json) io.stdout.write(`${JSON.stringify({ schema: 'pipeline.validate.v1', file, valid: false, diagnostics })}\n`);
      continue;
    }
    const { name, stages } = checked.plan;
    if (options.json) io.stdout.write(`${JSON.stringify({ schema: 'pipeline.validate.v1', file, valid: true, pipeline: name, stages: stages.length, diagnostics })}\n`);
    else if (!options.quiet) io.stdout.write(`${out.green(out.symbol('ran'))} ${file}  ${name}, ${stages.length} ${stages.length === 1 ? 'stage' : 'stages'}\n`);
  }
  return code;
}
