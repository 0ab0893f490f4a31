/**
 * Templates of the category areas, made from the mean maps of the exemplars: what is left of a kind's mean map when the mean maps of the kinds
 * of other categories are projected out. Plain numbers in, plain numbers out; no graph.
 */
import { CHANNELS } from './channel-maps.js';
import { EXEMPLAR_KINDS } from './exemplars.js';
import type { ExemplarKind } from './exemplars.js';

/** Rows and columns of a template, in cells of 4 pixels. */
export const WINDOW = 12;
const CELLS = WINDOW * WINDOW;
/** ridge term of the projection, in units of the mean diagonal */
const PROJECTION_RIDGE = 0.05;

export const AREAS = ['face', 'body', 'place', 'word'] as const;
export type CategoryArea = (typeof AREAS)[number];

interface TemplateSpec {
  readonly name: string;
  readonly area: CategoryArea;
  readonly kind: ExemplarKind;
  /** rows it looks at, end excluded */
  readonly rows: readonly [number, number];
}

export const TEMPLATES: readonly TemplateSpec[] = [
  { name: 'face', area: 'face', kind: 'face', rows: [0, 12] },
  { name: 'face, upper', area: 'face', kind: 'face', rows: [0, 7] },
  { name: 'face, lower', area: 'face', kind: 'face', rows: [5, 12] },
  { name: 'body', area: 'body', kind: 'body', rows: [0, 12] },
  { name: 'body, upper', area: 'body', kind: 'body', rows: [0, 7] },
  { name: 'body, lower', area: 'body', kind: 'body', rows: [5, 12] },
  { name: 'house', area: 'place', kind: 'house', rows: [0, 12] },
  { name: 'landscape', area: 'place', kind: 'landscape', rows: [0, 12] },
  { name: 'room', area: 'place', kind: 'room', rows: [0, 12] },
  { name: 'word of 3', area: 'word', kind: 'word3', rows: [0, 12] },
  { name: 'word of 5', area: 'word', kind: 'word5', rows: [0, 12] },
];
const AREA_OF_KIND: Readonly<Partial<Record<ExemplarKind, CategoryArea>>> = {
  face: 'face', body: 'body', house: 'place', landscape: 'place', room: 'place', word3: 'word', word5: 'word',
};

export interface TemplateSet {
  /** float32 [channel] of all exemplars' maps */
  readonly mean: Float32Array;
  readonly sd: Float32Array;
  /** float32 [template, channel, 12, 12], unit norm, zero outside the template's rows */
  readonly templates: Float32Array;
}

/**
 * T_k = m_k − Qᵀ (Q Qᵀ + 0.05·mean diag(Q Qᵀ)·I)⁻¹ Q m_k, masked to its rows, unit norm; m_k the mean standardised map of kind k, Q the mean
 * maps of the kinds of other categories (objects and background included).
 * @shape maps: per kind float32 [exemplar, channel, 12, 12]
 */
export function makeTemplates(maps: ReadonlyMap<ExemplarKind, Float32Array>): TemplateSet {
  const size = CHANNELS * CELLS;
  const { mean, sd } = channelMoments([...maps.values()]);
  const means = new Map<ExemplarKind, Float64Array>();
  for (const kind of EXEMPLAR_KINDS) {
    const data = maps.get(kind) as Float32Array;
    const count = data.length / size;
    const sum = new Float64Array(size);
    for (let i = 0; i < data.length; i += 1) sum[i % size] = (sum[i % size] as number) + (data[i] as number);
    means.set(kind, sum.map((value, i) => (value / count - (mean[Math.floor(i / CELLS)] as number)) / (sd[Math.floor(i / CELLS)] as number)));
  }
  const templates = new Float32Array(TEMPLATES.length * size);
  TEMPLATES.forEach((spec, t) => {
    const others = EXEMPLAR_KINDS.filter((kind) => AREA_OF_KIND[kind] !== spec.area).map((kind) => means.get(kind) as Float64Array);
    const template = residual(means.get(spec.kind) as Float64Array, others);
    let squares = 0;
    for (let i = 0; i < size; i += 1) {
      const row = Math.floor((i % CELLS) / WINDOW);
      if (row < spec.rows[0] || row >= spec.rows[1]) template[i] = 0;
      squares += (template[i] as number) ** 2;
    }
    const norm = Math.sqrt(squares);
    templates.set(template.map((value) => value / norm), t * size);
  });
  return { mean: Float32Array.from(mean), sd: Float32Array.from(sd), templates };
}

function channelMoments(all: readonly Float32Array[]): { mean: Float64Array; sd: Float64Array } {
  const sum = new Float64Array(CHANNELS);
  const squares = new Float64Array(CHANNELS);
  let count = 0;
  for (const data of all) {
    for (let i = 0; i < data.length; i += 1) {
      const c = Math.floor(i / CELLS) % CHANNELS;
      const value = data[i] as number;
      sum[c] = (sum[c] as number) + value;
      squares[c] = (squares[c] as number) + value * value;
    }
    count += data.length / CHANNELS;
  }
  const mean = sum.map((value) => value / count);
  const sd = squares.map((value, c) => Math.sqrt((value - count * (mean[c] as number) ** 2) / (count - 1)));
  return { mean, sd };
}

/** y minus its ridge projection on the rows of Q. */
function residual(y: Float64Array, rows: readonly Float64Array[]): Float64Array {
  const n = rows.length;
  const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);
  const system = rows.map((a) => rows.map((b) => dot(a, b)));
  const ridge = (PROJECTION_RIDGE * system.reduce((sum, row, i) => sum + (row[i] as number), 0)) / n;
  system.forEach((row, i) => { row[i] = (row[i] as number) + ridge; });
  const weights = solve(system, rows.map((a) => dot(a, y)));
  return y.map((value, i) => weights.reduce((rest, w, k) => rest - w * ((rows[k] as Float64Array)[i] as number), value));
}

/** Gaussian elimination of a small positive definite system (at most 9 unknowns): no pivoting is needed. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const n = right.length;
  const a = matrix.map((row, i) => [...row, right[i] as number]);
  for (let k = 0; k < n; k += 1) {
    const pivot = a[k] as number[];
    for (let i = 0; i < n; i += 1) {
      if (i === k) continue;
      const row = a[i] as number[];
      const factor = (row[k] as number) / (pivot[k] as number);
      for (let j = k; j <= n; j += 1) row[j] = (row[j] as number) - factor * (pivot[j] as number);
    }
  }
  return a.map((row, i) => (row[n] as number) / (row[i] as number));
}
