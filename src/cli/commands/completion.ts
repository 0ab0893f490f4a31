/** `pipeline completion SHELL`: the script that makes a shell complete pipeline's commands, options and values. */
import { PipelineError } from '../../core/errors.js';
import { suggestion } from '../../engine/suggest.js';
import { COMPLETION_SCRIPTS, type Shell } from '../completion/scripts.js';
import type { Invocation } from '../invocation.js';

export function handle({ args, io, options }: Invocation): Promise<number> {
  const shell = args[0] as string;
  const shells = Object.keys(COMPLETION_SCRIPTS);
  if (!shells.includes(shell)) throw new PipelineError('E_USAGE', `"${shell}" is not a shell that can be completed`, { facts: { expected: shells.join(', '), found: shell }, hint: suggestion(shell, shells, `write one of: ${shells.join(', ')}`) });
  const script = COMPLETION_SCRIPTS[shell as Shell];
  io.stdout.write(options.json ? `${JSON.stringify({ schema: 'pipeline.completion.v1', shell, script })}\n` : script);
  return Promise.resolve(0);
}
