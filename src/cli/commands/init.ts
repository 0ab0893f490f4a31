/** `pipeline init [DIR]`: a new project that runs. Writes all of its files or none, and never over anything. */
import { lstatSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { PIPELINE_FILE, projectFiles, TEMPLATES, type Template } from '../init/project-files.js';
import type { Invocation } from '../invocation.js';
import { textOption } from '../option-values.js';
import { shellQuote } from '../shell-quote.js';
import { printable } from '../terminal.js';

export function handle({ args, io, options, out }: Invocation): Promise<number> {
  const folder = resolve(io.cwd, args[0] ?? '.');
  const template = (textOption(options, 'template') ?? 'sim') as Template;
  const files = projectFiles(folder, template);
  refuseToOverwrite(folder, [...files.keys()]);
  const written: string[] = [];
  try {
    mkdirSync(folder, { recursive: true });
    for (const [name, text] of files) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      // wx: whatever came there since the look stays
      writeFileSync(join(folder, name), text, { flag: 'wx' });
      written.push(name);
    }
  } catch (cause) {
    throw new PipelineError('E_ENVIRONMENT', `"${folder}" cannot be made a project`, { facts: { expected: 'a folder that can be written', found: (cause as Error).message, written: written.join(', ') || 'nothing' }, hint: 'name another folder', cause });
  }
  const below = relative(io.cwd, folder);
  const commands = [...(below === '' ? [] : [`cd ${shellQuote(below.startsWith('..') ? folder : below)}`]), 'npm install', `npx pipeline run ${PIPELINE_FILE}`];
  const next = [commands.slice(0, -1).join(' && '), commands.at(-1) as string];
  if (options.json) io.stdout.write(`${JSON.stringify({ schema: 'pipeline.init.v1', folder, template, files: written, next })}\n`);
  else {
    if (!options.quiet) io.stdout.write(`${out.green(out.symbol('ran'))} ${printable(below === '' ? folder : below)}: ${written.join(', ')} (${TEMPLATES[template]})\n\nNext:\n`);
    io.stdout.write(next.map((command) => `  ${command}\n`).join(''));
  }
  return Promise.resolve(0);
}

function refuseToOverwrite(folder: string, names: readonly string[]): void {
  const inTheWay = names.filter((name) => isThere(join(folder, name)));
  if (inTheWay.length === 0) return;
  throw new PipelineError('E_USAGE', `"${folder}" holds files that a new project would replace`, {
    facts: { expected: `no ${names.join(', ')}`, found: inTheWay.join(', ') },
    hint: 'name another folder, or move these files away; nothing was written',
  });
}

/** A symbolic link counts too, wherever it leads. */
function isThere(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false; // what stands in the way of the folder itself is told when it is made
  }
}
