/**
 * What could stand at the end of a command line that is being typed. Everything static comes from the command table; what a value is, is told
 * by the name of its place: `<dir>`, `<run>`, `<stages>`, FILE, STAGE. Reads at most a pipeline file, a listing of runs and the manifest of stage
 * types; loads no engine, no parser and no stage code, because a person is waiting with a finger on the key.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { ERROR_CODES } from '../../core/errors.js';
import { findProjectRoot } from '../../engine/project.js';
import { runNames } from '../../engine/run-name.js';
import { COMMANDS, findCommand, GLOBAL_OPTIONS, type CommandSpec, type OptionSpec } from '../command-table.js';
import { PACKAGE_ROOT } from '../package-root.js';
import { outlineOfText, type TextOutline } from './outline-of-text.js';

export interface Candidate {
  /** the whole word */
  readonly value: string;
  readonly description?: string;
  /** more is expected behind it: no space is added */
  readonly open?: true;
}

export interface Typing {
  /** words behind the name of the program; the last is the one being typed, perhaps empty */
  readonly words: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Those that begin with the word being typed. */
export function candidates({ words, cwd, env }: Typing): Candidate[] {
  const current = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  return candidatesFor(current, before, { cwd, env }).filter(({ value }) => value.startsWith(current));
}

interface Place {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

interface Line {
  /** words that are neither flags nor their values */
  readonly plain: readonly string[];
  /** the flag whose value is to be typed */
  readonly awaiting?: OptionSpec;
  readonly flags: ReadonlyMap<string, string>;
  /** behind `--` everything is plain */
  readonly ended: boolean;
}

function candidatesFor(current: string, before: readonly string[], place: Place): Candidate[] {
  const command = findCommand(readLine(before, GLOBAL_OPTIONS).plain);
  const options = [...(command?.options ?? []), ...GLOBAL_OPTIONS];
  const line = readLine(before, options);
  if (line.awaiting !== undefined) return valuesOf(line.awaiting, current, line, command, place);
  if (!line.ended && current.startsWith('-')) {
    const equals = current.indexOf('=');
    if (equals < 0) return options.flatMap(flagCandidates);
    const option = options.find(({ flags }) => namesOf(flags).includes(current.slice(0, equals)));
    const value = current.slice(equals + 1);
    return option === undefined ? [] : valuesOf(option, value, line, command, place).map((one) => ({ ...one, value: `${current.slice(0, equals)}=${one.value}` }));
  }
  if (command === undefined || (command.name === line.plain.join(' ') && COMMANDS.some(({ name }) => name.startsWith(`${command.name} `)))) return commandCandidates(line.plain);
  const at = line.plain.length - command.name.split(' ').length;
  const argument = command.args[at] ?? (command.args.at(-1)?.variadic === true ? command.args.at(-1) : undefined);
  return argument === undefined ? [] : ofKind(argument.name, current, line, command, place);
}

function readLine(words: readonly string[], options: readonly OptionSpec[]): Line {
  const plain: string[] = [];
  const flags = new Map<string, string>();
  let awaiting: OptionSpec | undefined;
  let ended = false;
  for (const word of words) {
    if (awaiting !== undefined) {
      flags.set(namesOf(awaiting.flags).at(-1) as string, word);
      awaiting = undefined;
    } else if (!ended && word === '--') ended = true;
    else if (!ended && word.startsWith('-') && word !== '-') {
      const [name = '', ...rest] = word.split('=');
      if (rest.length > 0) flags.set(name, rest.join('='));
      else awaiting = options.find(({ flags: text }) => text.includes('<') && namesOf(text).includes(name));
    } else plain.push(word);
  }
  return { plain, flags, ended, ...(awaiting === undefined ? {} : { awaiting }) };
}

/** `-q, --quiet` → `-q`, `--quiet` */
function namesOf(flags: string): string[] {
  return flags.match(/--?[A-Za-z][\w-]*/g) ?? [];
}

function flagCandidates({ flags, description }: OptionSpec): Candidate[] {
  const name = namesOf(flags).at(-1) as string;
  return flags.includes('[') ? [{ value: name, description }, { value: `${name}=`, description, open: true }] : [{ value: name, description }];
}

/** Commands of two words are completed word by word. */
function commandCandidates(typed: readonly string[]): Candidate[] {
  const found = new Map<string, Candidate>();
  for (const { name, summary } of COMMANDS) {
    const parts = name.split(' ');
    if (typed.some((word, i) => parts[i] !== word)) continue;
    const value = parts[typed.length];
    if (value === undefined) continue;
    if (parts.length === typed.length + 1) found.set(value, { value, description: summary });
    else if (!found.has(value)) found.set(value, { value });
  }
  return [...found.values()];
}

function valuesOf(option: OptionSpec, current: string, line: Line, command: CommandSpec | undefined, place: Place): Candidate[] {
  if (option.choices !== undefined) return option.choices.map((value) => ({ value }));
  return ofKind(/[<[]([^>\]]+)[>\]]/.exec(option.flags)?.[1] ?? '', current, line, command, place);
}

/** @param kind the name of an argument, or what stands in the brackets of a flag */
function ofKind(kind: string, current: string, line: Line, command: CommandSpec | undefined, place: Place): Candidate[] {
  const name = kind.toLowerCase().replace(/_?[ab]$|s$/, '');
  const outline = (): TextOutline => outlineOfFile(line.plain[(command?.name.split(' ').length ?? 0)], place.cwd);
  if (name === 'file') return paths(current, place, command === undefined || line.awaiting !== undefined ? () => true : (one) => /\.ya?ml$/i.test(one));
  if (name === 'dir' || name === 'folder') return paths(current, place, () => false);
  if (name === 'stage' && (command?.name === 'diff' || command?.name === 'log')) return stagesOfLatestRun(line, place);
  if (name === 'stage' || name === 'selector') return listed(current, outline().stages);
  if (name === 'profile') return listed(current, outline().profiles);
  if (name === 'path=value') return settings(outline());
  if (name === 'run') return runs(line, place);
  if (name === 'ref') return [...runs(line, place), ...stagesOfLatestRun(line, place)];
  if (name === 'type') return stageTypes();
  if (name === 'topic') return line.plain.length > 1 ? commandCandidates(line.plain.slice(1)) : [...commandCandidates([]), ...Object.keys(ERROR_CODES).map((value) => ({ value }))];
  if (name === 'shell') return ['bash', 'zsh', 'fish'].map((value) => ({ value }));
  return [];
}

/** The last of a list with commas; the others stay. */
function listed(current: string, names: readonly string[]): Candidate[] {
  const head = current.slice(0, current.lastIndexOf(',') + 1);
  const taken = new Set(head.split(','));
  return names.filter((name) => !taken.has(name)).map((name) => ({ value: `${head}${name}` }));
}

function settings({ params, stages }: TextOutline): Candidate[] {
  return [...params.map((name) => ({ value: `params.${name}=`, open: true as const })), ...stages.map((name) => ({ value: `stages.${name}.params.`, open: true as const })), { value: 'seed=', open: true }];
}

function outlineOfFile(file: string | undefined, cwd: string): TextOutline {
  try {
    const path = resolve(cwd, withHome(file ?? ''));
    // a pipe would be waited for
    return outlineOfText(statSync(path).isFile() ? readFileSync(path, 'utf8') : '');
  } catch {
    return outlineOfText('');
  }
}

/** Folders always, files where they are wanted; hidden ones only if a dot was typed. */
function paths(current: string, { cwd }: Place, isWanted: (name: string) => boolean): Candidate[] {
  const cut = current.lastIndexOf('/') + 1;
  const [head, tail] = [current.slice(0, cut), current.slice(cut)];
  try {
    const entries = readdirSync(resolve(cwd, withHome(head)), { withFileTypes: true });
    return entries
      .filter(({ name }) => name.startsWith(tail) && (tail.startsWith('.') || !name.startsWith('.')))
      .flatMap((entry): Candidate[] => (entry.isDirectory() || entry.isSymbolicLink() ? [{ value: `${head}${entry.name}${entry.isDirectory() ? '/' : ''}`, ...(entry.isDirectory() ? { open: true as const } : {}) }] : isWanted(entry.name) ? [{ value: `${head}${entry.name}` }] : []))
      .sort((a, b) => (a.value < b.value ? -1 : 1));
  } catch {
    return [];
  }
}

function withHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}

const RUN_ID = /^\d{8}-\d{6}-[0-9a-f]{4,}$/;
const MOST_RUNS = 50;

function runsFolder({ flags }: Line, { cwd, env }: Place): string {
  const given = flags.get('--cache-dir') ?? (env['PIPELINE_CACHE_DIR'] || undefined);
  return join(given === undefined ? join(findProjectRoot(cwd), 'cache') : resolve(cwd, withHome(given)), 'runs');
}

/** Newest first. */
function runs(line: Line, place: Place): Candidate[] {
  try {
    const ids = readdirSync(runsFolder(line, place)).filter((name) => RUN_ID.test(name)).sort().reverse();
    const newest = ids.slice(0, MOST_RUNS);
    const names = runNames(ids);
    return [{ value: 'latest' }, ...newest.map((id) => ({ value: names.get(id) as string, description: id })), ...newest.map((value) => ({ value }))];
  } catch {
    return [];
  }
}

function stagesOfLatestRun(line: Line, place: Place): Candidate[] {
  try {
    const folder = runsFolder(line, place);
    const latest = readdirSync(folder).filter((name) => RUN_ID.test(name)).sort().at(-1) as string;
    const { stages } = JSON.parse(readFileSync(join(folder, latest, 'run.json'), 'utf8')) as { stages: readonly { name: string }[] };
    return [...new Set(stages.map(({ name }) => name.split('[')[0] as string))].map((value) => ({ value }));
  } catch {
    return [];
  }
}

function stageTypes(): Candidate[] {
  try {
    const manifests = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'dist', 'stages', 'manifest.json'), 'utf8')) as readonly { type: string; summary: string }[];
    return manifests.map(({ type, summary }) => ({ value: type, description: summary }));
  } catch {
    return [];
  }
}
