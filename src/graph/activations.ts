/**
 * Smooth activations that exporters spell out as products, with the shorter gradients of the functions they are. Elementwise passes over memory are what an
 * activation costs; taken node by node the gradient needs up to twice as many.
 *
 *   SiLU, QuickGELU   y = x σ(c x)                          y' = σ + c y (1 - σ)
 *   GELU              y = x g / 2, g = 1 + erf(x / √2)      y' = g / 2 + x e^(-x²/2) / √(2π)
 *   GELU, tanh        y = x g / 2, g = 1 + tanh(u)          y' = g / 2 (1 + (2 - g) x u'),  u = √(2/π) (x + 0.044715 x³)
 *
 * Source: Hendrycks and Gimpel, Gaussian error linear units, 2016.
 */
import type { Tensor } from '../core/tensor.js';
import type { Emitter } from './emitter.js';
import type { Graph, Node, Value } from './ir.js';
import { add, exp, mul, sub } from './layers.js';
import { sameShape } from './ops/broadcast.js';

export interface Activation {
  /** name of the argument */
  readonly x: string;
  /** gradient by the argument from that by the result */
  gradient(b: Emitter, dy: Value): Value;
}

/** A product as its constant and its other factors. */
interface Product {
  readonly constant: number;
  readonly factors: readonly string[];
  readonly inner: readonly string[];
}

const CUBIC = 0.044715;
/** float32 constants of exporters differ in their last digits, and those written by hand after six */
const CLOSE = 1e-5;
/** a chain of squares would double with every step */
const DEEPEST = 4;
const near = (x: number, y: number): boolean => Math.abs(x - y) <= CLOSE * Math.abs(y);

/** The last node of every activation found → what it is. An activation with an inner value in `kept`, or with a factor in it (a slope that is trained), is left to the rules of its nodes. */
export function matchActivations(graph: Graph, kept: ReadonlySet<string>): Map<Node, Activation> {
  const found = new Map<Node, Activation>();
  const view = new View(graph, kept);
  for (const node of graph.nodes) {
    const [name] = node.outputs;
    if (node.op !== 'Mul' && node.op !== 'Div') continue;
    if (name === undefined || graph.values.get(name)?.dtype !== 'float32') continue;
    const activation = activationAt(view, name);
    if (activation === undefined || activation.inner.some((inner) => inner !== name && kept.has(inner))) continue;
    // a number written with more axes than x has would give its gradient as many
    if (!sameShape(view.value(name).shape, view.value(activation.x).shape)) continue;
    found.set(node, activation);
  }
  return found;
}

interface Found extends Activation {
  readonly inner: readonly string[];
}

/** The gate among the factors of y tells what x is; then y must be x times that gate and a number. */
function activationAt(view: View, y: string): Found | undefined {
  for (const gate of view.product(y).factors) {
    for (const x of view.arguments(gate)) {
      const product = view.product(y, x);
      const rest = [...product.factors];
      if (rest.length !== 2 || !rest.includes(x) || !rest.includes(gate)) continue;
      const activation = gated(view, y, product, x, gate);
      if (activation !== undefined) return activation;
    }
  }
  return undefined;
}

function gated(view: View, y: string, { constant, inner: outer }: Product, x: string, gate: string): Found | undefined {
  const made = view.node(gate);
  if (made?.op === 'Sigmoid' && constant === 1) {
    const argument = view.product(made.inputs[0] as string, x);
    if (argument.factors.join() !== x) return undefined;
    const slope = argument.constant;
    return {
      x,
      inner: [...outer, gate, ...argument.inner],
      gradient: (b, dy) => {
        const [s, result] = [view.value(gate), view.value(y)];
        const rest = mul(b, result, sub(b, 1, s));
        return mul(b, dy, add(b, s, slope === 1 ? rest : mul(b, rest, slope)));
      },
    };
  }
  const curve = near(constant, 0.5) && made?.op === 'Add' ? view.onePlus(made) : undefined;
  const bend = view.node(curve ?? '');
  if (curve === undefined || bend === undefined) return undefined;
  const inner = [...outer, gate, curve];
  const argument = view.product(bend.inputs[0] as string, x);
  if (bend.op === 'Erf' && argument.factors.join() === x && near(argument.constant, Math.SQRT1_2)) {
    return {
      x,
      inner: [...inner, ...argument.inner],
      gradient: (b, dy) => {
        const input = view.value(x);
        const bell = exp(b, mul(b, mul(b, input, input), -0.5));
        const twice = add(b, view.value(gate), mul(b, mul(b, input, bell), Math.sqrt(2 / Math.PI)));
        return mul(b, dy, mul(b, twice, 0.5));
      },
    };
  }
  if (bend.op === 'Tanh' && near(argument.constant, Math.sqrt(2 / Math.PI)) && argument.factors.length === 1 && view.isCubic(argument.factors[0] as string, x)) {
    return {
      x,
      inner: [...inner, ...argument.inner, argument.factors[0] as string],
      gradient: (b, dy) => {
        const [input, g] = [view.value(x), view.value(gate)];
        const scale = Math.sqrt(2 / Math.PI);
        const slope = mul(b, input, add(b, mul(b, mul(b, input, input), 3 * CUBIC * scale), scale));
        return mul(b, dy, mul(b, mul(b, g, 0.5), add(b, mul(b, slope, sub(b, 2, g)), 1)));
      },
    };
  }
  return undefined;
}

/** Reads a graph backwards. */
class View {
  readonly #makers = new Map<string, Node>();
  constructor(private readonly graph: Graph, private readonly kept: ReadonlySet<string>) {
    for (const node of graph.nodes) for (const name of node.outputs) this.#makers.set(name, node);
  }

  node(name: string): Node | undefined {
    return this.#makers.get(name);
  }
  value(name: string): Value {
    return this.graph.values.get(name) as Value;
  }

  /** What the function inside a gate may be a function of: its argument, and that without constant factors. */
  arguments(gate: string): string[] {
    const made = this.#makers.get(gate);
    const curve = made?.op === 'Sigmoid' ? made : made?.op === 'Add' ? this.#makers.get(this.onePlus(made) ?? '') : undefined;
    const found: string[] = [];
    for (let name: string | undefined = curve?.inputs[0]; name !== undefined && found.length < DEEPEST; ) {
      found.push(name);
      const maker: Node | undefined = this.#makers.get(name);
      const [left, right] = maker?.inputs ?? [];
      // the argument of tanh is a sum that x is a part of
      if (maker?.op === 'Add') found.push(...maker.inputs);
      if (maker?.op !== 'Mul' && maker?.op !== 'Div') break;
      name = this.#number(right ?? '') !== undefined ? left : maker.op === 'Mul' && this.#number(left ?? '') !== undefined ? right : undefined;
    }
    return found;
  }

  /** Multiplies out products and quotients by one number, down to `stop`. */
  product(name: string, stop?: string, depth = 0): Product {
    if (name === stop) return { constant: 1, factors: [name], inner: [] };
    const constant = this.#number(name);
    if (constant !== undefined) return { constant, factors: [], inner: [] };
    const made = depth < DEEPEST ? this.#makers.get(name) : undefined;
    const [left, right] = made?.inputs ?? [];
    if (left !== undefined && right !== undefined && made?.op === 'Mul') {
      const [a, b] = [this.product(left, stop, depth + 1), this.product(right, stop, depth + 1)];
      return { constant: a.constant * b.constant, factors: [...a.factors, ...b.factors], inner: [name, ...a.inner, ...b.inner] };
    }
    const divisor = made?.op === 'Div' ? this.#number(right ?? '') : undefined;
    if (left !== undefined && divisor !== undefined) {
      const a = this.product(left, stop, depth + 1);
      return { constant: a.constant / divisor, factors: a.factors, inner: [name, ...a.inner] };
    }
    return { constant: 1, factors: [name], inner: [] };
  }

  /** v of 1 + v. */
  onePlus({ inputs }: Node): string | undefined {
    const [left, right] = inputs as [string, string];
    return this.#number(left) === 1 ? right : this.#number(right) === 1 ? left : undefined;
  }

  /** x + 0.044715 x³ */
  isCubic(sum: string, x: string): boolean {
    const made = this.#makers.get(sum);
    if (made?.op !== 'Add' || !made.inputs.includes(x)) return false;
    const { constant, factors } = this.product(made.inputs[made.inputs[0] === x ? 1 : 0] as string, x);
    const powers = factors.map((factor) => {
      const power = this.#makers.get(factor);
      if (factor === x) return 1;
      return power?.op === 'Pow' && power.inputs[0] === x ? (this.#number(power.inputs[1] as string) ?? NaN) : NaN;
    });
    return near(constant, CUBIC) && powers.reduce((total, power) => total + power, 0) === 3;
  }

  #number(name: string): number | undefined {
    const constant: Tensor | undefined = this.kept.has(name) ? undefined : this.graph.initializers.get(name);
    return constant?.data.length === 1 ? Number(constant.data[0]) : undefined;
  }
}
