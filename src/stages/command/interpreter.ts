/** Is the program that a command was written for the one that is installed? Asked once for each interpreter in a run, and only when something runs. */
import { execFile } from 'node:child_process';
import { PipelineError } from '../../core/errors.js';
import type { CommandParameters } from './parameters.js';

type Interpreter = NonNullable<CommandParameters['interpreter']>;

const PATIENCE_MS = 20_000;
const MOST_BYTES = 65_536;
const VERSION = /\d+(?:\.\d+)+[0-9A-Za-z.+-]*|\b\d+\b/;
const asked = new Map<string, Promise<string>>();

/** Resolves to the version that it states. Errors: E_ENVIRONMENT if it is missing, says none, or another one. */
export async function checkInterpreter(interpreter: Interpreter, cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  const { command, args, version } = interpreter;
  const id = JSON.stringify([command, args, command.includes('/') ? cwd : env['PATH']]);
  const answer = asked.get(id) ?? ask(interpreter, cwd, env);
  asked.set(id, answer);
  const said = await answer;
  const found = VERSION.exec(said)?.[0];
  // 3.1 is not 3.11: whole parts are compared
  if (found === version || found?.startsWith(`${version}.`) === true) return found;
  throw new PipelineError('E_ENVIRONMENT', `"${command}" is not the version that this stage was written for`, {
    facts: { expected: version, found: found ?? (said.slice(0, 200) || 'no version'), asked: [command, ...args].join(' ') },
    hint: 'Put the right one first on PATH, or change `interpreter.version` (the stage then runs again).',
  });
}

function ask({ command, args }: Interpreter, cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd, env, timeout: PATIENCE_MS, maxBuffer: MOST_BYTES, shell: false }, (error, stdout, stderr) => {
      if (error === null) resolve(`${stdout}\n${stderr}`.trim());
      else reject(new PipelineError('E_ENVIRONMENT', `"${command}" cannot be asked for its version`, { facts: { asked: [command, ...args].join(' '), found: error.message.slice(0, 300) }, hint: 'Install it, or correct `interpreter`.', cause: error }));
    });
  });
}
