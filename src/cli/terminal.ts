/** Colour and symbols: when they may be used, and how. Nothing is told by colour alone; every symbol stands beside a word. */
import type { StageWord } from '../engine/events.js';
import type { OutputStream } from './io.js';

export type ColorChoice = 'always' | 'never' | 'auto';

/** As Node reads it: set but empty means on. */
const COLOR_OFF: ReadonlySet<string> = new Set(['0', 'false', 'no', 'off', 'never']);

/** Precedence: flag, NO_COLOR, FORCE_COLOR, CLICOLOR_FORCE, TERM=dumb, and then whether the stream is a terminal. */
export function wantsColor(stream: OutputStream, env: NodeJS.ProcessEnv, choice: ColorChoice | undefined): boolean {
  if (choice === 'always') return true;
  if (choice === 'never') return false;
  if ((env['NO_COLOR'] ?? '') !== '') return false;
  if (env['FORCE_COLOR'] !== undefined) return !COLOR_OFF.has(env['FORCE_COLOR'].toLowerCase());
  if ((env['CLICOLOR_FORCE'] ?? '0') !== '0') return true;
  if (env['TERM'] === 'dumb') return false;
  return stream.isTTY === true;
}

const NARROWEST_FOR_ROWS = 40;

/** Live rows need a terminal that can move its cursor and is wide enough, and a person in front of it. */
export function isInteractive(stream: OutputStream, env: NodeJS.ProcessEnv): boolean {
  return stream.isTTY === true && env['TERM'] !== 'dumb' && (env['CI'] ?? '') === '' && (stream.columns ?? NARROWEST_FOR_ROWS) >= NARROWEST_FOR_ROWS;
}

/** A locale that is set and is not UTF-8 cannot show the symbols; an unset one tells nothing. */
export function isUnicode(env: NodeJS.ProcessEnv): boolean {
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  return locale === '' || /utf-?8/i.test(locale);
}

export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  blue(text: string): string;
  /** one character before the word of a stage */
  symbol(word: StageWord | 'cancelled' | 'started' | 'running' | 'summary' | 'warning' | 'stopping'): string;
  readonly arrow: string;
}

const SYMBOLS: Readonly<Record<Parameters<Style['symbol']>[0], readonly [unicode: string, ascii: string]>> = {
  ran: ['✓', '+'],
  restored: ['✓', '+'],
  skipped: ['–', '-'],
  failed: ['✗', 'x'],
  blocked: ['■', '#'],
  cancelled: ['■', '#'],
  started: ['▸', '>'],
  running: ['…', '.'],
  summary: ['=', '='],
  warning: ['!', '!'],
  stopping: ['■', '#'],
};

export function styleFor(color: boolean, unicode: boolean): Style {
  const wrap = (open: number, close: number) => (text: string): string => (color ? `\u001b[${open}m${text}\u001b[${close}m` : text);
  return {
    bold: wrap(1, 22),
    dim: wrap(2, 22),
    red: wrap(31, 39),
    green: wrap(32, 39),
    yellow: wrap(33, 39),
    blue: wrap(34, 39),
    symbol: (word) => SYMBOLS[word][unicode ? 0 : 1],
    arrow: unicode ? '→' : '->',
  };
}

/** Text from stages and files on its way to a terminal: control characters are dropped, so that it can neither move the cursor nor forge lines. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- these are exactly the characters to remove
  return text.replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, '').replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '');
}
