/**
 * Which part of the objects a check reads. Digests are evenly spread, so a part of their range is a part of the objects: `3/7` is always the same part, so that
 * seven checks read everything; `5%` lies somewhere else each time.
 */
import { randomInt } from 'node:crypto';
import type { Digest } from '../../core/digest.js';

const DIGITS = 8;
const RANGE = 2 ** (4 * DIGITS);

/** Undefined for a text that says no part. */
export function subsetFrom(text: string, start: () => number = () => randomInt(RANGE) / RANGE): ((digest: Digest) => boolean) | undefined {
  const percent = /^(\d{1,3}(?:\.\d{1,3})?)%$/.exec(text);
  const part = /^([1-9]\d{0,4})\/([1-9]\d{0,4})$/.exec(text);
  if (percent !== null) {
    const share = Number(percent[1]) / 100;
    if (share <= 0 || share > 1) return undefined;
    const from = start();
    return (digest) => (positionOf(digest) - from + 1) % 1 < share;
  }
  if (part === null) return undefined;
  const [index, count] = [Number(part[1]), Number(part[2])];
  return index > count ? undefined : (digest) => Math.floor(positionOf(digest) * count) === index - 1;
}

function positionOf(digest: Digest): number {
  return Number.parseInt(digest.slice(0, DIGITS), 16) / RANGE;
}
