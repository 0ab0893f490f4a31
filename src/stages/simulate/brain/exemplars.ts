/** Canonical pictures that the brain's templates are made from: one object a picture, in canonical pose, on a 1/f background, 48 pixels a side. */
import { Random } from '../../../core/random.js';
import { paintBackground } from '../drawing/background.js';
import { Canvas } from '../drawing/canvas.js';
import { drawBody, drawFace } from '../drawing/people.js';
import { drawHouse, drawLandscape, drawRoom } from '../drawing/places.js';
import { drawThing } from '../drawing/things.js';
import { drawWord } from '../drawing/word.js';

export const EXEMPLAR_KINDS = ['face', 'body', 'house', 'landscape', 'room', 'word3', 'word5', 'object', 'background'] as const;
export type ExemplarKind = (typeof EXEMPLAR_KINDS)[number];
export const EXEMPLAR_SIZE = 48;

const OBJECT_SCALE = 0.86;
const BODY_SCALE = 0.9;

/** @shape float32 planar [3, 48, 48] in [0, 1] */
export function drawExemplar(kind: ExemplarKind, seed: string): Float32Array {
  const random = new Random(seed);
  const size = EXEMPLAR_SIZE;
  const pixels = new Float32Array(size * size * 3);
  paintBackground(random, size, pixels);
  const canvas = new Canvas(size, pixels);
  const place = (scale: number, rotation = 0, mirrored = false): void => {
    canvas.place({ x: 0.5, y: 0.5, scale, rotation, flip: mirrored && random.uniform() < 0.5 ? -1 : 1 });
  };
  switch (kind) {
    case 'face':
      place(OBJECT_SCALE, random.normal(0, 0.05));
      drawFace(canvas, random, true);
      break;
    case 'body':
      place(BODY_SCALE, 0, true);
      drawBody(canvas, random, true);
      break;
    case 'house':
      place(OBJECT_SCALE, 0, true);
      drawHouse(canvas, random);
      break;
    case 'landscape':
      place(1);
      drawLandscape(canvas, random);
      break;
    case 'room':
      place(1);
      drawRoom(canvas, random);
      break;
    case 'word3':
      place(1);
      drawWord(canvas, random, { letters: 3, canonical: true });
      break;
    case 'word5':
      place(1);
      drawWord(canvas, random, { letters: 5, canonical: true });
      break;
    case 'object':
      place(OBJECT_SCALE);
      drawThing(canvas, random);
      break;
    case 'background':
      break;
  }
  const planar = new Float32Array(pixels.length);
  const plane = size * size;
  for (let i = 0; i < plane; i += 1) for (let c = 0; c < 3; c += 1) planar[c * plane + i] = Math.min(1, Math.max(0, pixels[i * 3 + c] as number));
  return planar;
}
