/** Moments on the command line: a date, a date and time (local unless it says otherwise), or how long ago (`2d`, `90min`). */
import { PipelineError } from '../core/errors.js';

const UNIT_MS: Readonly<Record<string, number>> = { min: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const AGO = /^(\d{1,6})\s*(min|h|d|w)$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const DATE_TIME = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})?$/;

/** ms since the epoch. A date alone is its first moment, or its last where `end` is set. E_USAGE. */
export function momentOf(flag: string, text: string, now: number, end: boolean): number {
  const [, count, unit] = AGO.exec(text) ?? [];
  if (count !== undefined && unit !== undefined) return now - Number(count) * (UNIT_MS[unit] as number);
  const time = DATE.test(text) ? `${text}T${end ? '23:59:59.999' : '00:00'}` : DATE_TIME.test(text) ? text.replace(' ', 'T') : '';
  const moment = time === '' ? Number.NaN : new Date(time).getTime();
  // JavaScript takes 31 February for 3 March
  const exists = !Number.isNaN(moment) && Number(text.slice(8, 10)) <= new Date(Number(text.slice(0, 4)), Number(text.slice(5, 7)), 0).getDate();
  if (exists) return moment;
  throw new PipelineError('E_USAGE', `"${flag}" needs a date or how long ago`, { facts: { expected: '2026-11-23, 2026-11-23T18:30, or a number with min, h, d or w', found: text }, hint: `write ${flag} 2d` });
}
