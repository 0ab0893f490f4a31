/**
 * What a command wrote → its outputs. Only regular files count, and links to files that it was handed (they are taken over without copying); an output that
 * holds nothing, a link that leads elsewhere, or a declared file that is not there is an error, whatever the command's exit code said.
 */
import { lstatSync, readdirSync, readFileSync, realpathSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import type { ArtifactFile, ArtifactWriter } from '../../engine/stage.js';
import type { DeclaredOutput } from './parameters.js';

interface Found {
  readonly name: string;
  readonly path: string;
  /** the input's file that it is a link to */
  readonly handed?: ArtifactFile;
  readonly size: number;
}

/** Returns the names of files that were not declared and are left behind. Errors: E_OUTPUT_MISSING, E_DATA for a bad file name. */
export function collectOutput(port: string, folder: string, { files }: DeclaredOutput, writer: ArtifactWriter, handed: ReadonlyMap<string, ArtifactFile>): readonly string[] {
  const found = walk(port, folder, '', handed);
  const patterns = (files ?? []).map((text) => ({ text, match: matcher(text) }));
  for (const { text, match } of patterns) {
    if (!found.some(({ name }) => match.test(name))) throw missing(port, `a file ${text}`, found.length === 0 ? 'an empty folder' : found.slice(0, 5).map(({ name }) => name).join(', '));
  }
  const wanted = files === undefined ? found : found.filter(({ name }) => patterns.some(({ match }) => match.test(name)));
  if (wanted.length === 0) throw missing(port, 'at least one file', 'an empty folder');
  if (wanted.every(({ size }) => size === 0)) throw missing(port, 'at least one byte', wanted.length === 1 ? 'an empty file' : `${wanted.length} empty files`);
  for (const { name, path, handed: file } of wanted) {
    if (file === undefined) renameSync(path, writer.path(name));
    else writer.adopt(name, file);
  }
  return found.filter((one) => !wanted.includes(one)).map(({ name }) => name);
}

function walk(port: string, folder: string, prefix: string, handed: ReadonlyMap<string, ArtifactFile>): Found[] {
  const stats = lstatSync(folder, { throwIfNoEntry: false });
  if (stats?.isDirectory() !== true) throw missing(port, 'the folder that the command was given', stats === undefined ? 'nothing in its place' : 'something else in its place');
  return readdirSync(folder).sort().flatMap((entry): Found[] => {
    const path = join(folder, entry);
    const name = `${prefix}${entry}`;
    const { size, ...kind } = look(path);
    if (kind.directory) return walk(port, path, `${name}/`, handed);
    if (kind.file) return [{ name, path, size }];
    if (!kind.link) throw missing(port, 'regular files', `a pipe, socket or device "${name}"`);
    const file = handed.get(targetOf(path) ?? '');
    if (file === undefined) throw missing(port, 'regular files, or links to files of the inputs', `a link "${name}" that leads ${targetOf(path) === undefined ? 'nowhere' : 'elsewhere'}`);
    return [{ name, path, size: file.size, handed: file }];
  });
}

function look(path: string): { readonly file: boolean; readonly directory: boolean; readonly link: boolean; readonly size: number } {
  const stats = lstatSync(path);
  return { file: stats.isFile(), directory: stats.isDirectory(), link: stats.isSymbolicLink(), size: stats.size };
}

function targetOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

function matcher(pattern: string): RegExp {
  return new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\*+/g, '[^/]*')}$`);
}

function missing(port: string, expected: string, found: string): PipelineError {
  return new PipelineError('E_OUTPUT_MISSING', `output "${port}" was not written`, {
    facts: { expected, found },
    hint: `Let the command write into the folder $PIPELINE_OUTPUT_${port} ({outputs.${port}} in argv), and end with an error if it cannot.`,
  });
}

/** Numbers that the command left; nothing if it left none. Errors: E_FORMAT. */
export function readMetrics(path: string): Readonly<Record<string, number>> {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return {};
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw badMetrics(error instanceof Error ? error.message : String(error));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badMetrics('something else');
  for (const [name, number] of Object.entries(value)) if (typeof number !== 'number') throw badMetrics(`"${name}" is ${JSON.stringify(number).slice(0, 80)}`);
  return value as Readonly<Record<string, number>>;
}

function badMetrics(found: string): PipelineError {
  return new PipelineError('E_FORMAT', '"metrics.json" of the command cannot be read', { facts: { expected: 'a JSON object of numbers', found }, hint: 'Write e.g. {"loss": 0.42}; leave numbers out that are not defined.' });
}
