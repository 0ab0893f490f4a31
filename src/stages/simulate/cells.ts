/** What stands where in a drawn picture, on a coarse grid: the class of each cell for training a backbone. */
import { CELL_GRID } from '../artifacts/labelled-images.js';
import type { Stimulus } from './drawing/stimulus.js';

const BACKGROUND = 5;
const CLUTTER = 6;
const CLASS_OF_LABEL: Readonly<Record<string, number>> = { face: 0, body: 1, house: 2, scene: 2, word: 3, object: 4 };

/**
 * A cell whose centre lies in an object's box has that object's class, later objects over earlier ones; otherwise background. Every cell of a
 * clutter picture is clutter.
 * @shape writes uint8 [8, 8] at `offset`
 */
export function cellClasses(stimulus: Pick<Stimulus, 'category' | 'boxes'>, into: Uint8Array, offset: number): void {
  const cells = CELL_GRID * CELL_GRID;
  if (stimulus.category === 5) {
    into.fill(CLUTTER, offset, offset + cells);
    return;
  }
  into.fill(BACKGROUND, offset, offset + cells);
  for (const box of stimulus.boxes) {
    const value = CLASS_OF_LABEL[box.label] as number;
    for (let i = 0; i < CELL_GRID; i += 1) {
      const y = (i + 0.5) / CELL_GRID;
      if (y < box.y0 || y > box.y1) continue;
      for (let j = 0; j < CELL_GRID; j += 1) {
        const x = (j + 0.5) / CELL_GRID;
        if (x >= box.x0 && x <= box.x1) into[offset + i * CELL_GRID + j] = value;
      }
    }
  }
}
