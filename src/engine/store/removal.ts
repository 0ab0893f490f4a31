/** Tallies of what gc removed, or would remove in a dry run: one per kind of thing. */
export interface Removal {
  count: number;
  bytes: number;
}

export function noRemoval(): Removal {
  return { count: 0, bytes: 0 };
}

export function addTo(removal: Removal, bytes: number): void {
  removal.count += 1;
  removal.bytes += bytes;
}
