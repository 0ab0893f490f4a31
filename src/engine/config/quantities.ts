/** Times and sizes of the configuration: a number with its unit, so that nobody has to guess whether 4 is seconds or minutes. */
const MILLISECONDS: Readonly<Record<string, number>> = { s: 1000, min: 60_000, h: 3_600_000 };
const BYTES: Readonly<Record<string, number>> = { KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };
export const TIME_PATTERN = '^[0-9]{1,9}(\\.[0-9]{1,3})? ?(s|min|h)$';
export const SIZE_PATTERN = '^[0-9]{1,9}(\\.[0-9]{1,3})? ?(KB|MB|GB|TB)$';
/** Timers of Node hold 31 bits of milliseconds. */
const LONGEST_MS = 2 ** 31 - 1;

/** undefined for what is no time, nothing at all, or too long for a timer. */
export function millisecondsOf(text: string): number | undefined {
  const value = quantity(text, TIME_PATTERN, MILLISECONDS);
  return value !== undefined && value <= LONGEST_MS ? value : undefined;
}

/** Powers of 1000. */
export function bytesOf(text: string): number | undefined {
  const value = quantity(text, SIZE_PATTERN, BYTES);
  return value !== undefined && Number.isSafeInteger(value) ? value : undefined;
}

function quantity(text: string, pattern: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = new RegExp(pattern).exec(text);
  if (match === null) return undefined;
  const value = Math.ceil(Number.parseFloat(text) * (units[match[2] as string] as number));
  return value > 0 ? value : undefined;
}
