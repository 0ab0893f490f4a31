/**
 * Values of options, read and checked where they are used. Options that many commands know are fields of `Options`; those of one command are
 * read from it with these, by the name of the flag in camel case: `textOption(options, 'sortBy')` is --sort-by.
 */
import { PipelineError } from '../core/errors.js';
import type { Options } from './invocation.js';

export function textOption({ raw }: Options, name: string): string | undefined {
  const value = raw[name];
  return typeof value === 'string' ? value : undefined;
}

/** Of a repeatable option, in the order of the command line. */
export function textsOption({ raw }: Options, name: string): readonly string[] {
  return (raw[name] as readonly string[] | undefined) ?? [];
}

export function flagOption({ raw }: Options, name: string): boolean {
  return raw[name] === true;
}

/** A whole number, 1 or more. */
export function countOption(options: Options, name: string): number | undefined {
  const text = textOption(options, name);
  return text === undefined ? undefined : positiveInteger(`--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`, text);
}

export function positiveInteger(flag: string, text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new PipelineError('E_USAGE', `"${flag}" needs a whole number`, { facts: { expected: 'a whole number, 1 or more', found: text }, hint: `write ${flag} 2` });
}

const UNIT_BYTES: Readonly<Record<string, number>> = { '': 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 };

export function byteCount(flag: string, text: string): number {
  const match = /^(\d{1,6}(?:\.\d{1,3})?)\s*([kmgt]?b)?$/i.exec(text);
  if (match === null) throw new PipelineError('E_USAGE', `"${flag}" needs a size`, { facts: { expected: 'a number with B, KB, MB, GB or TB', found: text }, hint: `write ${flag} 50GB` });
  return Math.round(Number(match[1]) * (UNIT_BYTES[(match[2] ?? '').toLowerCase()] as number));
}
