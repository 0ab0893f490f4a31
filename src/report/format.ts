/** Numbers and durations as a reader wants them: four significant digits, plain integers, no invented precision. */
import type { JsonValue } from '../core/json.js';

const SIGNIFICANT = 4;
const LARGEST_PLAIN = 1e7;
const SMALLEST_PLAIN = 1e-4;

export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '−∞';
  if (Number.isInteger(value) && Math.abs(value) < Number.MAX_SAFE_INTEGER) return withMinus(groupDigits(String(value)));
  const size = Math.abs(value);
  if (size >= LARGEST_PLAIN || size < SMALLEST_PLAIN) return withMinus(value.toExponential(SIGNIFICANT - 1));
  return withMinus(groupDigits(String(Number(value.toPrecision(SIGNIFICANT)))));
}

function groupDigits(text: string): string {
  const [whole = '', fraction] = text.split('.');
  const digits = whole.replace('-', '').length > 4 ? whole.replace(/\B(?=(\d{3})+$)/g, '\u202f') : whole;
  return fraction === undefined ? digits : `${digits}.${fraction}`;
}

function withMinus(text: string): string {
  return text.replace('-', '−');
}

export function formatCell(value: string | number | null): string {
  if (value === null) return '–';
  return typeof value === 'number' ? formatNumber(value) : value;
}

export function formatSeconds(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
}

/** Leaves of a JSON value with their paths: `optimiser.rate` → `0.05`. Lists of plain values stay on one line. */
export function jsonLeaves(value: JsonValue, path = ''): (readonly [path: string, value: string])[] {
  if (Array.isArray(value)) {
    const list = value as readonly JsonValue[];
    if (list.every((item) => item === null || typeof item !== 'object')) return [[path, `[${list.map((item) => JSON.stringify(item)).join(', ')}]`]];
    return list.flatMap((item, i) => jsonLeaves(item, `${path}[${i}]`));
  }
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value as { readonly [key: string]: JsonValue });
    if (entries.length === 0) return path === '' ? [] : [[path, '{}']];
    return entries.flatMap(([key, item]) => jsonLeaves(item, path === '' ? key : `${path}.${key}`));
  }
  return [[path, typeof value === 'string' ? value : JSON.stringify(value)]];
}
