/**
 * Text by strokes on a grid of 4 × 6 units: legible at a dozen pixels, the same on every machine, with no font installed. Lower case is drawn as
 * upper case; characters without strokes are left blank.
 */

/** polylines in units, y downward: "x0,y0 x1,y1 …" joined by "|" */
const GLYPHS: Readonly<Record<string, string>> = {
  A: '0,6 2,0 4,6|1,4 3,4', B: '0,0 0,6 3,6 4,5 4,4 3,3 0,3|0,0 3,0 4,1 4,2 3,3', C: '4,1 3,0 1,0 0,1 0,5 1,6 3,6 4,5', D: '0,0 0,6 2,6 4,4 4,2 2,0 0,0',
  E: '4,0 0,0 0,6 4,6|0,3 3,3', F: '4,0 0,0 0,6|0,3 3,3', G: '4,1 3,0 1,0 0,1 0,5 1,6 3,6 4,5 4,3 2,3', H: '0,0 0,6|4,0 4,6|0,3 4,3', I: '2,0 2,6|1,0 3,0|1,6 3,6',
  J: '4,0 4,5 3,6 1,6 0,5', K: '0,0 0,6|4,0 0,3 4,6', L: '0,0 0,6 4,6', M: '0,6 0,0 2,3 4,0 4,6', N: '0,6 0,0 4,6 4,0', O: '1,0 3,0 4,1 4,5 3,6 1,6 0,5 0,1 1,0',
  P: '0,6 0,0 3,0 4,1 4,2 3,3 0,3', Q: '1,0 3,0 4,1 4,5 3,6 1,6 0,5 0,1 1,0|2,4 4,6', R: '0,6 0,0 3,0 4,1 4,2 3,3 0,3|2,3 4,6', S: '4,1 3,0 1,0 0,1 0,2 1,3 3,3 4,4 4,5 3,6 1,6 0,5',
  T: '0,0 4,0|2,0 2,6', U: '0,0 0,5 1,6 3,6 4,5 4,0', V: '0,0 2,6 4,0', W: '0,0 1,6 2,3 3,6 4,0', X: '0,0 4,6|4,0 0,6', Y: '0,0 2,3 4,0|2,3 2,6', Z: '0,0 4,0 0,6 4,6',
  '0': '1,0 3,0 4,1 4,5 3,6 1,6 0,5 0,1 1,0|3,1 1,5', '1': '1,1 2,0 2,6|1,6 3,6', '2': '0,1 1,0 3,0 4,1 4,2 0,6 4,6', '3': '0,0 4,0 2,2 4,4 4,5 3,6 1,6 0,5', '4': '3,6 3,0 0,4 4,4',
  '5': '4,0 0,0 0,3 3,3 4,4 4,5 3,6 1,6 0,5', '6': '3,0 1,0 0,2 0,5 1,6 3,6 4,5 4,4 3,3 0,3', '7': '0,0 4,0 1,6', '8': '1,3 0,2 0,1 1,0 3,0 4,1 4,2 3,3 1,3 0,4 0,5 1,6 3,6 4,5 4,4 3,3',
  '9': '4,3 1,3 0,2 0,1 1,0 3,0 4,1 4,4 3,6 1,6', '.': '2,6 2,5.6', ',': '2,5 1,6.6', ':': '2,2 2,1.6|2,5 2,4.6', '-': '1,3 3,3', '+': '2,1 2,5|0,3 4,3', '=': '0,2 4,2|0,4 4,4',
  '%': '4,0 0,6|0,0 1,0 1,1 0,1 0,0|3,5 4,5 4,6 3,6 3,5', '/': '4,0 0,6', '<': '4,1 0,3 4,5', '>': '0,1 4,3 0,5', '(': '3,0 2,1 2,5 3,6', ')': '1,0 2,1 2,5 1,6', _: '0,6 4,6', '²': '1,0 3,0 3,1 1,2.5 3,2.5',
};
const UNITS_WIDE = 4;
const UNITS_HIGH = 6;
/** columns from one character to the next, in units */
const ADVANCE = 6;
/** height of a line with its margin, pixels */
export const TEXT_HEIGHT = 14;
const LETTER_HEIGHT = 9;
const STROKE_RADIUS = 0.75;
const INK = 40;

/** Draws on uint8 [height, width, 3], from (left, top), shrunk if it would be wider than `maxWidth`. */
export function drawText(canvas: Uint8Array, width: number, height: number, left: number, top: number, text: string, maxWidth: number): void {
  const characters = [...text.toUpperCase()];
  const scale = Math.min(LETTER_HEIGHT / UNITS_HIGH, maxWidth / Math.max(1, characters.length * ADVANCE - (ADVANCE - UNITS_WIDE)));
  characters.forEach((character, i) => {
    for (const line of (GLYPHS[character] ?? '').split('|')) {
      const points = line.split(' ').filter((pair) => pair !== '').map((pair) => pair.split(',').map(Number) as [number, number]);
      for (let k = 1; k < points.length; k += 1) {
        const [x0, y0] = points[k - 1] as [number, number];
        const [x1, y1] = points[k] as [number, number];
        const shift = i * ADVANCE;
        stroke(canvas, width, height, left + (x0 + shift) * scale, top + 1 + y0 * scale, left + (x1 + shift) * scale, top + 1 + y1 * scale);
      }
    }
  });
}

/** One segment with soft edges: coverage falls from 1 to 0 over one pixel. */
function stroke(canvas: Uint8Array, width: number, height: number, x0: number, y0: number, x1: number, y1: number): void {
  const dx = x1 - x0;
  const dy = y1 - y0;
  const squared = dx * dx + dy * dy;
  for (let y = Math.max(0, Math.floor(Math.min(y0, y1) - 1)); y <= Math.min(height - 1, Math.ceil(Math.max(y0, y1) + 1)); y += 1) {
    for (let x = Math.max(0, Math.floor(Math.min(x0, x1) - 1)); x <= Math.min(width - 1, Math.ceil(Math.max(x0, x1) + 1)); x += 1) {
      const along = squared === 0 ? 0 : Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / squared));
      const distance = Math.hypot(x - x0 - along * dx, y - y0 - along * dy);
      const coverage = Math.min(1, Math.max(0, STROKE_RADIUS + 0.5 - distance));
      if (coverage === 0) continue;
      for (let c = 0; c < 3; c += 1) {
        const at = (y * width + x) * 3 + c;
        canvas[at] = Math.round((canvas[at] as number) * (1 - coverage) + INK * coverage);
      }
    }
  }
}
