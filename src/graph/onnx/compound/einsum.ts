/**
 * Einsum as transpositions, reshapes and matrix products, two operands at a time. Labels are letters; an ellipsis stands for the leading axes
 * that broadcast. A label twice in one operand (a diagonal) is refused.
 *
 * Two operands: labels that only one of them has and that nothing later needs are summed first. The rest are batch labels (in both and still
 * needed), inner labels (in both, summed) and free labels (in one); [batch, freeX, inner] by [batch, inner, freeY] is one MatMul.
 */
import type { Value } from '../../ir.js';
import { matMul, reduceSum, reshape, transpose } from '../../layers.js';
import type { CompoundCall } from './call.js';

interface Labelled {
  readonly labels: readonly string[];
  readonly value: Value;
}

export function einsum(c: CompoundCall): Value[] {
  const equation = c.text('equation', '').replaceAll(' ', '');
  const [left = '', right] = equation.split('->');
  const terms = left.split(',');
  if (terms.length !== c.inputs.length) c.refuse('the equation does not fit the inputs', `${c.inputs.length} terms`, equation);
  const operands = terms.map((term, i) => labelled(c, term, c.input(i)));
  const extents = new Map<string, number>();
  for (const { labels, value } of operands) {
    labels.forEach((label, axis) => {
      const known = extents.get(label) ?? 1;
      const extent = value.shape[axis] as number;
      if (known !== 1 && extent !== 1 && known !== extent) c.refuse(`the extents of '${label}' differ`, String(known), String(extent));
      extents.set(label, Math.max(known, extent));
    });
  }
  const ellipsis = [...extents.keys()].filter((label) => label.startsWith('.')).sort((a, b) => Number(b.slice(1)) - Number(a.slice(1)));
  // without an arrow: the ellipsis, then the labels that occur once, in alphabetical order
  const once = [...extents.keys()].filter((label) => !label.startsWith('.') && terms.join('').split(label).length === 2).sort();
  const output = right === undefined ? [...ellipsis, ...once] : lettersOf(right, ellipsis);
  if (output.some((label) => !extents.has(label)) || new Set(output).size !== output.length) c.refuse('the output of the equation is not valid', 'labels of the inputs, each once', equation);

  let result = operands[0] as Labelled;
  operands.slice(1).forEach((operand, i) => {
    const needed = new Set([...output, ...operands.slice(i + 2).flatMap(({ labels }) => labels)]);
    result = product(c, result, operand, needed);
  });
  const summed = summedTo(c, result, new Set(output));
  const order = output.map((label) => summed.labels.indexOf(label));
  return c.end('Transpose', [summed.value], { perm: order });
}

/** The ellipsis of a term becomes the labels .2, .1, .0, counted from its last axis, so that operands of several ranks line up. */
function labelled(c: CompoundCall, term: string, value: Value): Labelled {
  const letters = term.replace('...', '').length;
  const dots = Array.from({ length: value.shape.length - letters }, (_, i, all = value.shape.length - letters) => `.${all - 1 - i}`);
  const labels = lettersOf(term, dots);
  if (labels.length !== value.shape.length) c.refuse('a term does not fit its input', `${value.shape.length} axes`, term);
  if (new Set(labels).size !== labels.length) c.refuse('a label occurs twice in a term', 'distinct labels', term);
  return { labels, value };
}

function lettersOf(term: string, dots: readonly string[]): string[] {
  const at = term.indexOf('...');
  return at < 0 ? [...term] : [...term.slice(0, at), ...dots, ...term.slice(at + 3)];
}

function summedTo(c: CompoundCall, x: Labelled, kept: ReadonlySet<string>): Labelled {
  const axes = x.labels.flatMap((label, axis) => (kept.has(label) ? [] : [axis]));
  return axes.length === 0 ? x : { labels: x.labels.filter((label) => kept.has(label)), value: reduceSum(c.b, x.value, axes) };
}

function product(c: CompoundCall, first: Labelled, second: Labelled, needed: ReadonlySet<string>): Labelled {
  const x = summedTo(c, first, new Set([...needed, ...second.labels]));
  const y = summedTo(c, second, new Set([...needed, ...first.labels]));
  const extent = (of: Labelled, label: string): number => of.value.shape[of.labels.indexOf(label)] as number;
  const shared = x.labels.filter((label) => y.labels.includes(label));
  const batch = shared.filter((label) => needed.has(label));
  const inner = shared.filter((label) => !needed.has(label));
  const freeX = x.labels.filter((label) => !shared.includes(label));
  const freeY = y.labels.filter((label) => !shared.includes(label));
  const size = (of: Labelled, labels: readonly string[]): number => labels.reduce((total, label) => total * extent(of, label), 1);
  const matrix = (of: Labelled, rows: readonly string[], columns: readonly string[]): Value => {
    const order = [...batch, ...rows, ...columns].map((label) => of.labels.indexOf(label));
    return reshape(c.b, transpose(c.b, of.value, order), [...batch.map((label) => extent(of, label)), size(of, rows), size(of, columns)]);
  };
  // an inner label of extent 1 on one side only broadcasts: it is summed on the other
  const lone = inner.filter((label) => extent(x, label) !== extent(y, label));
  if (lone.length > 0) {
    const narrow = (of: Labelled): Labelled => {
      const axes = lone.filter((label) => extent(of, label) !== 1).map((label) => of.labels.indexOf(label));
      return axes.length === 0 ? of : { labels: of.labels, value: reduceSum(c.b, of.value, axes, true) };
    };
    return product(c, narrow(x), narrow(y), needed);
  }
  const joined = matMul(c.b, matrix(x, freeX, inner), matrix(y, inner, freeY));
  const labels = [...batch, ...freeX, ...freeY];
  const shape = labels.map((label) => (x.labels.includes(label) ? Math.max(extent(x, label), y.labels.includes(label) ? extent(y, label) : 1) : extent(y, label)));
  return { labels, value: reshape(c.b, joined, shape) };
}
