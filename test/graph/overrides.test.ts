/** Rules in place of gradients, against what their sources' code does, written out by hand. */
import { describe, expect, it } from 'vitest';
import type { PipelineError } from '../../src/core/errors.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { differentiate, gradientName } from '../../src/graph/gradient.js';
import * as L from '../../src/graph/layers.js';
import type { OpType } from '../../src/graph/ops/op-types.js';
import type { GradientOverride } from '../../src/graph/overrides.js';
import { evaluate, plain } from '../rigs/reference-evaluator.js';

const X = [-2, -1, 0.5, 3, -1, -2, -3, -4];
const DY = [1, -1, -2, 4, 1, -1, 2, -3];

/** dx of one operator on two images of four units. */
function gradient(operator: OpType, override: Omit<GradientOverride, 'operator'> | undefined, x = X, dy = DY): number[] {
  const b = new GraphBuilder();
  const input = b.input('x', 'float32', [2, 4]);
  b.output('y', b.op(operator, operator === 'Clip' ? [input, b.scalar(0), b.scalar(2)] : [input], {}, 'layer'));
  const graph = differentiate(b.build(), { of: 'y', wrt: ['x'], seed: 'dy', ...(override === undefined ? {} : { overrides: [{ operator, ...override }] }) });
  const result = evaluate(graph, { x: plain([2, 4], x), dy: plain([2, 4], dy) });
  return Array.from(result.get(gradientName('x'))?.data ?? [], (value) => (value === 0 ? 0 : value));
}

function error(run: () => unknown): PipelineError {
  try {
    run();
  } catch (caught) {
    return caught as PipelineError;
  }
  throw new Error('nothing was thrown');
}

describe('a redirected ReLU', () => {
  it('of a Clip without bounds is exact', () => {
    const b = new GraphBuilder();
    b.output('y', b.op('Clip', [b.input('x', 'float32', [2, 2])], {}, 'layer'));
    const graph = differentiate(b.build(), { of: 'y', wrt: ['x'], seed: 'dy', overrides: [{ operator: 'Clip', rule: 'redirected' }] });
    expect([...(evaluate(graph, { x: plain([2, 2], [1, -2, 3, 4]), dy: plain([2, 2], [1, -2, 0, 3]) }).get(gradientName('x'))?.data ?? [])]).toEqual([1, -2, 0, 3]);
  });
  it('is exact for an image through which something passes, and lets pass what does not push a blocked unit down for one through which nothing does', () => {
    expect(gradient('Relu', undefined)).toEqual([0, 0, -2, 4, 0, 0, 0, 0]);
    expect(gradient('Relu', { rule: 'redirected' })).toEqual([0, 0, -2, 4, 1, 0, 2, 0]);
  });
  it('turns its filter around for an objective that is to fall', () => {
    expect(gradient('Relu', { rule: 'redirected', direction: 'descend' })).toEqual([0, 0, -2, 4, 0, -1, 0, -3]);
  });
  it('looks at both bounds of a clipped one', () => {
    const beyond = [-2, -1, 0.5, 3, -1, -2, 3, 4];
    expect(gradient('Clip', { rule: 'redirected' }, beyond)).toEqual([0, 0, -2, 0, 1, 0, 0, -3]);
    expect(gradient('Clip', { rule: 'redirected', direction: 'descend' }, beyond)).toEqual([0, 0, -2, 0, 0, -1, 2, 0]);
  });
});

describe('the other rules', () => {
  it('pass a share of the gradient (leaky), a smooth share (smooth), its positive part where the unit is on (guided) or everywhere (deconvnet), or all of it (straight-through)', () => {
    expect(gradient('Relu', { rule: 'leaky' })).toEqual([0.1, -0.1, -2, 4, 0.1, -0.1, 0.2, -0.3].map((dx): unknown => expect.closeTo(dx, 7)));
    expect(gradient('Relu', { rule: 'leaky', parameter: 0.5 })[0]).toBe(0.5);
    expect(gradient('Relu', { rule: 'smooth', parameter: 2 })).toEqual(DY.map((dy, i): unknown => expect.closeTo(dy / (1 + Math.exp(-2 * (X[i] as number))), 6)));
    expect(gradient('Relu', { rule: 'guided' })).toEqual([0, 0, 0, 4, 0, 0, 0, 0]);
    expect(gradient('Relu', { rule: 'deconvnet' })).toEqual(DY.map((dy) => Math.max(dy, 0)));
    for (const operator of ['Round', 'Floor', 'Ceil', 'Sign', 'Clip', 'Relu', 'HardSigmoid'] as const) expect(gradient(operator, { rule: 'straight-through' })).toEqual(DY);
  });

  it('hold for the layers that are named, and reach a ReLU that a max pool would otherwise mask for it', () => {
    const b = new GraphBuilder();
    const image = b.input('x', 'float32', [1, 1, 2, 2]);
    const first = L.relu(b, image, 'first');
    const second = L.relu(b, L.mul(b, first, -1), 'second');
    b.output('y', L.maxPool2d(b, second, { kernel: 2 }));
    const run = (layers: readonly string[]): number[] => {
      const graph = differentiate(b.build(), { of: 'y', wrt: ['x'], seed: 'dy', overrides: [{ operator: 'Relu', rule: 'straight-through', layers }] });
      return Array.from(evaluate(graph, { x: plain([1, 1, 2, 2], [4, 1, 2, 3]), dy: plain([1, 1, 1, 1], [5]) }).get(gradientName('x'))?.data ?? [], (value) => (value === 0 ? 0 : value));
    };
    expect(run(['first'])).toEqual([0, 0, 0, 0]);
    expect(run(['first', 'second'])).toEqual([-5, 0, 0, 0]);
  });

  it('that are not known, do not fit the operator, name another layer or apply to nothing are refused by name', () => {
    const unknown = error(() => gradient('Relu', { rule: 'giuded' as 'guided' }));
    expect(unknown.code).toBe('E_GRAPH');
    expect(String(unknown.facts?.['expected'])).toContain("nearest 'guided'");
    expect(error(() => gradient('Sign', { rule: 'guided' })).message).toContain("the gradient of 'Sign' has no rule 'guided'");
    expect(error(() => gradient('Relu', { rule: 'guided', layers: ['leyer'] })).message).toContain("'leyer' is not a layer");
    const b = new GraphBuilder();
    b.output('y', L.tanh(b, b.input('x', 'float32', [1]), 'layer'));
    const graph = b.build();
    expect(error(() => differentiate(graph, { of: 'y', wrt: ['x'], overrides: [{ operator: 'Relu', rule: 'guided', layers: ['layer'] }] })).message).toContain("layer 'layer' is not computed by 'Relu'");
    expect(error(() => differentiate(graph, { of: 'y', wrt: ['x'], overrides: [{ operator: 'Relu', rule: 'guided' }] })).message).toContain("the rule 'guided' applies to nothing");
  });
});
