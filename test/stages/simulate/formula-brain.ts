/** The inputs and templates of tools/oracles/true_brain.py, by the same formulas. */
import { BRAIN_SIZE } from '../../../src/stages/simulate/brain/brain-graph.js';
import { TEMPLATES } from '../../../src/stages/simulate/brain/templates.js';

const COUNT = TEMPLATES.length;
export const IMAGES = 4;
export function formulaImages(): Float32Array {
  return Float32Array.from({ length: IMAGES * 3 * BRAIN_SIZE * BRAIN_SIZE }, (_, i) => {
    const k = Math.floor(i / (3 * BRAIN_SIZE ** 2));
    const c = Math.floor(i / BRAIN_SIZE ** 2) % 3;
    const y = Math.floor(i / BRAIN_SIZE) % BRAIN_SIZE;
    const x = i % BRAIN_SIZE;
    return 0.5 + 0.25 * Math.sin((x * (0.11 + 0.05 * c) + y * 0.07) * (1 + 0.8 * k)) + 0.2 * Math.cos(x * y * 0.003 * (c + 1 + k));
  });
}

export function formulaTemplates(): Float32Array {
  const size = 15 * 144;
  const raw = Float64Array.from({ length: COUNT * size }, (_, i) => {
    const row = Math.floor((i % 144) / 12);
    const { rows } = TEMPLATES[Math.floor(i / size)] as { rows: readonly [number, number] };
    return row >= rows[0] && row < rows[1] ? Math.sin(1.3 * i + 0.001 * i * i) : 0;
  });
  const norms = Array.from({ length: COUNT }, (_, t) => Math.sqrt(raw.subarray(t * size, (t + 1) * size).reduce((a, b) => a + b * b, 0)));
  return Float32Array.from(raw, (value, i) => value / (norms[Math.floor(i / size)] as number));
}
