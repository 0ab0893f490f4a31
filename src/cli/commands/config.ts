/** `pipeline config`: what is in force, and with --show-origin why. Names of what holds credentials, never the credentials. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonValue } from '../../core/json.js';
import { findProjectRoot } from '../../engine/project.js';
import { printDiagnostics } from '../checked-plan.js';
import { shortPath } from '../error-output.js';
import { EXIT } from '../exit-codes.js';
import type { Invocation } from '../invocation.js';
import { flagOption } from '../option-values.js';
import { CONFIG_FILE, settingsOf } from '../project-configs.js';
import { textTable } from '../render/text-table.js';
import { printable } from '../terminal.js';

export function handle(invocation: Invocation): Promise<number> {
  const { io, options, configs } = invocation;
  const root = findProjectRoot(io.cwd);
  const wrong = configs.get(root)?.diagnostics ?? [];
  if (wrong.some(({ severity }) => severity === 'error')) {
    printDiagnostics(wrong, invocation);
    return Promise.resolve(EXIT.pipelineInvalid);
  }
  const settings = settingsOf(invocation, root).all();
  const file = join(root, CONFIG_FILE);
  if (options.json) {
    io.stdout.write(`${JSON.stringify({ schema: 'pipeline.config.v1', root, file: existsSync(file) ? file : null, settings })}\n`);
    return Promise.resolve(EXIT.ok);
  }
  const origin = flagOption(options, 'showOrigin');
  const rows = settings.map(({ name, value, origin: from }) => [name, printable(shown(value)), ...(origin ? [printable(from.replace(file, shortPath(file, io.cwd)))] : [])]);
  io.stdout.write(`${textTable(['setting', 'value', ...(origin ? ['from'] : [])], rows)}\n`);
  return Promise.resolve(EXIT.ok);
}

/** Headers as `Authorization: $TOKEN`: the variable, not what it holds. */
function shown(value: JsonValue): string {
  if (Array.isArray(value)) return value.join(', ');
  if (typeof value === 'object' && value !== null) return Object.entries(value).map(([name, variable]) => `${name}: $${String(variable)}`).join(', ');
  return String(value);
}
