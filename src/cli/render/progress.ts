/** How far a stage is, in a few words: `42 %  420/1000  loss 0.42  about 12.0 s left`. */
import { printable } from '../terminal.js';
import { formatDuration } from './duration.js';

export interface Progress {
  readonly done: number;
  readonly total: number;
  readonly note?: string;
}

/** A guess from less than this share of the work would jump around. */
const SHARE_TO_GUESS_FROM = 0.05;

export function progressText(progress: Progress, runningMs: number): string {
  const share = progress.total > 0 ? Math.min(1, progress.done / progress.total) : 0;
  const parts = [`${Math.floor(share * 100)} %`.padStart(5), `${count(progress.done)}/${count(progress.total)}`];
  if (progress.note !== undefined && progress.note !== '') parts.push(printable(progress.note));
  if (share >= SHARE_TO_GUESS_FROM && share < 1) parts.push(`about ${formatDuration((runningMs * (1 - share)) / share)} left`);
  return parts.join('  ');
}

function count(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}
