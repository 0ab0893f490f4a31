/** No name of a stage, a coordinate, a type or a pipeline can end a label or become markup, in any of the formats. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dotText } from '../../../src/report/outline/dot.js';
import { mermaidText } from '../../../src/report/outline/mermaid.js';
import type { Outline } from '../../../src/report/outline/model.js';
import { place } from '../../../src/report/outline/placement.js';
import { svgPicture } from '../../../src/report/outline/svg.js';

const HOSTILE = ['"]; click n0 "javascript:alert(1)"', '<script>alert(1)</script>', '"onmouseover="alert(1)', 'a\\', '\\"', '&quot;', '#quot;', '%%{init: {}}%%', 'end', '|"x"|', '\u0000\u001b[31m', '\u202egnp.exe', '\ud800', 'é😀漢', 'a\nb', ']]>', '--> n1'];

function outline(name: string, type: string, artifact: string): Outline {
  return {
    pipeline: name,
    nodes: [{ name, type, answers: { hit: 1 } }, { name: `${name}2`, type, instances: 3, answers: { run: 1, maybe: 2 } }],
    edges: [{ from: name, output: type, to: `${name}2`, input: type, artifact, count: 3 }],
  };
}

const PLAIN = outline('plain', 'a.type', 'Thing');
/** Every label emptied: what is left is the structure. */
const skeleton = {
  mermaid: (text: string) => text.replace(/"[^"\n]*"/g, '""'),
  dot: (text: string) => text.replace(/"(?:[^"\\\n]|\\.)*"/g, '""'),
  // tags with their attributes' names; of text and values nothing
  svg: (text: string) => [...text.matchAll(/<[^>"]*(?:"[^"]*"[^>"]*)*>/g)].map(([tag]) => tag.replace(/"[^"]*"/g, '""')).join('\n'),
};

describe('hostile names', () => {
  const text = fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }), fc.string({ unit: fc.constantFrom(...'"\\<>&|[]{};#%`\n-'), minLength: 1, maxLength: 20 }));

  test('leave the structure of all three formats as it is with plain ones', () => {
    fc.assert(
      fc.property(text, text, text, (name, type, artifact) => {
        const one = outline(name, type, artifact);
        expect(skeleton.mermaid(mermaidText(one))).toBe(skeleton.mermaid(mermaidText(PLAIN)));
        expect(skeleton.dot(dotText(one))).toBe(skeleton.dot(dotText(PLAIN)));
        const svg = svgPicture(one);
        expect(skeleton.svg(svg)).toBe(skeleton.svg(svgPicture(PLAIN)));
        // nothing that a reader cannot see
        for (const written of [mermaidText(one), dotText(one), svg]) expect(written).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]|[\ud800-\udbff](?![\udc00-\udfff])/);
      }),
      { seed: 20261123, numRuns: 300 },
    );
  });
});

describe('the layout', () => {
  test('a row of as many boxes as are allowed does not overflow the stack', () => {
    const size = { width: 100, height: 40 };
    const { boxes, lines } = place(Array.from({ length: 1000 }, () => size), Array.from({ length: 999 }, (_, i) => ({ from: i, to: i + 1, label: size })));
    expect(boxes.every(({ x }, i) => i === 0 || x > (boxes[i - 1]?.x ?? 0))).toBe(true);
    expect(lines.every(({ points }) => points.length >= 2)).toBe(true);
  });

  test('no two boxes overlap', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ width: fc.integer({ min: 20, max: 200 }), height: fc.integer({ min: 20, max: 80 }) }), { minLength: 1, maxLength: 25 }), fc.array(fc.tuple(fc.nat(24), fc.nat(24)), { maxLength: 50 }), (sizes, pairs) => {
        const edges = pairs.filter(([from, to]) => from < to && to < sizes.length).map(([from, to]) => ({ from, to, label: { width: 30, height: 12 } }));
        const { boxes } = place(sizes, edges);
        boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b, k) => {
          const [sa, sb] = [sizes[i], sizes[i + 1 + k]] as [{ width: number; height: number }, { width: number; height: number }];
          expect(Math.abs(a.x - b.x) >= (sa.width + sb.width) / 2 - 0.01 || Math.abs(a.y - b.y) >= (sa.height + sb.height) / 2 - 0.01).toBe(true);
        }));
      }),
      { seed: 7, numRuns: 60 },
    );
  });
});
