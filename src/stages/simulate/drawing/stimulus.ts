/**
 * One stimulus from one seed: a 1/f background, one to three objects of a category (or a scene that fills the frame), perhaps a distractor, a
 * gradient of light; or clutter, which keeps parts and destroys configuration. Every random draw is independent of the size, so that a seed
 * gives the same picture at every size (only a word on middling grey may, in rare near-ties, choose dark letters at one size and light ones at
 * another). Not known here: files, brains, experiments.
 */
import { Random } from '../../../core/random.js';
import { PipelineError } from '../../../core/errors.js';
import { paintBackground } from './background.js';
import { Canvas } from './canvas.js';
import { drawBody, drawFace, drawScrambledBody, drawScrambledFace } from './people.js';
import { drawHouse, drawLandscape, drawRoom } from './places.js';
import { drawThing } from './things.js';
import { drawWord } from './word.js';
import type { Box } from './canvas.js';

export const CATEGORIES = ['face', 'body', 'place', 'word', 'object', 'clutter'] as const;
export type Category = 0 | 1 | 2 | 3 | 4 | 5;
const PLACE = 2;
const WORD = 3;
const OBJECT = 4;
const CLUTTER = 5;

export interface StimulusOptions {
  /** default: uniform over the first five, then clutter with probability .16 */
  readonly category?: Category;
  /** default true */
  readonly clutter?: boolean;
}

export interface Stimulus {
  /** uint8 [size, size, 3] */
  readonly rgb: Uint8Array;
  readonly category: Category;
  /** labelled objects in the order they were painted, fractions of the image, y down; empty for clutter */
  readonly boxes: readonly Box[];
}

const CLUTTER_CHANCE = 0.16;
const SMALLEST = 16;
const LARGEST = 4096;

let scratch = new Float32Array(0);

/**
 * @shape rgb uint8 [size, size, 3], 0…255
 * Errors: E_DATA for a size outside 16…4096. Source: the recipe in the project's notes on the simulated subject, section 1.
 */
export function drawStimulus(seed: string, size: number, options: StimulusOptions = {}): Stimulus {
  if (!Number.isInteger(size) || size < SMALLEST || size > LARGEST) {
    throw new PipelineError('E_DATA', `a stimulus of ${size} pixels cannot be drawn`, { facts: { expected: `${SMALLEST} … ${LARGEST}`, found: size } });
  }
  const random = new Random(seed);
  const drawn = random.integer(0, 5) as Category;
  const category = options.category ?? drawn;
  const replaced = random.uniform() < CLUTTER_CHANCE && options.clutter !== false && options.category === undefined;
  if (category === CLUTTER || replaced) return drawClutter(random, size);

  const canvas = freshCanvas(random, size);
  if (category === PLACE) drawPlace(canvas, random);
  else drawObjects(canvas, random, category);
  return { rgb: finish(canvas, random), category, boxes: canvas.boxes };
}

/** The pixels live in one scratch buffer: a picture is finished before the next one starts. */
function freshCanvas(random: Random, size: number): Canvas {
  const length = size * size * 3;
  if (scratch.length < length) scratch = new Float32Array(length);
  const pixels = scratch.subarray(0, length);
  paintBackground(random, size, pixels);
  return new Canvas(size, pixels);
}

function drawPlace(canvas: Canvas, random: Random): void {
  if (random.uniform() < 0.5) {
    canvas.place({ x: 0.5, y: 0.5, scale: 1, rotation: 0, flip: 1 });
    if (random.integer(0, 2) === 0) drawLandscape(canvas, random);
    else drawRoom(canvas, random);
    if (random.uniform() < 0.3) {
      const scale = random.uniform(0.3, 0.5);
      canvas.place({ x: random.uniform(0.25, 0.75), y: random.uniform(0.5, 0.7), scale, rotation: 0, flip: 1 });
      drawHouse(canvas, random);
    }
    return;
  }
  const scale = random.uniform(0.4, 0.95);
  const margin = scale * 0.5;
  canvas.place({ x: random.uniform(margin, 1 - margin), y: random.uniform(margin, 1 - margin), scale, rotation: random.normal(0, 0.03), flip: random.pick([-1, 1] as const) });
  drawHouse(canvas, random);
}

const SIZES: Readonly<Record<number, readonly [number, number]>> = { 0: [0.22, 0.75], 1: [0.4, 0.95], 3: [0.35, 0.95], 4: [0.25, 0.75] };

function drawObjects(canvas: Canvas, random: Random, category: Category): void {
  if (category !== OBJECT && random.uniform() < 0.3) {
    const scale = random.uniform(0.15, 0.3);
    canvas.place({ x: random.uniform(0.15, 0.85), y: random.uniform(0.15, 0.85), scale, rotation: random.normal(0, 0.2), flip: 1 });
    drawThing(canvas, random);
  }
  const count = 1 + Number(random.uniform() < 0.25) + Number(random.uniform() < 0.08);
  const placed: { x: number; y: number; halfWidth: number; halfHeight: number }[] = [];
  const [smallest, largest] = SIZES[category] as readonly [number, number];
  for (let i = 0; i < count; i += 1) {
    let scale = logUniform(random, smallest, largest);
    if (count > 1) scale = Math.min(scale, 0.45);
    const marginX = scale * 0.5 * (category <= 1 ? 0.8 : 1);
    const marginY = scale * 0.5 * (category === WORD ? 0.4 : 1);
    let x = 0.5;
    let y = 0.5;
    for (let attempt = 0; attempt < 8; attempt += 1) {
      x = random.uniform(marginX, 1 - marginX);
      y = random.uniform(marginY, 1 - marginY);
      const here = { x, y };
      if (placed.every((other) => Math.abs(here.x - other.x) > marginX + other.halfWidth || Math.abs(here.y - other.y) > marginY + other.halfHeight)) break;
    }
    placed.push({ x, y, halfWidth: marginX * 0.8, halfHeight: marginY * 0.8 });
    const rotation = random.normal(0, category === 0 || category === OBJECT ? 0.12 : 0.06);
    const flip = random.pick([-1, 1] as const);
    canvas.place({ x, y, scale, rotation, flip: category === WORD ? 1 : flip });
    if (category === 0) drawFace(canvas, random);
    else if (category === 1) drawBody(canvas, random);
    else if (category === WORD) drawWord(canvas, random);
    else drawThing(canvas, random);
  }
}

function drawClutter(random: Random, size: number): Stimulus {
  const kind = random.uniform();
  if (kind < 0.5) {
    const canvas = freshCanvas(random, size);
    const count = random.integer(1, 4);
    for (let i = 0; i < count; i += 1) {
      const scale = logUniform(random, 0.25, 0.75);
      const margin = scale * 0.4;
      canvas.place({ x: random.uniform(margin, 1 - margin), y: random.uniform(margin, 1 - margin), scale, rotation: random.normal(0, 0.15), flip: 1 });
      if (kind < 0.3) drawScrambledFace(canvas, random);
      else drawScrambledBody(canvas, random);
    }
    return { rgb: finish(canvas, random), category: CLUTTER, boxes: [] };
  }
  const whole = drawStimulus(random.fork('tiles').seed, size, { category: random.integer(0, 4) as Category, clutter: false });
  return { rgb: shuffleTiles(whole.rgb, size, random), category: CLUTTER, boxes: [] };
}

/** Cuts the picture into n × n tiles and shuffles them, half of them mirrored. Pixels that no tile reaches stay. */
function shuffleTiles(rgb: Uint8Array, size: number, random: Random): Uint8Array {
  const n = random.pick([4, 5, 6, 8]);
  const tile = Math.floor(size / n);
  const edge = (i: number): number => Math.floor((size * i) / n);
  const order = random.permutation(n * n);
  const out = rgb.slice();
  for (let i = 0; i < n * n; i += 1) {
    const from = order[i] as number;
    const mirrored = random.uniform() < 0.5;
    for (let row = 0; row < tile; row += 1) {
      const source = ((edge(Math.floor(from / n)) + row) * size + edge(from % n)) * 3;
      const target = ((edge(Math.floor(i / n)) + row) * size + edge(i % n)) * 3;
      if (!mirrored) {
        out.set(rgb.subarray(source, source + tile * 3), target);
        continue;
      }
      for (let column = 0; column < tile; column += 1) {
        for (let c = 0; c < 3; c += 1) out[target + column * 3 + c] = rgb[source + (tile - 1 - column) * 3 + c] as number;
      }
    }
  }
  return out;
}

/** Multiplies by the gradient of light and rounds to bytes. */
function finish(canvas: Canvas, random: Random): Uint8Array {
  const { size, pixels } = canvas;
  const down = random.uniform(-0.12, 0.12);
  const across = random.uniform(-0.12, 0.12);
  const out = new Uint8Array(size * size * 3);
  const columns = Float64Array.from({ length: size }, (_, j) => 255 * across * ((j + 0.5) / size - 0.5));
  for (let i = 0, p = 0; i < size; i += 1) {
    const row = 255 * (1 + down * ((i + 0.5) / size - 0.5));
    for (let j = 0; j < size; j += 1, p += 3) {
      const light = row + (columns[j] as number);
      const r = (pixels[p] as number) * light + 0.5;
      const g = (pixels[p + 1] as number) * light + 0.5;
      const b = (pixels[p + 2] as number) * light + 0.5;
      // values are never negative, so truncation rounds
      out[p] = r > 255 ? 255 : r;
      out[p + 1] = g > 255 ? 255 : g;
      out[p + 2] = b > 255 ? 255 : b;
    }
  }
  return out;
}

function logUniform(random: Random, low: number, high: number): number {
  return low * Math.exp(random.uniform(0, Math.log(high / low)));
}
