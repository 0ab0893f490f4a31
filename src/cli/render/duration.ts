/** Durations and sizes as people read them; scripts take milliseconds and bytes from `--json`. */
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** `0.2 s`, `42.0 s`, `3 min 32 s`, `2 h 05 min` */
export function formatDuration(ms: number): string {
  if (ms < MINUTE - 50) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (ms < HOUR) return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
  const minutes = Math.round(ms / MINUTE);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

/** `512 B`, `4.0 KB`, `3.2 GB` (powers of 1000) */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.95 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? String(value) : value.toFixed(1)} ${UNITS[unit] as string}`;
}
