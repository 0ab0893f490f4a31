import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { decodeImage } from '../../../src/formats/image.js';
import { readLabelledImages } from '../../../src/stages/artifacts/labelled-images.js';
import { drawStimulus } from '../../../src/stages/simulate/drawing/stimulus.js';
import stage from '../../../src/stages/stimuli-draw/stage.js';
import { runStage } from './run-stage.js';
import type { StageDefinition } from '../../../src/engine/stage.js';
import type { Services } from '../../../src/core/tensor-service.js';

const folder = mkdtempSync(join(tmpdir(), 'draw-'));
afterAll(() => rmSync(folder, { recursive: true }));
const run = (name: string, given: object): ReturnType<typeof runStage> => runStage(stage as unknown as StageDefinition, given, join(folder, name), join(folder, 'memo'), {} as Services);

it('writes pictures, labels and cells that belong together, and a sheet to look at', async () => {
  const made = await run('a', { count: 30, size: 64 });
  const { images, labels, cells, size, count } = readLabelledImages(made.reader('images'));
  expect([count, size, images.length, cells.length]).toEqual([30, 64, 30 * 64 * 64 * 3, 30 * 64]);
  const fifth = drawStimulus('training picture/0/5', 64);
  expect(Buffer.from(images.subarray(5 * 64 * 64 * 3, 6 * 64 * 64 * 3)).equals(Buffer.from(fifth.rgb))).toBe(true);
  labels.forEach((label, i) => {
    const mine = cells.subarray(i * 64, (i + 1) * 64);
    if (label === 5) expect(new Set(mine)).toEqual(new Set([6]));
    else expect(mine.includes(label) || mine.every((cell) => cell === 5 || cell === 4)).toBe(true);
  });
  const sheet = await decodeImage(made.reader('images').path('contact.png'));
  expect(sheet.width).toBeGreaterThan(8 * 64);
});

it('continues where another range ended: pictures 10 … 19 are the same in both, and another seed gives others', async () => {
  const whole = readLabelledImages((await run('b', { count: 20, size: 32 })).reader('images'));
  const part = readLabelledImages((await run('c', { count: 10, size: 32, first: 10 })).reader('images'));
  const other = readLabelledImages((await run('d', { count: 10, size: 32, first: 10, seed: 1 })).reader('images'));
  expect(Buffer.from(part.images).equals(Buffer.from(whole.images.subarray(10 * 32 * 32 * 3)))).toBe(true);
  expect(Buffer.from(other.images).equals(Buffer.from(part.images))).toBe(false);
});
