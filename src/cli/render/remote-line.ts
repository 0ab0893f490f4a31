/** What the shared cache did, in one line: `shared cache https://… : 3 fetched (12.0 MB), 2 sent (4.5 MB), 1 not sent`. */
import type { RemoteTotals } from '../../engine/remote/remote-totals.js';
import { printable } from '../terminal.js';
import { formatBytes } from './duration.js';

export function remoteLine({ place, mode, fetched, bytesFetched, sent, bytesSent, notSent, restricted }: RemoteTotals): string {
  const parts = [`${fetched} fetched${bytesFetched > 0 ? ` (${formatBytes(bytesFetched)})` : ''}`];
  if (mode === 'read-write') parts.push(`${sent} sent${bytesSent > 0 ? ` (${formatBytes(bytesSent)})` : ''}`);
  if (notSent > 0) parts.push(`${notSent} not sent`);
  if (restricted > 0) parts.push(`${restricted} restricted, kept here`);
  return `shared cache ${printable(place)}: ${parts.join(', ')}`;
}
