/**
 * Named rules that take the place of an operator's gradient: an option of the differentiation, never an edit of the model. What comes back is
 * then no derivative of the objective; each rule says what it is instead. x is the input, y the output, dy the gradient by y.
 * An override applies to every node of its operator, or to the layers that it names. It knows no stage.
 */
import { PipelineError } from '../core/errors.js';
import type { Emitter } from './emitter.js';
import type { Graph, Node, Value } from './ir.js';
import { abs, cast, mul, reduceSum, relu, sigmoid } from './layers.js';
import { nearest, resolveLayer } from './names.js';
import { stepMask } from './ops/masks.js';
import type { OpType } from './ops/op-types.js';

export interface GradientOverride {
  readonly operator: OpType;
  readonly rule: OverrideName;
  /** layers as users name them; absent: every node of the operator */
  readonly layers?: readonly string[];
  /** `redirected`: whether the objective is to grow (default) or to fall */
  readonly direction?: 'ascend' | 'descend';
  /** `leaky`: share of dy that passes where x is negative (default 0.1); `smooth`: sharpness of the softplus (default 1) */
  readonly parameter?: number;
}

interface Site {
  readonly b: Emitter;
  readonly inputs: readonly (Value | undefined)[];
  readonly x: Value;
  readonly y: Value;
  readonly dy: Value;
  readonly override: GradientOverride;
  readonly node: Node;
}

interface OverrideRule {
  readonly operators: readonly OpType[];
  gradient(site: Site): Value;
}

const zero = ({ b, x }: Site): Value => b.scalar(0, x.dtype);
const truth = (b: Emitter, op: OpType, x: Value, y: Value): Value => b.op(op, [x, y]);

/** The exact gradient of Relu, or of a Clip between its bounds. */
function exact(site: Site): Value {
  const { b, x, y, dy, inputs, node } = site;
  if (node.op === 'Relu') return mul(b, dy, stepMask(b, y));
  let gradient = dy;
  if (inputs[1] !== undefined) gradient = mul(b, gradient, cast(b, truth(b, 'GreaterOrEqual', x, inputs[1]), x.dtype));
  if (inputs[2] !== undefined) gradient = mul(b, gradient, cast(b, truth(b, 'LessOrEqual', x, inputs[2]), x.dtype));
  return gradient;
}

/** A Clip may have no bound at all. */
const answersWithinBounds = ({ node, inputs }: Site): boolean => node.op === 'Relu' || inputs[1] !== undefined || inputs[2] !== undefined;

/** Where dy would push x further out of the range in which the operator answers. */
function pushesOut(site: Site): Value {
  const { b, x, dy, inputs, node, override } = site;
  const [down, up]: OpType[] = override.direction === 'descend' ? ['Greater', 'Less'] : ['Less', 'Greater'];
  const low = node.op === 'Relu' ? zero(site) : inputs[1];
  const high = node.op === 'Relu' ? undefined : inputs[2];
  const sides = [
    ...(low === undefined ? [] : [b.op('And', [truth(b, 'Less', x, low), truth(b, down as OpType, dy, zero(site))])]),
    ...(high === undefined ? [] : [b.op('And', [truth(b, 'Greater', x, high), truth(b, up as OpType, dy, zero(site))])]),
  ];
  const [first, second] = sides as [Value, Value | undefined];
  return second === undefined ? first : b.op('Or', [first, second]);
}

const RULES = {
  /**
   * Redirected ReLU. An image of the batch (axis 0) for which no gradient at all passes the layer gets dy everywhere except where it would push a
   * blocked unit further down (a clipped one further out); every other image gets the exact gradient. lucid does so during the first 16
   * steps only, which is left to the caller. Its loss falls where our objective grows: `direction`.
   * @source tensorflow/lucid misc/redirected_relu_grad.py (redirected_relu_grad, redirected_relu6_grad)
   */
  redirected: {
    operators: ['Relu', 'Clip'],
    gradient: (site) => {
      const { b, x, dy } = site;
      const passing = exact(site);
      if (x.shape.length < 2 || !answersWithinBounds(site)) return passing;
      const total = reduceSum(b, abs(b, passing), x.shape.map((_, axis) => axis).slice(1), true);
      const redirected = b.op('Where', [pushesOut(site), zero(site), dy]);
      return b.op('Where', [truth(b, 'Equal', total, zero(site)), redirected, passing]);
    },
  },
  /** dy where x > 0, `parameter`·dy elsewhere. @source greentfrapp/lucent modelzoo RedirectedReLU, which has 0.1 */
  leaky: {
    operators: ['Relu'],
    gradient: ({ b, x, dy, override }) => b.op('Where', [truth(b, 'Greater', x, b.scalar(0, x.dtype)), dy, mul(b, dy, override.parameter ?? 0.1)]),
  },
  /** dy·σ(βx): the slope of softplus(βx)/β, β = `parameter`. @source Dombrowski et al. 2019, Explanations can be manipulated, section 4 */
  smooth: {
    operators: ['Relu'],
    gradient: ({ b, x, dy, override }) => mul(b, dy, sigmoid(b, mul(b, x, override.parameter ?? 1))),
  },
  /** Guided backpropagation: the positive part of dy where the operator passes. @source Springenberg et al. 2015, section 3.4 */
  guided: { operators: ['Relu', 'Clip'], gradient: (site) => relu(site.b, exact(site)) },
  /** The positive part of dy, wherever x lies. @source Zeiler & Fergus 2014, section 2.1 */
  deconvnet: { operators: ['Relu', 'Clip'], gradient: ({ b, dy }) => relu(b, dy) },
  /** dx = dy, as if y = x. @source Bengio, Léonard & Courville 2013, section 4 (for thresholds) */
  'straight-through': { operators: ['Round', 'Floor', 'Ceil', 'Sign', 'Clip', 'Relu', 'HardSigmoid'], gradient: ({ dy }) => dy },
} as const satisfies Readonly<Record<string, OverrideRule>>;

export type OverrideName = keyof typeof RULES;
export const OVERRIDE_NAMES = Object.keys(RULES) as OverrideName[];

/** Which node has which override. */
export type Overridden = ReadonlyMap<Node, GradientOverride>;

/** Errors: E_GRAPH for a rule that is not known, does not fit the operator, names a layer of another operator, or applies to nothing. */
export function resolveOverrides(graph: Graph, overrides: readonly GradientOverride[]): Overridden {
  const resolved = new Map<Node, GradientOverride>();
  for (const override of overrides) {
    const rule: OverrideRule | undefined = Object.hasOwn(RULES, override.rule) ? RULES[override.rule] : undefined;
    if (rule === undefined) {
      throw new PipelineError('E_GRAPH', `'${override.rule}' is not a rule for gradients`, { facts: { expected: `one of ${OVERRIDE_NAMES.join(', ')}; nearest ${nearest(override.rule, OVERRIDE_NAMES)}`, found: override.rule }, hint: 'Use one of these rules.' });
    }
    if (!rule.operators.includes(override.operator)) {
      throw new PipelineError('E_GRAPH', `the gradient of '${override.operator}' has no rule '${override.rule}'`, { facts: { expected: rule.operators.join(', '), found: override.operator }, hint: 'Use the rule on one of these operators.' });
    }
    const nodes = nodesOf(graph, override);
    if (nodes.length === 0) {
      throw new PipelineError('E_GRAPH', `the rule '${override.rule}' applies to nothing`, { facts: { expected: `a node ${override.operator}`, found: 'none in the graph' }, hint: 'Leave the rule out, or use it on an operator that the model has.' });
    }
    for (const node of nodes) resolved.set(node, override);
  }
  return resolved;
}

function nodesOf(graph: Graph, { operator, layers }: GradientOverride): Node[] {
  if (layers === undefined) return graph.nodes.filter((node) => node.op === operator);
  return layers.map((layer) => {
    const { name } = resolveLayer(graph, layer);
    const node = graph.nodes.find(({ outputs }) => outputs.includes(name)) as Node;
    if (node.op !== operator) {
      throw new PipelineError('E_GRAPH', `layer '${layer}' is not computed by '${operator}'`, { facts: { expected: operator, found: node.op }, hint: 'Name a layer of that operator.' });
    }
    return node;
  });
}

/** dx of the first input under the override. */
export function overriddenGradient(override: GradientOverride, site: Omit<Site, 'override'>): Value {
  const rule: OverrideRule = RULES[override.rule];
  return rule.gradient({ ...site, override });
}
