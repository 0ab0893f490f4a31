/** `pipeline validate FILE...`: checks pipeline files; every error of every file is printed. */
import type { Invocation } from '../invocation.js';
import { checkedPlan } from '../checked-plan.js';
import { errorObject } from '../error-output.js';
import { EXIT } from '../exit-codes.js';

export async function handle(invocation: Invocation): Promise<number> {
  const { args, io, options, out } = invocation;
  let code: number = EXIT.ok;
  for (const file of args) {
    const checked = await checkedPlan(invocation, file);
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
