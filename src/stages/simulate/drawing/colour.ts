/** Colours of the drawn world: RGB in [0, 1], the palettes of skin and hair, and the random draws that every primitive shares. */
import type { Random } from '../../../core/random.js';

export type Rgb = readonly [number, number, number];

export const SKIN: readonly Rgb[] = [[0.96, 0.8, 0.69], [0.9, 0.7, 0.56], [0.8, 0.58, 0.43], [0.62, 0.42, 0.29], [0.45, 0.3, 0.21], [0.98, 0.86, 0.76]];
export const HAIR: readonly Rgb[] = [[0.1, 0.07, 0.05], [0.25, 0.15, 0.08], [0.45, 0.28, 0.13], [0.8, 0.62, 0.3], [0.55, 0.2, 0.1], [0.65, 0.65, 0.66]];
export const IRIS: readonly Rgb[] = [[0.25, 0.15, 0.08], [0.2, 0.35, 0.6], [0.25, 0.45, 0.25]];

const JITTER_SD = 0.04;
const CHANNEL_SHARE = 0.7;

/** Hue, saturation and value in [0, 1], as the hexcone model defines them. */
export function hsv(h: number, s: number, v: number): Rgb {
  const sextant = Math.floor(h * 6) % 6;
  const f = h * 6 - Math.floor(h * 6);
  const p = v * (1 - s);
  const q = v * (1 - f * s);
  const t = v * (1 - (1 - f) * s);
  switch (sextant) {
    case 0: return [v, t, p];
    case 1: return [q, v, p];
    case 2: return [p, v, t];
    case 3: return [p, q, v];
    case 4: return [t, p, v];
    default: return [v, p, q];
  }
}

/** Any hue; saturation and value uniform in the ranges given. */
export function randomColour(random: Random, saturation: readonly [number, number] = [0.15, 0.9], value: readonly [number, number] = [0.15, 0.95]): Rgb {
  return hsv(random.uniform(), random.uniform(...saturation), random.uniform(...value));
}

/** A colour near another: jitter of each channel plus a common one. */
export function jittered(random: Random, colour: Rgb): Rgb {
  const common = random.normal(0, JITTER_SD);
  const channel = (value: number): number => Math.min(0.99, Math.max(0.02, value + CHANNEL_SHARE * random.normal(0, JITTER_SD) + common));
  return [channel(colour[0]), channel(colour[1]), channel(colour[2])];
}

export function scaled(colour: Rgb, by: number): Rgb {
  return [clip(colour[0] * by), clip(colour[1] * by), clip(colour[2] * by)];
}

/** The colour moved towards white by a share. */
export function lightened(colour: Rgb, share: number): Rgb {
  return [clip(colour[0] + (1 - colour[0]) * share), clip(colour[1] + (1 - colour[1]) * share), clip(colour[2] + (1 - colour[2]) * share)];
}

function clip(value: number): number {
  return Math.min(1, Math.max(0, value));
}
