import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { barChart, heatStrip, histogram, lineChart, scatter } from '../../../src/report/figures/index.js';

const TAG = /<\/?[a-z]+(?:\s+[a-zA-Z0-9:-]+="[^"<>]*")*\s*\/?>/g;

/** Every opened element is closed in order, and nothing but text is between the tags. */
function expectWellFormed(svg: string): void {
  const open: string[] = [];
  for (const [tag] of svg.matchAll(TAG)) {
    const name = /[a-z]+/.exec(tag)?.[0] as string;
    if (tag.startsWith('</')) expect(open.pop()).toBe(name);
    else if (!tag.endsWith('/>')) open.push(name);
  }
  expect(open).toEqual([]);
  expect(svg.replace(TAG, '')).not.toMatch(/[<>]|&(?!(?:amp|lt|gt|quot|#39);)/);
  expect(svg).not.toMatch(/NaN|Infinity|undefined/);
}

const titles = (svg: string): string[] => [...svg.matchAll(/<title>([^<]*)<\/title>/g)].map(([, text]) => text as string);

const anyNumber = fc.oneof(fc.double(), fc.double({ min: -5, max: 5 }), fc.constantFrom(NaN, Infinity, -Infinity, 0, -0));
const values = fc.array(fc.oneof(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.constantFrom(NaN, Infinity)), { maxLength: 30 });
const label = fc.string({ unit: 'binary', maxLength: 30 });

describe('all figures', () => {
  test('are well-formed for any labels and values, with whatever is not finite left out', () => {
    fc.assert(
      fc.property(label, label, values, values, (title, name, x, y) => {
        const n = Math.min(x.length, y.length);
        const clean = (text: string): string => text.replace(/NaN|Infinity|undefined/g, '');
        const text = { title: clean(title), xLabel: clean(name), yLabel: 'y' };
        expectWellFormed(barChart({ ...text, groups: x.map((value, i) => ({ label: `${i}`, bars: [{ label: clean(name), value, low: y[i] ?? 0, high: y[i] ?? 0, dots: y }] })) }));
        expectWellFormed(histogram({ ...text, series: [{ label: clean(name), values: x }], marks: [{ value: y[0] ?? 0, label: clean(name) }] }));
        expectWellFormed(scatter({ ...text, unity: true, series: [{ label: clean(name), x: x.slice(0, n), y: y.slice(0, n) }] }));
        expectWellFormed(lineChart({ ...text, series: [{ label: clean(name), x: x.slice(0, n), y: y.slice(0, n), low: y, high: x }] }));
        expectWellFormed(heatStrip({ title: clean(title), valueLabel: 'r', columns: x.map((_, i) => `c${i}`), rows: [{ label: clean(name), values: x }] }));
      }),
      { numRuns: 100, seed: 3 },
    );
  });

  test('name themselves for readers who do not see them', () => {
    const svg = histogram({ title: 'Voxel correlations', description: 'Most voxels lie between 0.4 and 0.7.', xLabel: 'r', series: [{ label: 'all', values: [0.5, 0.6] }] });
    expect(svg).toContain('role="img"');
    expect(titles(svg)[0]).toBe('Voxel correlations');
    expect(svg).toContain('<desc>Most voxels lie between 0.4 and 0.7.</desc>');
  });
});

describe('bar chart', () => {
  const chart = { title: 'r by region', yLabel: 'r', groups: [{ label: 'V1', bars: [{ label: 'r', value: 0.5, low: 0.4, high: 0.6 }] }, { label: 'V2', bars: [{ label: 'r', value: 0.25 }] }, { label: 'V3', bars: [{ label: 'r', value: null }] }] };

  test('heights are proportional to the values, from zero', () => {
    const heights = [...barChart(chart).matchAll(/<rect x="[\d.]+" y="[\d.]+" width="[\d.]+" height="([\d.]+)" fill="#2b6ca3"/g)].map(([, height]) => Number(height));
    expect(heights).toHaveLength(2);
    expect((heights[0] as number) / (heights[1] as number)).toBeCloseTo(2, 3);
  });

  test('a value that is not there is counted under the figure', () => {
    expect(barChart(chart)).toContain('1 value not finite, not drawn');
  });

  test('the same data gives the same bytes', () => {
    expect(barChart(chart)).toBe(barChart(chart));
  });
});

describe('histogram', () => {
  test('the areas of its steps add up to the number of values', () => {
    const svg = histogram({ title: 'h', xLabel: 'x', series: [{ label: 'a', values: Float32Array.from({ length: 1000 }, (_, i) => Math.sin(i)) }], bins: 20 });
    const path = /<path d="M[\d.]+ ([\d.]+)([^"]*)Z" fill/.exec(svg) as RegExpExecArray;
    const base = Number(path[1]);
    const heights = [...(path[2] as string).matchAll(/V([\d.]+)H/g)].map(([, y]) => base - Number(y));
    const ticks = [...svg.matchAll(/y1="([\d.]+)" y2="\1" stroke="#e6e8eb"\/><text [^>]*>([\d,]+)</g)].map(([, y, count]) => ({ y: Number(y), count: Number(count) }));
    const [low, high] = [ticks[0], ticks.at(-1)] as [{ y: number; count: number }, { y: number; count: number }];
    const perPixel = (high.count - low.count) / (low.y - high.y);
    expect(heights.reduce((sum, height) => sum + height * perPixel, 0)).toBeCloseTo(1000, 0);
  });
});

describe('scatter', () => {
  test('points sit where the axes say', () => {
    const svg = scatter({ title: 's', xLabel: 'x', yLabel: 'y', series: [{ label: 'a', x: [0, 1], y: [0, 1] }], xDomain: [0, 1], yDomain: [0, 1] });
    expect([...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [Number(x), Number(y)])).toEqual([[64, 348], [700, 42]]);
  });

  test('20,000 points become a density of less than 500 KB that holds all of them', () => {
    const x = Float32Array.from({ length: 20_000 }, (_, i) => Math.sin(i));
    const y = Float32Array.from({ length: 20_000 }, (_, i) => Math.cos(i * 1.7));
    const svg = scatter({ title: 's', xLabel: 'x', yLabel: 'y', series: [{ label: 'a', x, y }] });
    expect(svg.length).toBeLessThan(500_000);
    expect(titles(svg).slice(1).reduce((sum, count) => sum + Number(count), 0)).toBe(20_000);
  });
});

test('a logarithmic axis leaves out what it cannot show, and says so', () => {
  const svg = lineChart({ title: 'l', xLabel: 'alpha', yLabel: 'r', logX: true, series: [{ label: 'a', x: [0, 1, 10, 100], y: [1, 2, 3, 4] }] });
  expect(svg).toContain('1 point not finite, not drawn');
  expect(svg.match(/<circle/g)).toHaveLength(3);
});

test('a curve of many points is a line without marks', () => {
  const steps = Array.from({ length: 64 }, (_, i) => i + 1);
  expect(lineChart({ title: 'l', xLabel: 'step', yLabel: 'r', series: [{ label: 'a', x: steps, y: steps }] })).not.toContain('<circle');
});

test('any number can be a value of a heat strip', () => {
  fc.assert(fc.property(fc.array(anyNumber, { minLength: 1, maxLength: 5 }), (row) => expectWellFormed(heatStrip({ title: 't', valueLabel: 'v', columns: row.map((_, i) => `${i}`), rows: [{ label: 'a', values: row }] }).replace(/not finite/g, ''))), { numRuns: 100, seed: 5 });
});
