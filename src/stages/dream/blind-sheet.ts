/**
 * The blind sheet: all dreams shuffled and numbered, without a word about what they are, and the key in a file of its own. Somebody who has not
 * seen the key sorts the numbers by what the pictures show; the key says how many are right.
 */
import type { Random } from '../../core/random.js';
import { contactSheet } from '../images/contact-sheet.js';

export interface BlindItem {
  readonly target: string;
  readonly file: string;
  /** uint8 [size, size, 3] */
  readonly pixels: Uint8Array;
}

export interface BlindKey {
  readonly targets: readonly string[];
  /** in the order of the numbers */
  readonly pictures: readonly { readonly number: number; readonly target: string; readonly file: string }[];
}

export async function blindSheet(items: readonly BlindItem[], random: Random, size: number, columns: number): Promise<{ readonly png: Uint8Array; readonly key: BlindKey }> {
  const shuffled = Array.from(random.permutation(items.length), (i) => items[i] as BlindItem);
  return {
    png: await contactSheet(shuffled.map(({ pixels }, i) => ({ pixels, caption: String(i + 1) })), size, columns),
    key: {
      targets: [...new Set(items.map(({ target }) => target))].sort(),
      pictures: shuffled.map(({ target, file }, i) => ({ number: i + 1, target, file })),
    },
  };
}
