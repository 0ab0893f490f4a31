/** Words: capital letters of a stroke font, consonants and vowels alternating, in contrast to the ground or on a plate. Never mirrored. */
import type { Random } from '../../../core/random.js';
import { randomColour } from './colour.js';
import type { Canvas, Point } from './canvas.js';

/** Polylines on a grid 2 wide and 4 high, y down. */
const FONT: Readonly<Record<string, readonly (readonly Point[])[]>> = {
  A: [[[0, 4], [1, 0], [2, 4]], [[0.4, 2.6], [1.6, 2.6]]],
  B: [[[0, 0], [0, 4], [1.4, 4], [2, 3.2], [1.4, 2], [0, 2]], [[0, 0], [1.3, 0], [1.8, 1], [1.3, 2]]],
  C: [[[2, 0.6], [1.4, 0], [0.6, 0], [0, 0.8], [0, 3.2], [0.6, 4], [1.4, 4], [2, 3.4]]],
  D: [[[0, 0], [0, 4], [1.2, 4], [2, 3], [2, 1], [1.2, 0], [0, 0]]],
  E: [[[2, 0], [0, 0], [0, 4], [2, 4]], [[0, 2], [1.5, 2]]],
  F: [[[2, 0], [0, 0], [0, 4]], [[0, 2], [1.5, 2]]],
  H: [[[0, 0], [0, 4]], [[2, 0], [2, 4]], [[0, 2], [2, 2]]],
  I: [[[1, 0], [1, 4]]],
  K: [[[0, 0], [0, 4]], [[2, 0], [0, 2.2], [2, 4]]],
  L: [[[0, 0], [0, 4], [2, 4]]],
  M: [[[0, 4], [0, 0], [1, 2], [2, 0], [2, 4]]],
  N: [[[0, 4], [0, 0], [2, 4], [2, 0]]],
  O: [[[0.6, 0], [1.4, 0], [2, 0.8], [2, 3.2], [1.4, 4], [0.6, 4], [0, 3.2], [0, 0.8], [0.6, 0]]],
  P: [[[0, 4], [0, 0], [1.4, 0], [2, 1], [1.4, 2], [0, 2]]],
  R: [[[0, 4], [0, 0], [1.4, 0], [2, 1], [1.4, 2], [0, 2]], [[1, 2], [2, 4]]],
  S: [[[2, 0.5], [1.4, 0], [0.6, 0], [0, 0.8], [0.5, 1.8], [1.5, 2.2], [2, 3.2], [1.4, 4], [0.6, 4], [0, 3.5]]],
  T: [[[0, 0], [2, 0]], [[1, 0], [1, 4]]],
  U: [[[0, 0], [0, 3.2], [0.6, 4], [1.4, 4], [2, 3.2], [2, 0]]],
  V: [[[0, 0], [1, 4], [2, 0]]],
  W: [[[0, 0], [0.5, 4], [1, 1.5], [1.5, 4], [2, 0]]],
  X: [[[0, 0], [2, 4]], [[2, 0], [0, 4]]],
  Y: [[[0, 0], [1, 2], [2, 0]], [[1, 2], [1, 4]]],
  Z: [[[0, 0], [2, 0], [0, 4], [2, 4]]],
};
const CONSONANTS = 'BCDFHKLMNPRSTVWXZ';
const VOWELS = 'AEIOUY';
const LETTER_SHARE = 0.66;
const PLATE_CHANCE = 0.4;
/** ground brighter than this takes dark letters */
const BRIGHT = 0.45;
/** side of the window that is looked at for contrast, as a share of the image: 7 pixels of 128 */
const GROUND_WINDOW = 7 / 128;

export interface WordOptions {
  readonly letters?: number;
  /** for the brain's exemplars: without a plate */
  readonly canonical?: boolean;
}

export function drawWord(canvas: Canvas, random: Random, options: WordOptions = {}): void {
  canvas.begin();
  const count = options.letters ?? random.integer(4, 7);
  const startsWithConsonant = random.integer(0, 2);
  let text = '';
  for (let i = 0; i < count; i += 1) {
    const letters = (i + startsWithConsonant) % 2 === 1 ? CONSONANTS : VOWELS;
    text += letters.charAt(random.integer(0, letters.length));
  }
  const pitch = 1 / count;
  const width = pitch * LETTER_SHARE;
  const height = width * random.uniform(1.5, 1.9);
  const stroke = width * random.uniform(0.09, 0.14);
  const { x, y } = canvas.transform;
  const dark = canvas.meanAround(x, y, GROUND_WINDOW) > BRIGHT;
  const colour = dark ? randomColour(random, [0, 0.8], [0.02, 0.22]) : randomColour(random, [0, 0.6], [0.85, 1]);
  if (options.canonical !== true && random.uniform() < PLATE_CHANCE) {
    const plate = dark ? randomColour(random, [0, 0.4], [0.75, 1]) : randomColour(random, [0, 0.6], [0.05, 0.3]);
    const half = height * 0.5 + stroke * 3;
    canvas.polygon([[-0.53, -half], [0.53, -half], [0.53, half], [-0.53, half]], plate);
  }
  for (let i = 0; i < count; i += 1) {
    const left = -0.5 + pitch * (i + (1 - LETTER_SHARE) / 2);
    for (const line of FONT[text.charAt(i)] ?? []) {
      for (let k = 1; k < line.length; k += 1) {
        const [ax, ay] = line[k - 1] as Point;
        const [bx, by] = line[k] as Point;
        canvas.capsule(left + (ax * width) / 2, (ay / 4 - 0.5) * height, left + (bx * width) / 2, (by / 4 - 0.5) * height, stroke, colour);
      }
    }
  }
  canvas.end('word');
}
