// The reference page of all commands (docs/cli.md), made from the command table and never written by hand. Pure: the build calls
// `cliReference(table)`; the same table gives the same text.

const GROUPS = [
  ['Run', 'Run pipelines, or say what a run would do'],
  ['Look', 'Look at what is stored and what was run'],
  ['Cache', 'Look after the cache'],
  ['Project', 'Work on a project'],
  ['Share', 'Take results elsewhere'],
  ['Help', 'Help'],
];

/** @param table { commands, globalOptions, environment, exitCodes } as the command line holds them */
export function cliReference({ commands, globalOptions, environment, exitCodes }) {
  const parts = [
    '# Commands',
    'This page is generated from the command table by the build. Do not edit it.',
    '`pipeline COMMAND --help` prints the same; `pipeline help E_CODE` explains an error ([errors.md](errors.md)); `pipeline completion bash` prints a script that completes commands, options and values.',
    '**Streams.** Results go to stdout; progress, warnings and errors to stderr. With `--json` a command prints one object on stdout whose field `schema` names its form, and errors as one object a line on stderr. `run`, `watch`, `log` and `reproduce` print one a line: the events of the run by their `kind` (the first, `run.started`, has the `schema` of all), and then what the command says in the end with a `schema` of its own; `validate` prints one for each file. `schema` prints JSON as it is, which has no such field. Fields are only ever added: ignore those that you do not know.',
    table(['command', 'what it does'], commands.map(({ name, summary }) => [`[\`${name}\`](#pipeline-${anchor(name)})`, summary])),
  ];
  for (const [group, title] of GROUPS) {
    const members = commands.filter((command) => command.group === group);
    if (members.length > 0) parts.push(`## ${title}`, ...members.flatMap(section));
  }
  parts.push('## Options of all commands', optionTable(globalOptions));
  parts.push('## Environment', table(['variable', 'meaning'], environment.map(([name, meaning]) => [code(name), meaning])));
  parts.push('## Exit codes', table(['code', 'meaning'], exitCodes.map(([number, meaning]) => [code(number), meaning])));
  return `${parts.join('\n\n')}\n`;
}

function section({ name, summary, details, args, options, examples }) {
  const usage = ['pipeline', name, ...args.map(argument), '[options]'].join(' ');
  const parts = [`### pipeline ${name}`, summary, fence(usage)];
  if (details !== undefined) parts.push(details);
  if (args.length > 0) parts.push(table(['argument', 'meaning'], args.map((one) => [code(argument(one)), one.description])));
  if (options.length > 0) parts.push(optionTable(options));
  parts.push(fence(examples.map(([command, comment]) => `# ${comment}\n${command}`).join('\n\n')));
  return parts;
}

function argument({ name, optional, variadic }) {
  const text = variadic ? `${name}...` : name;
  return optional ? `[${text}]` : text;
}

function optionTable(options) {
  return table(['option', 'meaning'], options.map(({ flags, description }) => [code(flags.replace(/ \[(\w+)\]$/, '[=$1]')), description]));
}

function table(headings, rows) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n');
}

function fence(text) {
  return `\`\`\`sh\n${text}\n\`\`\``;
}

function code(text) {
  return `\`${text}\``;
}

function anchor(name) {
  return name.replaceAll(' ', '-');
}
