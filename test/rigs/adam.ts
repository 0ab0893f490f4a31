/** The reference of tests for Adam: in place on a flat float64 vector. @source Kingma & Ba 2015, algorithm 1 */
export interface AdamOptions {
  readonly learningRate: number;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
}

/**
 * m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²; θ ← θ − η·(m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + ε), as torch.optim.Adam without weight decay.
 * A coordinate whose gradient is always 0 never moves.
 */
export class Adam {
  readonly #m: Float64Array;
  readonly #v: Float64Array;
  readonly #options: Required<AdamOptions>;
  #step = 0;

  constructor(length: number, options: AdamOptions) {
    this.#m = new Float64Array(length);
    this.#v = new Float64Array(length);
    this.#options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, ...options };
  }

  /** Minimises: moves `parameters` against `gradient`. */
  update(parameters: Float64Array, gradient: Float64Array): void {
    const { learningRate, beta1, beta2, epsilon } = this.#options;
    this.#step += 1;
    const correction1 = 1 - beta1 ** this.#step;
    const correction2 = Math.sqrt(1 - beta2 ** this.#step);
    const m = this.#m;
    const v = this.#v;
    const rate = learningRate / correction1;
    for (let i = 0; i < parameters.length; i += 1) {
      const g = gradient[i] as number;
      const first = beta1 * (m[i] as number) + (1 - beta1) * g;
      const second = beta2 * (v[i] as number) + (1 - beta2) * g * g;
      m[i] = first;
      v[i] = second;
      parameters[i] = (parameters[i] as number) - (rate * first) / (Math.sqrt(second) / correction2 + epsilon);
    }
  }
}
