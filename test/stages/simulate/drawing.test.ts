import { describe, expect, it } from 'vitest';
import { digestOf } from '../../../src/core/digest.js';
import { Random } from '../../../src/core/random.js';
import { Fft } from '../../../src/math/fft.js';
import { resizeAntialiased } from '../../../src/math/resample.js';
import { cellClasses } from '../../../src/stages/simulate/cells.js';
import { paintBackground } from '../../../src/stages/simulate/drawing/background.js';
import { Canvas } from '../../../src/stages/simulate/drawing/canvas.js';
import { CATEGORIES, drawStimulus } from '../../../src/stages/simulate/drawing/stimulus.js';
import type { Category } from '../../../src/stages/simulate/drawing/stimulus.js';

describe('shapes', () => {
  const blank = (size: number): Canvas => new Canvas(size, new Float32Array(size * size * 3));
  const area = (canvas: Canvas): number => canvas.pixels.reduce((a, b) => a + b, 0) / 3 / canvas.size ** 2;
  const white = [1, 1, 1] as const;

  it('cover the area that geometry says, at any rotation and mirrored: ellipse, capsule, convex and concave polygon', () => {
    for (const rotation of [0, 0.3, 2]) {
      for (const flip of [1, -1] as const) {
        const scale = 0.5;
        const draw = (paint: (canvas: Canvas) => void): number => {
          const canvas = blank(200);
          canvas.place({ x: 0.5, y: 0.5, scale, rotation, flip });
          paint(canvas);
          return area(canvas) / scale ** 2;
        };
        expect(draw((c) => c.ellipse(0.1, -0.05, 0.4, 0.2, white))).toBeCloseTo(Math.PI * 0.4 * 0.2, 2);
        expect(draw((c) => c.capsule(-0.3, 0, 0.3, 0.1, 0.1, white))).toBeCloseTo(Math.PI * 0.01 + 0.2 * Math.hypot(0.6, 0.1), 2);
        expect(draw((c) => c.polygon([[-0.4, -0.3], [0.4, -0.3], [0.4, 0.3], [-0.4, 0.3]], white))).toBeCloseTo(0.48, 2);
        // an L: 0.6 × 0.6 without its upper right quarter
        expect(draw((c) => c.polygon([[-0.3, -0.3], [0, -0.3], [0, 0], [0.3, 0], [0.3, 0.3], [-0.3, 0.3]], white))).toBeCloseTo(0.27, 2);
      }
    }
  });

  it('blend with alpha and are clipped by the frame; an object\'s box is the union of its shapes\' boxes', () => {
    const canvas = blank(64);
    canvas.begin();
    canvas.polygon([[-0.75, -0.25], [0, -0.25], [0, 0.25], [-0.75, 0.25]], white, { alpha: 0.5 });
    canvas.ellipse(0.1, 0.1, 0.2, 0.2, white, { tracked: false });
    canvas.end('thing');
    expect(canvas.boxes).toEqual([{ label: 'thing', x0: 0, y0: 0.25, x1: 0.5, y1: 0.75 }]);
    expect(canvas.pixels[(32 * 64 + 10) * 3]).toBeCloseTo(0.5, 5);
  });
});

describe('backgrounds', () => {
  it('have an amplitude spectrum that falls as 1/f, with an exponent between 1 and 1.4', () => {
    const size = 128;
    const slopes: number[] = [];
    for (let k = 0; k < 24; k += 1) {
      const pixels = new Float32Array(size * size * 3);
      paintBackground(new Random(`slope/${k}`), size, pixels);
      slopes.push(spectralSlope(pixels, size));
    }
    const mean = slopes.reduce((a, b) => a + b, 0) / slopes.length;
    expect(mean).toBeGreaterThan(1.05);
    expect(mean).toBeLessThan(1.35);
  });

  it('are the same texture at every size', () => {
    const paint = (size: number): Float32Array => {
      const pixels = new Float32Array(size * size * 3);
      paintBackground(new Random('sizes'), size, pixels);
      return pixels;
    };
    const small = paint(128);
    for (const size of [256, 384, 425]) {
      const large = Uint8Array.from(paint(size), (value) => Math.round(255 * value));
      const shrunk = resizeAntialiased({ layout: 'pixels', data: large, channels: 3, height: size, width: size }, 128, 128);
      expect(correlation(small, shrunk, 128)).toBeGreaterThan(0.98);
    }
  });

  /** Slope of log amplitude over log frequency along the rows, red channel, 3 … 40 cycles per image. */
  function spectralSlope(pixels: Float32Array, size: number): number {
    const fft = new Fft(size);
    const power = new Float64Array(size);
    const columns = Array.from({ length: size }, () => ({ re: new Float64Array(size), im: new Float64Array(size) }));
    for (let y = 0; y < size; y += 1) {
      const re = Float64Array.from({ length: size }, (_, x) => pixels[(y * size + x) * 3] as number);
      const im = new Float64Array(size);
      fft.forward(re, im);
      columns.forEach((column, x) => {
        column.re[y] = re[x] as number;
        column.im[y] = im[x] as number;
      });
    }
    const counts = new Float64Array(size);
    columns.forEach((column, kx) => {
      fft.forward(column.re, column.im);
      for (let ky = 0; ky < size; ky += 1) {
        const f = Math.round(Math.hypot(Math.min(kx, size - kx), Math.min(ky, size - ky)));
        if (f >= size) continue;
        power[f] = (power[f] as number) + (column.re[ky] as number) ** 2 + (column.im[ky] as number) ** 2;
        counts[f] = (counts[f] as number) + 1;
      }
    });
    const points = Array.from({ length: 38 }, (_, i) => i + 3).map((f) => [Math.log(f), 0.5 * Math.log((power[f] as number) / (counts[f] as number))] as const);
    const mx = points.reduce((a, p) => a + p[0], 0) / points.length;
    const my = points.reduce((a, p) => a + p[1], 0) / points.length;
    return -points.reduce((a, p) => a + (p[0] - mx) * (p[1] - my), 0) / points.reduce((a, p) => a + (p[0] - mx) ** 2, 0);
  }
});

describe('stimuli', () => {
  it('are the same bytes for the same seed, and other pictures for another', () => {
    for (let category = 0; category < 6; category += 1) {
      const draw = (seed: string): string => digestOf(drawStimulus(seed, 96, { category: category as Category }).rgb);
      expect(draw('a')).toBe(draw('a'));
      expect(draw('a')).not.toBe(draw('b'));
    }
  });

  it('show the same picture at every size: category, boxes and, shrunk, the pixels', () => {
    let checked = 0;
    for (let i = 0; i < 24; i += 1) {
      const small = drawStimulus(`size/${i}`, 128);
      const large = drawStimulus(`size/${i}`, 425);
      expect(large.category).toBe(small.category);
      expect(large.boxes).toEqual(small.boxes);
      // tiles are cut at whole pixels, so shuffled tiles move by a pixel between sizes
      if (small.category === 5) continue;
      const shrunk = resizeAntialiased({ layout: 'pixels', data: large.rgb, channels: 3, height: 425, width: 425 }, 128, 128);
      const direct = resizeAntialiased({ layout: 'pixels', data: small.rgb, channels: 3, height: 128, width: 128 }, 128, 128);
      const difference = shrunk.reduce((sum, value, p) => sum + Math.abs(value - (direct[p] as number)), 0) / shrunk.length;
      expect(difference).toBeLessThan(0.02);
      checked += 1;
    }
    expect(checked).toBeGreaterThan(15);
  });

  it('fall into the categories as the recipe says: a sixth is clutter, the rest uniform', () => {
    const counts = new Float64Array(6);
    const n = 1000;
    for (let i = 0; i < n; i += 1) {
      const { category } = drawStimulus(`count/${i}`, 16);
      counts[category] = (counts[category] as number) + 1;
    }
    // three standard errors of a share of n draws
    const margin = (p: number): number => 3 * Math.sqrt((p * (1 - p)) / n);
    expect(Math.abs((counts[5] as number) / n - 0.16)).toBeLessThan(margin(0.16));
    for (let c = 0; c < 5; c += 1) expect(Math.abs((counts[c] as number) / n - 0.168)).toBeLessThan(margin(0.168));
  });

  it('keep every box inside the picture, and label objects by what they are', () => {
    const allowed: Record<string, readonly string[]> = { face: ['face', 'object'], body: ['body', 'object'], place: ['scene', 'house'], word: ['word', 'object'], object: ['object'], clutter: [] };
    for (let i = 0; i < 200; i += 1) {
      const { category, boxes } = drawStimulus(`boxes/${i}`, 32);
      const name = CATEGORIES[category] as string;
      if (category !== 5) expect(boxes.length).toBeGreaterThan(0);
      for (const box of boxes) {
        expect(allowed[name]).toContain(box.label);
        expect(0 <= box.x0 && box.x0 < box.x1 && box.x1 <= 1 && 0 <= box.y0 && box.y0 < box.y1 && box.y1 <= 1).toBe(true);
      }
    }
  });

  it('class the cells by the last box that holds their centre, and clutter as clutter', () => {
    const cells = new Uint8Array(64);
    const boxes = [{ label: 'scene', x0: 0, y0: 0, x1: 1, y1: 0.5 }, { label: 'face', x0: 0.4, y0: 0.2, x1: 0.7, y1: 0.6 }];
    cellClasses({ category: 2, boxes }, cells, 0);
    expect(cells[0]).toBe(2);
    expect(cells[2 * 8 + 4]).toBe(0);
    expect(cells[4 * 8 + 4]).toBe(0);
    expect(cells[7 * 8 + 7]).toBe(5);
    cellClasses({ category: 5, boxes: [] }, cells, 0);
    expect(new Set(cells)).toEqual(new Set([6]));
  });

  it('refuse a size at which nothing can be seen', () => {
    expect(() => drawStimulus('x', 4)).toThrow(expect.objectContaining({ code: 'E_DATA' }) as Error);
  });
});

/** Pearson correlation of interleaved [size, size, 3] with planar [3, size, size]. */
function correlation(interleaved: Float32Array, planar: Float32Array, size: number): number {
  const plane = size * size;
  const pairs = Array.from({ length: 3 * plane }, (_, i) => [interleaved[(i % plane) * 3 + Math.floor(i / plane)] as number, planar[i] as number] as const);
  const ma = pairs.reduce((s, p) => s + p[0], 0) / pairs.length;
  const mb = pairs.reduce((s, p) => s + p[1], 0) / pairs.length;
  let ab = 0;
  let aa = 0;
  let bb = 0;
  for (const [a, b] of pairs) {
    ab += (a - ma) * (b - mb);
    aa += (a - ma) ** 2;
    bb += (b - mb) ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}
