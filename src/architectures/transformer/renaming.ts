/**
 * Dialects as lists of rules: how the original's name of a parameter becomes the name(s) under which another library stores it. Several names mean
 * that the parts are joined along axis 0 (queries, keys, values). The first rule that matches is taken; a name without a rule stays as it is.
 */
import type { Shape, Tensor } from '../../core/tensor.js';
import { tensor } from '../../core/tensor.js';
import type { Weights } from '../architecture.js';

export interface RenamingRule {
  /** matched against the original's name */
  readonly from: RegExp;
  /** replacements for `from`, as String.replace takes them */
  readonly to: readonly string[];
  /** stored as the transposed matrix */
  readonly transposed?: boolean;
  /** stored without the first row of axis 1, which is zero */
  readonly withoutFirst?: boolean;
}

export type Translation = (stored: Weights) => Weights;

export function renaming(rules: readonly RenamingRule[]): Translation {
  const ruleOf = (name: string): RenamingRule | undefined => rules.find((candidate) => candidate.from.test(name));
  const storedNames = (name: string, rule: RenamingRule | undefined): readonly string[] => (rule === undefined ? [name] : rule.to.map((to) => name.replace(rule.from, to)));
  return (stored) => ({
    take(name, shape) {
      const rule = ruleOf(name);
      const names = storedNames(name, rule);
      if (rule?.transposed === true) return transposed(stored, names[0] as string, shape);
      if (rule?.withoutFirst === true) return afterZeros(stored, names[0] as string, shape);
      return joined(stored, names, shape);
    },
    ...(stored.shapeOf === undefined ? {} : {
      shapeOf: (name: string) => {
        const rule = ruleOf(name);
        const names = storedNames(name, rule);
        const shape = stored.shapeOf?.(names[0] as string);
        if (shape === undefined) return undefined;
        if (rule?.transposed === true) return [...shape].reverse();
        if (rule?.withoutFirst === true) return shape.map((extent, axis) => (axis === 1 ? extent + 1 : extent));
        return shape.map((extent, axis) => (axis === 0 ? extent * names.length : extent));
      },
    }),
  });
}

/** The original's names become the second library's by `outer`, those the third's by `inner`. */
export const chained = (outer: Translation, inner: Translation): Translation => (stored) => outer(inner(stored));

function joined(stored: Weights, names: readonly string[], shape: Shape): Tensor<'float32'> {
  const part = [(shape[0] as number) / names.length, ...shape.slice(1)];
  if (names.length === 1) return stored.take(names[0] as string, shape);
  const whole = tensor('float32', shape);
  names.forEach((name, i) => whole.data.set(stored.take(name, part).data, (i * whole.data.length) / names.length));
  return whole;
}

function transposed(stored: Weights, name: string, shape: Shape): Tensor<'float32'> {
  const [rows, columns] = shape as readonly [number, number];
  const { data } = stored.take(name, [columns, rows]);
  const whole = tensor('float32', shape);
  for (let r = 0; r < rows; r += 1) for (let c = 0; c < columns; c += 1) whole.data[r * columns + c] = data[c * rows + r] as number;
  return whole;
}

/** @shape [1, rows, channel] from [1, rows − 1, channel] */
function afterZeros(stored: Weights, name: string, shape: Shape): Tensor<'float32'> {
  const [, rows, channels] = shape as readonly [number, number, number];
  const whole = tensor('float32', shape);
  whole.data.set(stored.take(name, [1, rows - 1, channels]).data, channels);
  return whole;
}
