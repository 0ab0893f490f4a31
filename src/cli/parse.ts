/** Turns arguments into an invocation with commander, built from the command table. Everything wrong is a usage error with the nearest valid name. */
import { Command, CommanderError, Option } from 'commander';
import { PipelineError } from '../core/errors.js';
import { splitSelectors } from '../engine/stage-selector.js';
import { suggestion } from '../engine/suggest.js';
import { COMMANDS, findCommand, GLOBAL_OPTIONS, type CommandSpec, type OptionSpec } from './command-table.js';
import { usage } from './help-text.js';
import type { Options } from './invocation.js';
import { byteCount, positiveInteger } from './option-values.js';
import type { ColorChoice } from './terminal.js';

export interface Parsed {
  readonly command: CommandSpec;
  readonly args: readonly string[];
  readonly options: Options;
}

export function parseArguments(argv: readonly string[], env: NodeJS.ProcessEnv): Parsed {
  const words = commandWords(argv);
  const command = findCommand(words);
  if (command === undefined) throw unknownCommand(words);
  const parser = buildParser(command);
  // a bare --force means all stages; its value, if any, is attached, so that it never swallows the file name
  const rest = withoutWords(argv, command.name.split(' ')).map((word) => (word === '--force' || word === '--check-determinism' ? `${word}=*` : word));
  try {
    parser.parse(rest, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) throw usageError(error, command, rest);
    throw error;
  }
  return { command, args: parser.args, options: typedOptions(parser.opts(), env) };
}

/** Words that are not flags nor their values, up to `--`. */
function commandWords(argv: readonly string[]): string[] {
  const takesValue = new Set(GLOBAL_OPTIONS.filter(({ flags }) => flags.includes('<')).map(longFlag));
  const words: string[] = [];
  for (let i = 0; i < argv.length; i += 1) {
    const word = argv[i] as string;
    if (word === '--') break;
    if (!word.startsWith('-')) words.push(word);
    else if (takesValue.has(word)) i += 1;
  }
  return words;
}

function withoutWords(argv: readonly string[], words: readonly string[]): string[] {
  const rest = [...argv];
  for (const word of words) rest.splice(rest.indexOf(word), 1);
  return rest;
}

function longFlag({ flags }: OptionSpec): string {
  return /--[a-z-]+/.exec(flags)?.[0] as string;
}

function buildParser(command: CommandSpec): Command {
  const parser = new Command(command.name).helpOption(false).exitOverride().configureOutput({ writeErr: () => undefined, writeOut: () => undefined }).showSuggestionAfterError(false).allowExcessArguments(false);
  for (const { name, optional, variadic } of command.args) {
    const text = variadic === true ? `${name}...` : name;
    parser.argument(optional === true ? `[${text}]` : `<${text}>`);
  }
  for (const spec of [...command.options, ...GLOBAL_OPTIONS]) {
    const option = new Option(spec.flags);
    if (spec.choices !== undefined) option.choices(spec.choices);
    if (spec.repeatable === true) option.argParser((value: string, previous: readonly string[] | undefined) => [...(previous ?? []), value]);
    parser.addOption(option);
  }
  return parser;
}

function unknownCommand(words: readonly string[]): PipelineError {
  const [first = ''] = words;
  const inGroup = COMMANDS.filter(({ name }) => name.startsWith(`${first} `)).map(({ name }) => name);
  if (inGroup.length > 0) {
    if (words[1] !== undefined) return new PipelineError('E_USAGE', `"${first} ${words[1]}" is not a command`, { hint: suggestion(`${first} ${words[1]}`, inGroup, 'run: pipeline --help') });
    return new PipelineError('E_USAGE', `"${first}" needs to be told what to do`, { facts: { expected: inGroup.join(', '), found: 'nothing' }, hint: `run: pipeline ${inGroup[0] as string}` });
  }
  if (first === '') return new PipelineError('E_USAGE', 'no command was given', { hint: 'run: pipeline --help' });
  return new PipelineError('E_USAGE', `"${first}" is not a command`, { hint: suggestion(first, COMMANDS.map(({ name }) => name), 'run: pipeline --help') });
}

function usageError(error: CommanderError, command: CommandSpec, rest: readonly string[]): PipelineError {
  const message = error.message.replace(/^error: /, '');
  const unknown = /unknown option '([^'=]+)/.exec(message)?.[1];
  if (unknown !== undefined) {
    const flags = [...command.options, ...GLOBAL_OPTIONS].map(longFlag);
    return new PipelineError('E_USAGE', `"${unknown}" is not an option of "${command.name}"`, { hint: suggestion(unknown, flags, `run: pipeline ${command.name} --help`) });
  }
  const missing = /missing required argument '([^']+)'/.exec(message)?.[1];
  if (missing !== undefined) {
    return new PipelineError('E_USAGE', `"${command.name}" needs ${missing}`, { facts: { expected: usage(command), found: `pipeline ${[command.name, ...rest].join(' ')}` }, hint: `run: pipeline ${command.name} --help` });
  }
  return new PipelineError('E_USAGE', `"${command.name}": ${message}`, { hint: `run: pipeline ${command.name} --help` });
}

function typedOptions(raw: Record<string, unknown>, env: NodeJS.ProcessEnv): Options {
  const text = (name: string): string | undefined => raw[name] as string | undefined;
  const cacheDir = text('cacheDir') ?? (env['PIPELINE_CACHE_DIR'] || undefined);
  const jobs = text('jobs');
  const limit = text('limit');
  const maxSize = text('maxSize');
  const maxAge = text('maxAge');
  const keepRuns = text('keepRuns');
  const color = text('color') as ColorChoice | undefined;
  const results = text('results');
  return {
    raw,
    json: raw['json'] === true,
    quiet: raw['quiet'] === true,
    verbose: raw['verbose'] === true,
    debug: raw['debug'] === true,
    keepGoing: raw['keepGoing'] === true,
    readData: raw['readData'] === true,
    repair: raw['repair'] === true,
    dryRun: raw['dryRun'] === true,
    set: (raw['set'] as readonly string[] | undefined) ?? [],
    force: splitSelectors(text('force') ?? ''),
    cacheMode: (text('cacheMode') as Options['cacheMode'] | undefined) ?? 'read-write',
    ...(cacheDir === undefined ? {} : { cacheDir }),
    ...(color === undefined ? {} : { color }),
    ...(results === undefined ? {} : { results }),
    ...(jobs === undefined ? {} : { jobs: positiveInteger('--jobs', jobs) }),
    ...(limit === undefined ? {} : { limit: positiveInteger('--limit', limit) }),
    ...(maxSize === undefined ? {} : { maxBytes: byteCount('--max-size', maxSize) }),
    ...(maxAge === undefined ? {} : { maxAgeMs: positiveInteger('--max-age', maxAge) * DAY_MS }),
    ...(keepRuns === undefined ? {} : { keepRuns: positiveInteger('--keep-runs', keepRuns) }),
  };
}

const DAY_MS = 86_400_000;
