/** Houses, landscapes and rooms. A house stands in the object frame; landscapes and rooms fill the frame of the current transform. */
import type { Random } from '../../../core/random.js';
import { hsv, lightened, randomColour, scaled } from './colour.js';
import type { Canvas, Point } from './canvas.js';
import type { Rgb } from './colour.js';

const GLASS: Rgb = [0.35, 0.5, 0.65];
const TRUNK: Rgb = [0.35, 0.24, 0.15];
const ROAD_MARK: Rgb = [0.9, 0.9, 0.8];
const BANDS = 6;

function rectangle(x0: number, y0: number, x1: number, y1: number): readonly Point[] {
  return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
}

export function drawHouse(canvas: Canvas, random: Random): void {
  canvas.begin();
  const wall = randomColour(random, [0.05, 0.5], [0.55, 0.95]);
  const roof = randomColour(random, [0.2, 0.8], [0.2, 0.55]);
  const trim = scaled(wall, 0.55);
  const glass = scaled(GLASS, random.uniform(0.5, 1.2));
  const w = random.uniform(0.36, 0.48);
  const eaves = random.uniform(-0.16, -0.06);
  canvas.polygon(rectangle(-w, eaves, w, 0.42), wall, { shade: 0.15 });
  const ridge = random.uniform(-0.5, -0.4);
  if (random.uniform() < 0.35) canvas.polygon(rectangle(w * 0.45, ridge + 0.02, w * 0.68, eaves), scaled(roof, 0.8));
  canvas.polygon([[-w - 0.05, eaves], [w + 0.05, eaves], [w * random.uniform(0, 0.5), ridge], [-w * random.uniform(0, 0.5), ridge]], roof, { shade: 0.2 });
  const columns = random.integer(2, 4);
  for (let row = 0; row < 2; row += 1) {
    const y = eaves + 0.09 + row * 0.27;
    for (let i = 0; i < columns; i += 1) {
      const x = -w + (2 * w * (i + 0.5)) / columns;
      if (row === 1 && i === Math.floor(columns / 2)) {
        canvas.polygon(rectangle(x - 0.055, y - 0.02, x + 0.055, 0.42), scaled(trim, 0.7));
        continue;
      }
      canvas.polygon(rectangle(x - 0.07, y - 0.01, x + 0.07, y + 0.14), trim);
      canvas.polygon(rectangle(x - 0.055, y + 0.005, x + 0.055, y + 0.125), glass, { shade: 0.3 });
      canvas.capsule(x, y, x, y + 0.13, 0.008, trim);
      canvas.capsule(x - 0.06, y + 0.065, x + 0.06, y + 0.065, 0.008, trim);
    }
  }
  canvas.end('house');
}

export function drawLandscape(canvas: Canvas, random: Random): void {
  canvas.begin();
  const horizon = random.uniform(-0.08, 0.12);
  const sky = hsv(random.uniform(0.52, 0.62), random.uniform(0.2, 0.6), random.uniform(0.7, 0.98));
  const ground = hsv(random.uniform(0.08, 0.38), random.uniform(0.25, 0.6), random.uniform(0.35, 0.65));
  for (let i = 0; i < BANDS; i += 1) {
    const y = -0.5 + ((horizon + 0.5) * i) / BANDS;
    canvas.polygon(rectangle(-0.5, y, 0.5, horizon + 0.01), lightened(sky, i * 0.1));
  }
  const mountains = random.integer(2, 4);
  for (let i = 0; i < mountains; i += 1) {
    const x = random.uniform(-0.5, 0.5);
    const height = random.uniform(0.1, 0.28);
    const w = random.uniform(0.2, 0.45);
    const colour = randomColour(random, [0.1, 0.35], [0.35, 0.65]);
    canvas.polygon([[Math.max(-0.5, x - w), horizon + 0.005], [x, horizon - height], [Math.min(0.5, x + w), horizon + 0.005]], colour, { shade: 0.35, tracked: false });
  }
  for (let i = 0; i < BANDS; i += 1) {
    const y = horizon + ((0.5 - horizon) * i) / BANDS;
    canvas.polygon(rectangle(-0.5, y, 0.5, 0.5), scaled(ground, 1 - 0.07 * i));
  }
  if (random.uniform() < 0.7) drawRoad(canvas, random, horizon);
  const trees = random.integer(1, 5);
  const frame = canvas.transform;
  for (let i = 0; i < trees; i += 1) {
    const y = random.uniform(horizon, 0.3);
    const scale = 0.12 + 0.55 * (y - horizon);
    const [px, py] = canvas.toImage(random.uniform(-0.48, 0.48), y - 0.42 * scale + 0.05);
    canvas.place({ ...frame, x: px, y: py, scale: frame.scale * scale, flip: 1 });
    drawTree(canvas, random);
    canvas.place(frame);
  }
  canvas.end('scene', true);
}

function drawRoad(canvas: Canvas, random: Random, horizon: number): void {
  const x = random.uniform(-0.2, 0.2);
  const vanishing = random.uniform(-0.15, 0.15);
  const grey = random.uniform(0.35, 0.6);
  canvas.polygon([[vanishing - 0.008, horizon], [vanishing + 0.008, horizon], [x + 0.2, 0.5], [x - 0.2, 0.5]], [grey, grey, grey]);
  for (let k = 0; k < 4; k += 1) {
    // squares: dashes grow towards the viewer
    const a = ((k + 0.3) / 4) ** 2;
    const b = ((k + 0.7) / 4) ** 2;
    canvas.capsule(vanishing + (x - vanishing) * a, horizon + (0.5 - horizon) * a, vanishing + (x - vanishing) * b, horizon + (0.5 - horizon) * b, 0.003 + 0.008 * a, ROAD_MARK);
  }
}

function drawTree(canvas: Canvas, random: Random): void {
  const green = hsv(random.uniform(0.22, 0.38), random.uniform(0.4, 0.8), random.uniform(0.25, 0.6));
  canvas.capsule(0, 0.1, 0, 0.48, 0.045, TRUNK, { tracked: false });
  for (let i = 0; i < 4; i += 1) {
    canvas.ellipse(random.normal(0, 0.1), random.normal(-0.1, 0.09), 0.19, 0.19, scaled(green, random.uniform(0.8, 1.2)), { shade: 0.2, tracked: false });
  }
}

/** A room or corridor in one-point perspective. */
export function drawRoom(canvas: Canvas, random: Random): void {
  canvas.begin();
  const vx = random.uniform(-0.12, 0.12);
  const vy = random.uniform(-0.1, 0.06);
  const w = random.uniform(0.12, 0.2);
  const h = random.uniform(0.1, 0.18);
  const wall = randomColour(random, [0.05, 0.4], [0.5, 0.9]);
  const floor = randomColour(random, [0.1, 0.5], [0.25, 0.6]);
  canvas.polygon([[-0.5, -0.5], [0.5, -0.5], [vx + w, vy - h], [vx - w, vy - h]], scaled(wall, 1.15));
  canvas.polygon([[-0.5, 0.5], [0.5, 0.5], [vx + w, vy + h], [vx - w, vy + h]], floor);
  canvas.polygon([[-0.5, -0.5], [vx - w, vy - h], [vx - w, vy + h], [-0.5, 0.5]], scaled(wall, 0.8));
  canvas.polygon([[0.5, -0.5], [vx + w, vy - h], [vx + w, vy + h], [0.5, 0.5]], scaled(wall, 0.92));
  canvas.polygon(rectangle(vx - w, vy - h, vx + w, vy + h), wall);
  canvas.polygon(rectangle(vx - w * 0.3, vy - h * 0.4, vx + w * 0.3, vy + h), scaled(wall, 0.45));
  for (const side of [-1, 1]) {
    for (const [near, far] of [[0.15, 0.4], [0.52, 0.7], [0.78, 0.9]] as const) {
      if (random.uniform() >= 0.75) continue;
      const x = (t: number): number => side * 0.5 + (vx + side * w - side * 0.5) * t;
      const y = (t: number, down: number): number => (-0.5 + (vy - h + 0.5) * t) * (1 - down) + (0.5 + (vy + h - 0.5) * t) * down;
      canvas.polygon([[x(near), y(near, 0.3)], [x(far), y(far, 0.3)], [x(far), y(far, 0.95)], [x(near), y(near, 0.95)]], scaled(wall, random.uniform(0.3, 0.6)));
    }
  }
  for (let k = 1; k < 5; k += 1) {
    const t = k / 5;
    canvas.capsule(-0.5 + (vx - w + 0.5) * t, 0.5 + (vy + h - 0.5) * t, 0.5 + (vx + w - 0.5) * t, 0.5 + (vy + h - 0.5) * t, 0.004, scaled(floor, 0.6));
  }
  canvas.end('scene', true);
}
