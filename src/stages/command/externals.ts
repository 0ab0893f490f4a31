/**
 * The files that a `command` stage is made of: those that `argv` names and those that its `code:` globs match. Their content enters the key under
 * relative names, so a moved project keeps its results; so does whether they can be executed. What is wrong with names in the parameters is said
 * here as well, because this is asked before anything runs.
 */
import { statSync, type Stats } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import type { JsonObject } from '../../core/json.js';
import type { ExternalFile } from '../../engine/stage.js';
import type { CommandParameters } from './parameters.js';
import { checkPlaceholders } from './placeholders.js';

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Names that this program gives to the command. */
const RESERVED = /^PIPELINE_/;
/** What a run of the code itself leaves among it. */
const NEVER_CODE = ['**/__pycache__/**', '**/.git/**', '**/node_modules/**'];
const EXECUTABLE = 0o111;

/**
 * How long one look at the folders serves: a matrix of thousands asks for the same globs in a row. At least this, and ten times what the look took. What changed
 * meanwhile is noticed after the run.
 */
const REMEMBERED_MS = 50;
const MOST_REMEMBERED_MS = 2000;

interface Look {
  readonly files: Promise<readonly ExternalFile[]>;
  until: number;
}
const remembered = new Map<string, Look>();
const passes = new WeakMap<object, Map<string, Look>>();

/**
 * Sorted by the UTF-8 bytes of their names. With `pass`, every folder is looked at once for all that ask with the same one, and never taken from before.
 * Errors: E_BAD_NAME, E_UNKNOWN_REFERENCE, E_EXTERNAL_MISSING for a glob that matches nothing.
 */
export async function commandExternals(params: JsonObject, inputs: readonly string[], pass?: object): Promise<readonly ExternalFile[]> {
  const command = params as unknown as CommandParameters;
  checkNames(command);
  checkPlaceholders(command, inputs);
  return joined(command, command.code.length === 0 ? [] : await lookOnce(command, pass));
}

function lookOnce(command: CommandParameters, pass: object | undefined): Promise<readonly ExternalFile[]> {
  const id = JSON.stringify([command.folder, command.code]);
  const ofPass = pass === undefined ? undefined : (passes.get(pass) ?? new Map<string, Look>());
  const known = (ofPass ?? remembered).get(id);
  if (known !== undefined && (ofPass !== undefined || performance.now() < known.until)) return known.files;
  const began = performance.now();
  const files = filesOfCode(command);
  const look: Look = { files, until: Infinity };
  const over = (): void => {
    const now = performance.now();
    look.until = now + Math.min(MOST_REMEMBERED_MS, Math.max(REMEMBERED_MS, 10 * (now - began)));
  };
  void files.then(over, over);
  remembered.set(id, look);
  if (ofPass !== undefined && pass !== undefined) passes.set(pass, ofPass.set(id, look));
  return files;
}

/** E_INPUT_CHANGED if other files belong to the program now than the key was made from; their contents are the engine's to look at. */
export async function checkSameFiles(command: CommandParameters, listed: ReadonlyMap<string, string>): Promise<void> {
  const now = new Set(joined(command, await filesOfCode(command)).map(({ name }) => name));
  const other = [...now].find((name) => !listed.has(name)) ?? [...listed.keys()].find((name) => !now.has(name));
  if (other === undefined) return;
  throw new PipelineError('E_INPUT_CHANGED', `"${other.slice(other.indexOf('/') + 1)}" ${now.has(other) ? 'joined' : 'left'} the code of a command while it ran`, {
    facts: { expected: 'the files and executable bits that the stage was planned with', found: `${now.has(other) ? 'also' : 'without'} ${other}` },
    hint: 'Run again; nothing was stored. A program must not write among the files of its own code.',
  });
}

function joined(command: CommandParameters, ofCode: readonly ExternalFile[]): ExternalFile[] {
  const files = new Map<string, ExternalFile>();
  for (const file of [...namedInArgv(command), ...ofCode]) files.set(file.name, file);
  return [...files.values()].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
}

async function filesOfCode(command: CommandParameters): Promise<readonly ExternalFile[]> {
  return (await matchedByCode(command)).map((path) => external(path, command.folder, look(join(command.folder, path))));
}

/** `program/…` can be executed, `file/…` cannot: the bit decides what a command does. Links are followed. */
function external(path: string, folder: string, stats: Stats | undefined): ExternalFile {
  const kind = stats !== undefined && (stats.mode & EXECUTABLE) !== 0 ? 'program' : 'file';
  const segments = path.split('/').filter((segment) => segment !== '.' && segment !== '');
  return { name: [kind, ...segments.map((segment) => (segment === '..' ? '^' : segment))].join('/'), path: join(folder, path) };
}

/** Whole arguments, and what follows `=` in an option. The program itself only where it is named by a path: a bare name is looked up on PATH. */
function namedInArgv({ argv, folder }: CommandParameters): ExternalFile[] {
  return argv.flatMap((argument, i) => {
    if (i === 0 && !argument.includes('/')) return [];
    const text = argument.startsWith('-') ? argument.slice(argument.indexOf('=') + 1) : argument;
    if (text === '' || text === argument && argument.startsWith('-') || isAbsolute(text) || text.includes('\0')) return [];
    const stats = look(join(folder, text));
    return stats?.isFile() === true ? [external(text, folder, stats)] : [];
  });
}

function look(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined; // whatever it is, it is no file of the project
  }
}

async function matchedByCode({ code, folder }: CommandParameters): Promise<string[]> {
  if (code.length === 0) return [];
  const { glob } = await import('tinyglobby');
  const found: string[] = [];
  const excluded = code.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1));
  for (const pattern of code.filter((each) => !each.startsWith('!'))) {
    if (isAbsolute(pattern)) throw new PipelineError('E_BAD_NAME', `"${pattern}" cannot be a glob under code:`, { facts: { expected: `a path relative to ${folder}` }, hint: 'write it relative to the folder, so that the project can be moved' });
    const matches = await glob([pattern], { cwd: folder, ignore: [...NEVER_CODE, ...excluded], onlyFiles: true, followSymbolicLinks: true, expandDirectories: false });
    if (matches.length === 0) {
      throw new PipelineError('E_EXTERNAL_MISSING', `"${pattern}" under code: matches no file`, { facts: { expected: 'at least one file', found: 'none', folder }, hint: 'correct the glob (a folder is written as folder/**), or remove it' });
    }
    found.push(...matches);
  }
  return found;
}

function checkNames({ env, values, secrets }: CommandParameters): void {
  for (const name of [...Object.keys(env), ...secrets]) {
    if (!VARIABLE.test(name) || RESERVED.test(name)) throw new PipelineError('E_BAD_NAME', `"${name}" cannot be an environment variable of a command`, { facts: { expected: 'letters, digits and _, not beginning with PIPELINE_' }, hint: 'choose another name' });
  }
  for (const name of secrets) if (Object.hasOwn(env, name)) throw new PipelineError('E_BAD_NAME', `"${name}" stands under env: and under secrets:`, { facts: { expected: 'either its value in the key, or never' }, hint: 'remove one' });
  for (const name of Object.keys(values)) if (!VARIABLE.test(name)) throw new PipelineError('E_BAD_NAME', `"${name}" cannot be the name of a value`, { facts: { expected: 'letters, digits and _' }, hint: 'choose another name' });
}
