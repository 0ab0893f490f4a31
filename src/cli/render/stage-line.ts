/** The one line that says what became of a stage: symbol, name, word, key prefix, duration. Scripts and tests rely on its shape. */
import type { StageWord } from '../../engine/events.js';
import type { Style } from '../terminal.js';
import { formatDuration } from './duration.js';

const KEY_PREFIX = 8;
const LONGEST_WORD = 8;
const NO_KEY = ' '.repeat(KEY_PREFIX);

/** A stage that was stopped did not fail: the record keeps it as one, with the error E_CANCELLED. */
export type ShownWord = StageWord | 'cancelled';

export interface StageLine {
  readonly name: string;
  readonly word: ShownWord;
  readonly key?: string;
  readonly durationMs?: number;
  /** why it was skipped or blocked, or what went wrong */
  readonly note?: string;
}

export function shortKey(key: string): string {
  return key.slice(0, KEY_PREFIX);
}

export function stageLine(line: StageLine, nameWidth: number, style: Style): string {
  const paint = PAINT[line.word];
  const cells = [
    `${style[paint](style.symbol(line.word))} ${line.name.padEnd(nameWidth)}`,
    style[paint](line.word.padEnd(LONGEST_WORD)),
    line.key === undefined ? NO_KEY : style.dim(shortKey(line.key)),
    line.durationMs === undefined ? '' : formatDuration(line.durationMs),
    line.note ?? '',
  ];
  return cells.filter((cell, i) => cell !== '' || i < 2).join('  ').trimEnd();
}

const PAINT: Readonly<Record<ShownWord, 'green' | 'blue' | 'dim' | 'red' | 'yellow'>> = {
  ran: 'green',
  restored: 'blue',
  skipped: 'dim',
  failed: 'red',
  blocked: 'yellow',
  cancelled: 'yellow',
};

/** seconds */
const ONE_DECIMAL_BELOW = 10;
export const WORDS: readonly StageWord[] = ['ran', 'restored', 'skipped', 'failed', 'blocked'];

/** `11 ran, 0 restored, 1 skipped, 0 failed, 0 blocked in 212 s`; `cancelled`: how many of the failed were stopped, told behind where there are any. */
export function countsLine(counts: Readonly<Record<StageWord, number>>, durationMs: number, cancelled = 0): string {
  const seconds = durationMs / 1000;
  const stopped = cancelled === 0 ? '' : `, ${cancelled} cancelled`;
  return `${WORDS.map((word) => `${counts[word] - (word === 'failed' ? cancelled : 0)} ${word}`).join(', ')}${stopped} in ${seconds < ONE_DECIMAL_BELOW ? seconds.toFixed(1) : Math.round(seconds)} s`;
}
