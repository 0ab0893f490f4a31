import { expect, it } from 'vitest';
import { drawText, TEXT_HEIGHT } from '../../../src/stages/images/stroke-text.js';
import { planesToPixels } from '../../../src/stages/images/pixels.js';

it('text stays inside its width, leaves marks, and differs between different words', () => {
  const width = 100;
  const draw = (text: string): Uint8Array => {
    const canvas = new Uint8Array(width * TEXT_HEIGHT * 3).fill(255);
    drawText(canvas, width, TEXT_HEIGHT, 10, 0, text, 60);
    return canvas;
  };
  const inked = (canvas: Uint8Array): number[] => [...new Set(Array.from(canvas.keys()).filter((i) => canvas[i] !== 255).map((i) => Math.floor(i / 3) % width))];
  const columns = inked(draw('FACES 3.21 P99.9'));
  expect(columns.length).toBeGreaterThan(30);
  expect(Math.min(...columns)).toBeGreaterThanOrEqual(8);
  expect(Math.max(...columns)).toBeLessThanOrEqual(72);
  expect(draw('FACES')).not.toEqual(draw('WORDS'));
  expect(inked(draw(''))).toEqual([]);
});

it('pixels are rounded to nearest and clipped', () => {
  expect(Array.from(planesToPixels(Float32Array.from([-1, 0.5, 2]), 1, 1))).toEqual([0, 128, 255]);
});
