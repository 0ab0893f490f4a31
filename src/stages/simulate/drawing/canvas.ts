/**
 * Painter's algorithm on a float RGB canvas. Every shape has a signed distance d in object units (negative inside) and is blended with
 * coverage clip(½ − d·scale·size, 0, 1)·alpha: antialiasing over one pixel at every size. Shapes are placed by a transform (centre, scale,
 * rotation, mirror); coordinates are fractions of the image, y down. While an object is open, the boxes of its shapes are united: that is the
 * ground-truth box.
 *
 * Speed: distances are evaluated only where coverage can change. A row outside or inside a shape is skipped or filled in runs, because a
 * distance grows by at most one pixel a pixel. Not known here: what the shapes mean.
 */
import { blend, fillEllipse } from './paint.js';
import type { Rgb } from './colour.js';
import type { Paint } from './paint.js';

export interface Transform {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
  /** radians, clockwise on the screen */
  readonly rotation: number;
  /** −1 mirrors left and right */
  readonly flip: 1 | -1;
}

export interface Box {
  readonly label: string;
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

export interface FillOptions {
  /** the colour is multiplied by 1 + shade·(x − y), x and y from −½ to ½ over the shape's box */
  readonly shade?: number;
  readonly alpha?: number;
  /** false: does not extend the object's box */
  readonly tracked?: boolean;
}

export type Point = readonly [number, number];

export class Canvas {
  readonly size: number;
  /** float32 [size, size, 3], RGB in [0, 1] */
  readonly pixels: Float32Array;
  readonly boxes: Box[] = [];
  #transform: Transform = { x: 0.5, y: 0.5, scale: 1, rotation: 0, flip: 1 };
  #cos = 1;
  #sin = 0;
  #open: [number, number, number, number] | undefined;

  constructor(size: number, pixels: Float32Array) {
    this.size = size;
    this.pixels = pixels;
  }

  get transform(): Transform {
    return this.#transform;
  }

  place(transform: Transform): void {
    this.#transform = transform;
    this.#cos = Math.cos(transform.rotation);
    this.#sin = Math.sin(transform.rotation);
  }

  /** Object to image coordinates. */
  toImage(x: number, y: number): [number, number] {
    const { x: cx, y: cy, scale, flip } = this.#transform;
    const u = x * flip;
    return [cx + scale * (this.#cos * u - this.#sin * y), cy + scale * (this.#sin * u + this.#cos * y)];
  }

  begin(): void {
    this.#open = [Infinity, Infinity, -Infinity, -Infinity];
  }

  /** Closes the object; `frame` replaces the union of the shapes by the object's own frame [−½, ½]². */
  end(label: string, frame = false): void {
    let [x0, y0, x1, y1] = this.#open ?? [0, 0, 0, 0];
    if (frame) {
      [x0, y0] = this.toImage(-0.5, -0.5);
      [x1, y1] = this.toImage(0.5, 0.5);
    }
    const inside = (value: number): number => Math.min(1, Math.max(0, value));
    this.boxes.push({ label, x0: inside(x0), y0: inside(y0), x1: inside(x1), y1: inside(y1) });
    this.#open = undefined;
  }

  /** Distance by the usual approximation k(k − 1)/g with k = |(u, v)|, g = |(u/rx, v/ry)|. */
  ellipse(cx: number, cy: number, rx: number, ry: number, colour: Rgb, options: FillOptions = {}): void {
    const paint = this.#paint(cx - rx, cy - ry, cx + rx, cy + ry, colour, options);
    if (paint !== undefined) fillEllipse(paint, cx, cy, rx, ry);
  }

  /** A segment with round ends. */
  capsule(x0: number, y0: number, x1: number, y1: number, radius: number, colour: Rgb, options: FillOptions = {}): void {
    const paint = this.#paint(Math.min(x0, x1) - radius, Math.min(y0, y1) - radius, Math.max(x0, x1) + radius, Math.max(y0, y1) + radius, colour, options);
    if (paint === undefined) return;
    const bx = x1 - x0;
    const by = y1 - y0;
    const lengthSquared = bx * bx + by * by + 1e-12;
    fillByDistance(paint, (u, v) => {
      const px = u - x0;
      const py = v - y0;
      let h = (px * bx + py * by) / lengthSquared;
      h = h < 0 ? 0 : h > 1 ? 1 : h;
      const dx = px - bx * h;
      const dy = py - by * h;
      return Math.sqrt(dx * dx + dy * dy) - radius;
    });
  }

  /** Simple polygon, convex or not. */
  polygon(points: readonly Point[], colour: Rgb, options: FillOptions = {}): void {
    let x0 = Infinity;
    let y0 = Infinity;
    let x1 = -Infinity;
    let y1 = -Infinity;
    for (const [x, y] of points) {
      x0 = Math.min(x0, x);
      y0 = Math.min(y0, y);
      x1 = Math.max(x1, x);
      y1 = Math.max(y1, y);
    }
    const paint = this.#paint(x0, y0, x1, y1, colour, options);
    if (paint === undefined) return;
    const n = points.length;
    const ax = Float64Array.from(points, (p) => p[0]);
    const ay = Float64Array.from(points, (p) => p[1]);
    const ex = Float64Array.from(points, (p, i) => (points[(i + n - 1) % n] as Point)[0] - p[0]);
    const ey = Float64Array.from(points, (p, i) => (points[(i + n - 1) % n] as Point)[1] - p[1]);
    const inverse = Float64Array.from(points, (_, i) => 1 / ((ex[i] as number) ** 2 + (ey[i] as number) ** 2 + 1e-12));
    fillByDistance(paint, (u, v) => {
      let nearest = Infinity;
      let inside = false;
      for (let i = 0; i < n; i += 1) {
        const wx = u - (ax[i] as number);
        const wy = v - (ay[i] as number);
        const x = ex[i] as number;
        const y = ey[i] as number;
        let h = (wx * x + wy * y) * (inverse[i] as number);
        h = h < 0 ? 0 : h > 1 ? 1 : h;
        const dx = wx - x * h;
        const dy = wy - y * h;
        const d = dx * dx + dy * dy;
        if (d < nearest) nearest = d;
        // the edge crosses this height, and the crossing lies to one side
        const above = wy >= 0;
        if (above !== (wy >= y) && x * wy > y * wx === above) inside = !inside;
      }
      const d = Math.sqrt(nearest);
      return inside ? -d : d;
    });
  }

  /** Mean of the colours in a window around a place of the image; the window's side is a share of the image. */
  meanAround(x: number, y: number, side: number): number {
    const span = (centre: number): [number, number] => {
      const at = Math.min(0.999, Math.max(0, centre));
      return [Math.max(0, Math.floor((at - side / 2) * this.size)), Math.min(this.size, Math.max(1, Math.ceil((at + side / 2) * this.size)))];
    };
    const [j0, j1] = span(x);
    const [i0, i1] = span(y);
    let sum = 0;
    for (let i = i0; i < i1; i += 1) for (let p = (i * this.size + j0) * 3; p < (i * this.size + j1) * 3; p += 1) sum += this.pixels[p] as number;
    return sum / ((i1 - i0) * (j1 - j0) * 3);
  }

  #paint(x0: number, y0: number, x1: number, y1: number, colour: Rgb, options: FillOptions): Paint | undefined {
    const { x: cx, y: cy, scale, flip } = this.#transform;
    let left = Infinity;
    let top = Infinity;
    let right = -Infinity;
    let bottom = -Infinity;
    for (let corner = 0; corner < 4; corner += 1) {
      const [x, y] = this.toImage(corner & 1 ? x1 : x0, corner & 2 ? y1 : y0);
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
    if (this.#open !== undefined && options.tracked !== false) {
      const open = this.#open;
      this.#open = [Math.min(open[0], left), Math.min(open[1], top), Math.max(open[2], right), Math.max(open[3], bottom)];
    }
    const size = this.size;
    const i0 = Math.max(0, Math.floor(top * size) - 1);
    const i1 = Math.min(size, Math.floor(bottom * size) + 2);
    const j0 = Math.max(0, Math.floor(left * size) - 1);
    const j1 = Math.min(size, Math.floor(right * size) + 2);
    if (i0 >= i1 || j0 >= j1) return undefined;
    const step = 1 / (size * scale);
    return {
      pixels: this.pixels, size, i0, i1, j0, j1, colour,
      shade: options.shade ?? 0, alpha: options.alpha ?? 1,
      // object coordinates of the centre of pixel (row i, column j): u = u0 + j·uj + i·ui, v likewise
      uj: this.#cos * step * flip, ui: this.#sin * step * flip,
      u0: ((this.#cos * (0.5 / size - cx) + this.#sin * (0.5 / size - cy)) / scale) * flip,
      vj: -this.#sin * step, vi: this.#cos * step,
      v0: (-this.#sin * (0.5 / size - cx) + this.#cos * (0.5 / size - cy)) / scale,
      pixelsPerUnit: scale * size,
      middleX: (x0 + x1) / 2, middleY: (y0 + y1) / 2, perWidth: 1 / (x1 - x0 + 1e-6), perHeight: 1 / (y1 - y0 + 1e-6),
    };
  }
}

/** Walks each row, jumping as far as the distance to the outline allows. */
function fillByDistance(paint: Paint, distance: (u: number, v: number) => number): void {
  const { i0, i1, j0, j1, uj, ui, u0, vj, vi, v0, pixelsPerUnit } = paint;
  for (let i = i0; i < i1; i += 1) {
    const u = u0 + i * ui;
    const v = v0 + i * vi;
    let j = j0;
    while (j < j1) {
      const d = distance(u + j * uj, v + j * vj) * pixelsPerUnit;
      if (d >= 0.5) {
        j += Math.max(1, Math.floor(d - 0.5));
      } else if (d <= -0.5) {
        const run = Math.min(j1, j + Math.max(1, Math.floor(-d - 0.5)));
        blend(paint, i, j, run, 1);
        j = run;
      } else {
        blend(paint, i, j, j + 1, 0.5 - d);
        j += 1;
      }
    }
  }
}
