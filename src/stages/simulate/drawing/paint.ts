/** The inner loops of the canvas: blending a run of one row, and ellipses, whose inside and outside are told apart without a square root. */
import type { Rgb } from './colour.js';

/** One shape to be painted: its window of pixels, its colour, and the affine map from pixels to object coordinates. */
export interface Paint {
  readonly pixels: Float32Array;
  readonly size: number;
  readonly i0: number;
  readonly i1: number;
  readonly j0: number;
  readonly j1: number;
  readonly colour: Rgb;
  readonly shade: number;
  readonly alpha: number;
  readonly uj: number;
  readonly ui: number;
  readonly u0: number;
  readonly vj: number;
  readonly vi: number;
  readonly v0: number;
  readonly pixelsPerUnit: number;
  readonly middleX: number;
  readonly middleY: number;
  readonly perWidth: number;
  readonly perHeight: number;
}

/** Blends columns [j, end) of row i with one coverage. */
export function blend(paint: Paint, i: number, j: number, end: number, coverage: number): void {
  const { pixels, size, shade, colour } = paint;
  const a = coverage * paint.alpha;
  const [r, g, b] = colour;
  let p = (i * size + j) * 3;
  const stop = (i * size + end) * 3;
  if (shade === 0) {
    if (a === 1) {
      for (; p < stop; p += 3) {
        pixels[p] = r;
        pixels[p + 1] = g;
        pixels[p + 2] = b;
      }
      return;
    }
    for (; p < stop; p += 3) {
      pixels[p] = (pixels[p] as number) + a * (r - (pixels[p] as number));
      pixels[p + 1] = (pixels[p + 1] as number) + a * (g - (pixels[p + 1] as number));
      pixels[p + 2] = (pixels[p + 2] as number) + a * (b - (pixels[p + 2] as number));
    }
    return;
  }
  const u = paint.u0 + i * paint.ui + j * paint.uj;
  const v = paint.v0 + i * paint.vi + j * paint.vj;
  let light = 1 + shade * ((u - paint.middleX) * paint.perWidth - (v - paint.middleY) * paint.perHeight);
  const slope = shade * (paint.uj * paint.perWidth - paint.vj * paint.perHeight);
  for (; p < stop; p += 3) {
    const lr = r * light;
    const lg = g * light;
    const lb = b * light;
    pixels[p] = (pixels[p] as number) + a * ((lr > 1 ? 1 : lr) - (pixels[p] as number));
    pixels[p + 1] = (pixels[p + 1] as number) + a * ((lg > 1 ? 1 : lg) - (pixels[p + 1] as number));
    pixels[p + 2] = (pixels[p + 2] as number) + a * ((lb > 1 ? 1 : lb) - (pixels[p + 2] as number));
    light += slope;
  }
}

export function fillEllipse(paint: Paint, cx: number, cy: number, rx: number, ry: number): void {
  const { i0, i1, j0, j1, pixelsPerUnit } = paint;
  const uj = paint.uj / rx;
  const vj = paint.vj / ry;
  const irx = 1 / rx;
  const iry = 1 / ry;
  // |d| ≥ |k − 1|·min(rx, ry): beyond half a pixel the coverage is 0 or 1 without computing it
  const margin = 0.5 / (Math.min(rx, ry) * pixelsPerUnit);
  const outer = (1 + margin) * (1 + margin);
  const inner = margin < 1 ? (1 - margin) * (1 - margin) : -1;
  for (let i = i0; i < i1; i += 1) {
    const u = (paint.u0 + i * paint.ui - cx) * irx;
    const v = (paint.v0 + i * paint.vi - cy) * iry;
    // columns where u² + v² ≤ outer: the roots of a quadratic in j
    const a = uj * uj + vj * vj;
    const b = u * uj + v * vj;
    const discriminant = b * b - a * (u * u + v * v - outer);
    if (discriminant <= 0) continue;
    const root = Math.sqrt(discriminant);
    const from = Math.max(j0, Math.ceil((-b - root) / a));
    const end = Math.min(j1, Math.floor((-b + root) / a) + 1);
    let runStart = end;
    let runEnd = end;
    const innerDiscriminant = b * b - a * (u * u + v * v - inner);
    if (innerDiscriminant > 0) {
      const innerRoot = Math.sqrt(innerDiscriminant);
      runStart = Math.min(end, Math.max(from, Math.ceil((-b - innerRoot) / a)));
      runEnd = Math.min(end, Math.max(runStart, Math.floor((-b + innerRoot) / a) + 1));
    }
    for (let j = from; j < end; j += 1) {
      if (j === runStart && runEnd > runStart) {
        blend(paint, i, runStart, runEnd, 1);
        j = runEnd - 1;
        continue;
      }
      const x = u + j * uj;
      const y = v + j * vj;
      const k = Math.sqrt(x * x + y * y);
      const g = Math.sqrt(x * x * irx * irx + y * y * iry * iry) + 1e-9;
      const coverage = 0.5 - ((k * (k - 1)) / g) * pixelsPerUnit;
      if (coverage > 0) blend(paint, i, j, j + 1, coverage > 1 ? 1 : coverage);
    }
  }
}
