/** Is this Node still looked after? The dates are those of the release schedule of Node (github.com/nodejs/Release); unknown releases are not judged. */
import { warning, works, type Check } from './check.js';

/** major → last day with fixes */
const END_OF_LIFE: Readonly<Record<number, string>> = { 20: '2026-04-30', 21: '2024-06-01', 22: '2027-04-30', 23: '2025-06-01', 24: '2028-04-30', 25: '2026-06-01', 26: '2029-04-30' };

export function nodeCheck(version: string, now: Date): Check {
  const end = END_OF_LIFE[Number(version.split('.')[0])];
  if (end === undefined) return works('node', version);
  if (now.toISOString().slice(0, 10) <= end) return works('node', `${version}, fixed until ${end}`);
  return warning('node', `${version}: no security fixes since ${end}; pipeline works with it`, 'install a newer Node when you can (nodejs.org)');
}
