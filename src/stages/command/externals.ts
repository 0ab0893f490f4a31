/**
 * The files that a `command` stage is made of: those that `argv` names and those that its `code:` globs match. Their content enters the key under
 * relative names, so a moved project keeps its results; so does whether they can be executed. What is wrong with names in the parameters is said
 * here as well, because this is asked before anything runs.
 */
import { statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
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

/** How long one look at the folders serves: a matrix of thousands asks for the same globs in a row. What changed meanwhile is noticed after the run. */
const REMEMBERED_MS = 50;
const remembered = new Map<string, { readonly at: number; readonly matches: Promise<string[]> }>();

/** Sorted by the UTF-8 bytes of their names. Errors: E_BAD_NAME, E_UNKNOWN_REFERENCE, E_EXTERNAL_MISSING for a glob that matches nothing. */
export async function commandExternals(params: JsonObject, inputs: readonly string[]): Promise<readonly ExternalFile[]> {
  const command = params as unknown as CommandParameters;
  checkNames(command);
  checkPlaceholders(command, inputs);
  const id = JSON.stringify([command.folder, command.code]);
  const now = performance.now();
  const known = remembered.get(id);
  const matches = known !== undefined && now - known.at < REMEMBERED_MS ? known.matches : matchedByCode(command);
  if (matches !== known?.matches) remembered.set(id, { at: now, matches });
  return filesOf(command, await matches);
}

/** E_INPUT_CHANGED if other files belong to the program now than the key was made from; their contents are the engine's to look at. */
export async function checkSameFiles(command: CommandParameters, listed: ReadonlyMap<string, string>): Promise<void> {
  const now = new Set(filesOf(command, await matchedByCode(command)).map(({ name }) => name));
  const other = [...now].find((name) => !listed.has(name)) ?? [...listed.keys()].find((name) => !now.has(name));
  if (other === undefined) return;
  throw new PipelineError('E_INPUT_CHANGED', `"${other.slice(other.indexOf('/') + 1)}" ${now.has(other) ? 'joined' : 'left'} the code of a command while it ran`, {
    facts: { expected: 'the files and executable bits that the stage was planned with', found: `${now.has(other) ? 'also' : 'without'} ${other}` },
    hint: 'Run again; nothing was stored. A program must not write among the files of its own code.',
  });
}

function filesOf(command: CommandParameters, matches: readonly string[]): ExternalFile[] {
  const paths = new Set([...namedInArgv(command), ...matches]);
  const files = [...paths].map((path) => ({ name: logicalName(path, command.folder), path: join(command.folder, path) }));
  return files.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
}

/** `program/…` can be executed, `file/…` cannot: the bit decides what a command does. Links are followed. */
function logicalName(path: string, folder: string): string {
  const stats = statSync(join(folder, path), { throwIfNoEntry: false });
  const kind = stats !== undefined && (stats.mode & EXECUTABLE) !== 0 ? 'program' : 'file';
  const segments = path.split('/').filter((segment) => segment !== '.' && segment !== '');
  return [kind, ...segments.map((segment) => (segment === '..' ? '^' : segment))].join('/');
}

/** Whole arguments, and what follows `=` in an option. The program itself only where it is named by a path: a bare name is looked up on PATH. */
function namedInArgv({ argv, folder }: CommandParameters): string[] {
  return argv.flatMap((argument, i) => {
    if (i === 0 && !argument.includes('/')) return [];
    const text = argument.startsWith('-') ? argument.slice(argument.indexOf('=') + 1) : argument;
    if (text === '' || text === argument && argument.startsWith('-') || isAbsolute(text) || text.includes('\0')) return [];
    return isFile(resolve(folder, text)) ? [text] : [];
  });
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false; // whatever it is, it is no file of the project
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
