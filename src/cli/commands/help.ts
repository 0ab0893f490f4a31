/** `pipeline help [COMMAND | E_CODE]`: a command's page, or the section of docs/errors.md about an error code. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERROR_CODES, PipelineError } from '../../core/errors.js';
import { suggestion } from '../../engine/suggest.js';
import { COMMANDS } from '../command-table.js';
import { helpFor } from '../help-text.js';
import type { Invocation } from '../invocation.js';
import { PACKAGE_ROOT } from '../package-root.js';

export function handle({ args, io, options, out }: Invocation): Promise<number> {
  const [topic = ''] = args;
  if (/^E_/i.test(topic)) {
    const page = errorPage(topic.toUpperCase());
    io.stdout.write(options.json ? `${JSON.stringify({ schema: 'pipeline.help.v1', topic: topic.toUpperCase(), text: page })}\n` : `${page}\n`);
    return Promise.resolve(0);
  }
  const text = helpFor(args, out);
  if (text === undefined) throw unknownTopic(topic, [...COMMANDS.map(({ name }) => name), ...Object.keys(ERROR_CODES)]);
  io.stdout.write(options.json ? `${JSON.stringify({ schema: 'pipeline.help.v1', topic: args.join(' '), text })}\n` : text);
  return Promise.resolve(0);
}

/** The section of docs/errors.md with its heading, as it stands there. */
export function errorPage(code: string): string {
  const sections = readFileSync(join(PACKAGE_ROOT, 'docs', 'errors.md'), 'utf8').split(/^(?=## )/m);
  const section = sections.find((text) => text.startsWith(`## ${code}\n`));
  if (section === undefined) throw unknownTopic(code, Object.keys(ERROR_CODES));
  return section.replace(/^## /, '').trimEnd();
}

function unknownTopic(topic: string, known: readonly string[]): PipelineError {
  return new PipelineError('E_USAGE', `"${topic}" is neither a command nor an error code`, { hint: suggestion(topic, known, 'run: pipeline --help') });
}
