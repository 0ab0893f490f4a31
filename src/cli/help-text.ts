/** Help pages from the command table, examples first. 80 columns; headings are bold on a terminal only. */
import { COMMANDS, findCommand, GLOBAL_OPTIONS, type CommandSpec, type OptionSpec } from './command-table.js';
import { EXIT_CODE_TABLE } from './exit-codes.js';
import type { Style } from './terminal.js';

const WIDTH = 80;
const GROUPS: readonly CommandSpec['group'][] = ['Run', 'Look', 'Backbone', 'Cache', 'Project', 'Share', 'Help'];
const DESCRIPTION = 'Declarative, cached pipelines for neural encoding models of the visual brain.';

export const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ['PIPELINE_CACHE_DIR', 'the store, when --cache-dir is not given'],
  ['PIPELINE_REMOTE', 'off, read or read-write, when --remote is not given'],
  ['NO_COLOR', 'when not empty: no colour (--color goes before all of these)'],
  ['FORCE_COLOR', 'when set: colour also without a terminal; 0 or false: none'],
  ['CLICOLOR_FORCE', 'when not 0: colour also without a terminal'],
  ['TERM', 'dumb: no colour, no live rows'],
  ['CI', 'when set: plain lines instead of live rows'],
  ['GITHUB_ACTIONS', 'true: errors of pipeline files also as annotations'],
];

export function shortHelp(style: Style): string {
  return [
    DESCRIPTION,
    '',
    style.bold('EXAMPLES'),
    ...exampleLines([
      ['pipeline run pipelines/face-rois.yaml', 'run it, only what changed'],
      ['pipeline plan pipelines/face-rois.yaml', 'what would run?'],
    ]),
    '',
    style.bold('COMMANDS'),
    ...columns(COMMANDS.filter(({ group }) => group === 'Run').map(({ name, summary }) => [name, summary])),
    '',
    'See pipeline --help for all commands.',
    '',
  ].join('\n');
}

export function fullHelp(style: Style): string {
  const lines = [DESCRIPTION, '', style.bold('USAGE'), '  pipeline COMMAND [options]', '', style.bold('EXAMPLES')];
  lines.push(...exampleLines(COMMANDS.filter(({ group }) => group === 'Run').map(({ examples }) => examples[0] as readonly [string, string])));
  for (const group of GROUPS) {
    if (!COMMANDS.some((command) => command.group === group)) continue;
    lines.push('', style.bold(group.toUpperCase()));
    lines.push(...columns(COMMANDS.filter((command) => command.group === group).map(({ name, summary }) => [name, summary])));
  }
  lines.push('', style.bold('OPTIONS OF ALL COMMANDS'), ...optionLines(GLOBAL_OPTIONS));
  lines.push('', style.bold('ENVIRONMENT'), ...columns(ENVIRONMENT));
  lines.push('', style.bold('EXIT CODES'), ...columns(EXIT_CODE_TABLE));
  lines.push('', 'pipeline help COMMAND explains a command, pipeline help E_CODE an error.', 'docs/ in the package holds the guides.', '');
  return lines.join('\n');
}

export function commandHelp(command: CommandSpec, style: Style): string {
  const lines = [...wrap(command.summary, 0)];
  lines.push('', style.bold('USAGE'), `  ${usage(command)}`, '', style.bold('EXAMPLES'), ...exampleLines(command.examples));
  if (command.details !== undefined) lines.push('', ...wrap(command.details, 0));
  if (command.args.length > 0) lines.push('', style.bold('ARGUMENTS'), ...columns(command.args.map(({ name, description }) => [name, description])));
  if (command.options.length > 0) lines.push('', style.bold('OPTIONS'), ...optionLines(command.options));
  lines.push('', style.bold('OPTIONS OF ALL COMMANDS'), ...optionLines(GLOBAL_OPTIONS));
  lines.push('', style.bold('EXIT CODES'), ...columns(EXIT_CODE_TABLE), '');
  return lines.join('\n');
}

/** `pipeline run --help` and `pipeline --help run` alike; undefined for words that are no command. */
export function helpFor(words: readonly string[], style: Style): string | undefined {
  if (words.length === 0) return fullHelp(style);
  const command = findCommand(words);
  if (command !== undefined) return commandHelp(command, style);
  const group = COMMANDS.filter(({ name }) => name.startsWith(`${words[0] as string} `));
  if (group.length === 0) return undefined;
  return [style.bold((words[0] as string).toUpperCase()), ...columns(group.map(({ name, summary }) => [name, summary])), ''].join('\n');
}

export function usage(command: CommandSpec): string {
  const args = command.args.map(({ name, optional, variadic }) => {
    const text = variadic === true ? `${name}...` : name;
    return optional === true ? `[${text}]` : text;
  });
  return ['pipeline', command.name, ...args, '[options]'].join(' ');
}

function optionLines(options: readonly OptionSpec[]): string[] {
  return columns(options.map(({ flags, description }) => [flags.replace(/ \[(\w+)\]$/, '[=$1]'), description]));
}

function exampleLines(examples: readonly (readonly [string, string])[]): string[] {
  return examples.flatMap(([command, comment]) => {
    const oneLine = `  ${command}   # ${comment}`;
    return oneLine.length <= WIDTH ? [oneLine] : [`  # ${comment}`, `  ${command}`];
  });
}

const MOST_LEFT = 26;

/** Two columns: names left, wrapped text right. */
function columns(rows: readonly (readonly [string, string])[]): string[] {
  const left = Math.min(MOST_LEFT, Math.max(...rows.map(([name]) => name.length)));
  return rows.flatMap(([name, text]) => {
    const wrapped = wrap(text, left + 4).map((line) => line.slice(left + 4));
    const first = name.length > left ? [`  ${name}`] : [`  ${name.padEnd(left)}  ${wrapped.shift() ?? ''}`];
    return [...first, ...wrapped.map((line) => `${' '.repeat(left + 4)}${line}`)];
  });
}

function wrap(text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines.map((one) => ' '.repeat(indent) + one);
}
