import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { layoutDag, type LayoutNode } from '../../src/report/dag-layout.js';

const BOX = { width: 100, height: 40, gapX: 30, gapY: 10 };

/** DAGs of up to 14 nodes: node i may come after any subset of the nodes before it. */
const dags = fc.array(fc.array(fc.nat({ max: 13 }), { maxLength: 4 }), { minLength: 1, maxLength: 14 }).map((rows): LayoutNode[] =>
  rows.map((after, i) => ({ name: `n${i}`, after: after.filter((j) => j < i).map((j) => `n${j}`) })),
);

describe('the layout of a DAG', () => {
  test('boxes never overlap and lie inside the drawing, and edges run from left to right', () => {
    fc.assert(
      fc.property(dags, (nodes) => {
        const { boxes, edges, width, height } = layoutDag(nodes, BOX);
        boxes.forEach((a, i) => {
          expect(a.x).toBeGreaterThanOrEqual(0);
          expect(a.y).toBeGreaterThanOrEqual(-1e-6);
          expect(a.x + BOX.width).toBeLessThanOrEqual(width + 1e-6);
          expect(a.y + BOX.height).toBeLessThanOrEqual(height + 1e-6);
          for (const b of boxes.slice(i + 1)) expect(Math.abs(a.x - b.x) >= BOX.width || Math.abs(a.y - b.y) >= BOX.height).toBe(true);
        });
        for (const { from, to, points } of edges) {
          expect(boxes[from]?.x).toBeLessThan(boxes[to]?.x as number);
          for (let i = 1; i < points.length; i += 1) expect(points[i]?.x).toBeGreaterThanOrEqual(points[i - 1]?.x as number);
        }
      }),
      { numRuns: 200, seed: 7 },
    );
  });

  test('an edge over a layer passes beside its boxes', () => {
    const { boxes, edges } = layoutDag([{ name: 'a', after: [] }, { name: 'b', after: ['a'] }, { name: 'c', after: ['a', 'b'] }], BOX);
    const long = edges.find(({ from, to }) => from === 0 && to === 2);
    const middle = boxes[1] as { x: number; y: number };
    const beside = long?.points.filter(({ x }) => x >= middle.x && x <= middle.x + BOX.width) ?? [];
    expect(beside).toHaveLength(2);
    for (const { y } of beside) expect(y < middle.y || y > middle.y + BOX.height).toBe(true);
  });

  test('a name that is not there, or comes later, draws no edge', () => {
    expect(layoutDag([{ name: 'a', after: ['b', 'ghost'] }, { name: 'b', after: [] }], BOX).edges).toEqual([]);
  });

  test('2,000 stages in a row get a place each', () => {
    const { boxes } = layoutDag(Array.from({ length: 2000 }, (_, i) => ({ name: `n${i}`, after: i === 0 ? [] : [`n${i - 1}`] })), BOX);
    expect(new Set(boxes.map(({ x, y }) => `${x},${y}`)).size).toBe(2000);
  });
});
