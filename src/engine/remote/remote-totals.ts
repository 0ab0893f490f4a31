/** What the second level did for a run: for the summary, nothing depends on it. */
export interface RemoteTotals {
  /** where it is, without credentials */
  readonly place: string;
  readonly mode: 'read' | 'read-write';
  /** results that were taken from there */
  fetched: number;
  bytesFetched: number;
  /** results that are there now because of this run */
  sent: number;
  bytesSent: number;
  /** results that could not be sent, or not in time */
  notSent: number;
  /** results that may not leave this machine */
  restricted: number;
  /** the first thing that went wrong */
  problem?: string;
}
