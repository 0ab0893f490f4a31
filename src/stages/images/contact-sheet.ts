/** Pictures side by side with a line of text under each: what a person looks at first. */
import { encodePng } from '../../formats/image.js';
import { drawText, TEXT_HEIGHT } from './stroke-text.js';

const GAP = 8;
const BACKGROUND = 255;

/** @returns an RGB PNG; text is drawn by strokes of our own, so that it needs no font and is the same everywhere */
export async function contactSheet(items: readonly { readonly pixels: Uint8Array; readonly caption: string }[], size: number, columns: number): Promise<Uint8Array> {
  const rows = Math.ceil(items.length / columns);
  const cellHeight = size + TEXT_HEIGHT + GAP;
  const width = columns * (size + GAP) + GAP;
  const height = rows * (cellHeight + GAP) + GAP;
  const canvas = new Uint8Array(width * height * 3).fill(BACKGROUND);
  items.forEach((item, i) => {
    const left = GAP + (i % columns) * (size + GAP);
    const top = GAP + Math.floor(i / columns) * (cellHeight + GAP);
    for (let y = 0; y < size; y += 1) canvas.set(item.pixels.subarray(y * size * 3, (y + 1) * size * 3), ((top + y) * width + left) * 3);
    drawText(canvas, width, height, left, top + size + GAP / 2, item.caption, size);
  });
  return encodePng(canvas, width, height, 3);
}
