/**
 * One compiled model. Compiling plans every node and uploads what is constant; a run computes only the nodes that the wanted outputs need, in
 * the model's order, and frees each value after its last use. Between runs the program holds its constants and nothing else.
 */
import { PipelineError } from '../../core/errors.js';
import type { TensorPort, TensorProgram } from '../../core/tensor-service.js';
import type { DType, Tensor } from '../../core/tensor.js';
import { sizeOf } from '../../core/tensor.js';
import { NodePlan } from './kernel.js';
import type { Compute } from './kernel.js';
import { kernelOf } from './kernels/table.js';
import type { Model, ModelNode } from './model.js';
import { download, HELD_AS, Operand, outOfRange, plainOrder, upload } from './operand.js';
import type { Result } from './operand.js';
import type { T, Tf } from './tf.js';

interface Step {
  readonly node: ModelNode;
  readonly compute: Compute;
  /** constants that the kernel took at compile time */
  readonly taken: ReadonlySet<number>;
}

/** The nodes that some outputs need, and how often each value is read by them. */
interface Schedule {
  readonly steps: readonly Step[];
  readonly uses: ReadonlyMap<string, number>;
}

export class TensorflowProgram implements TensorProgram {
  readonly inputs: readonly TensorPort[];
  readonly outputs: readonly TensorPort[];
  readonly #steps: Step[] = [];
  readonly #held: T[] = [];
  readonly #constants = new Map<string, Operand>();
  readonly #schedules = new Map<string, Schedule>();
  #disposed = false;

  /** Compiles. `ready` makes the backend of this program the current one. */
  constructor(private readonly tf: Tf, private readonly model: Model, private readonly label: string, private readonly ready: () => Promise<void>, private readonly onDispose: () => void) {
    this.inputs = model.inputs.map(({ name, dtype, shape }) => ({ name, dtype, shape }));
    this.outputs = model.outputs.map(({ name, dtype, shape }) => ({ name, dtype, shape }));
    try {
      this.#compile();
    } catch (cause) {
      this.#free();
      throw cause;
    }
  }

  async run(feeds: Readonly<Record<string, Tensor>>, fetch?: readonly string[]): Promise<Record<string, Tensor>> {
    if (this.#disposed) throw new PipelineError('E_RUNTIME', `'${this.label}' was run after it was disposed`);
    const wanted = fetch ?? this.outputs.map((port) => port.name);
    this.#checkNames(feeds, wanted);
    for (const port of this.inputs) this.#checkFeed(port, feeds[port.name]);
    await this.ready();
    const tensors = this.#compute(feeds, wanted);
    try {
      const results: Record<string, Tensor> = {};
      for (const [i, name] of wanted.entries()) {
        const { dtype, shape } = this.outputs.find((port) => port.name === name) as TensorPort;
        results[name] = { dtype, shape: [...shape], data: await download(tensors[i] as T, dtype) };
      }
      return results;
    } finally {
      tensors.forEach((tensor) => tensor.dispose());
    }
  }

  dispose(): Promise<void> {
    this.#free();
    this.onDispose();
    return Promise.resolve();
  }

  #compile(): void {
    for (const node of this.model.nodes) {
      const kernel = kernelOf(node.op);
      if (kernel === undefined) throw new PipelineError('E_OPERATOR', `'${node.name ?? node.outputs[0] ?? ''}' of '${this.label}' is of an operator that the TensorFlow runtime lacks`, { facts: { found: node.op }, hint: 'Run this model on the onnxruntime runtime.' });
      const plan = new NodePlan(this.tf, this.model, node, (tensor) => this.#hold(tensor));
      this.#steps.push({ node, compute: kernel(plan), taken: plan.taken });
      node.inputs.forEach((name, i) => {
        if (!plan.taken.has(i)) this.#uploadConstant(name);
      });
    }
    for (const { name } of this.outputs) this.#uploadConstant(name);
  }

  #hold(tensor: T): T {
    this.#held.push(this.tf.keep(tensor));
    return tensor;
  }

  #uploadConstant(name: string): void {
    const constant = this.model.initializers.get(name);
    if (constant === undefined || this.#constants.has(name)) return;
    this.#constants.set(name, new Operand(this.tf, { tensor: upload(this.tf, this.#inRange(constant, `constant '${name}'`)), last: false }));
  }

  #inRange(tensor: Tensor, what: string): Tensor {
    const wide = outOfRange(tensor);
    if (wide === undefined) return tensor;
    throw new PipelineError('E_RUNTIME', `${what} of '${this.label}' holds an integer that TensorFlow.js cannot hold`, { facts: { expected: '-2147483648 to 2147483647', found: String(wide) }, hint: 'Run this model on the onnxruntime runtime.' });
  }

  /** The wanted outputs in ONNX's order. Everything else is freed, also when a kernel throws. */
  #compute(feeds: Readonly<Record<string, Tensor>>, wanted: readonly string[]): T[] {
    const { tf } = this;
    const { steps, uses } = this.#scheduleFor(wanted);
    const live = new Map<string, Operand>();
    const left = new Map(uses);
    const release = (name: string): void => {
      const rest = (left.get(name) ?? 0) - 1;
      left.set(name, rest);
      if (rest > 0) return;
      live.get(name)?.dispose();
      live.delete(name);
    };
    try {
      for (const { name } of this.inputs) {
        if (uses.has(name)) live.set(name, new Operand(tf, { tensor: upload(tf, this.#inRange(feeds[name] as Tensor, `input '${name}'`)), last: false }));
      }
      for (const step of steps) {
        const inputs = step.node.inputs.map((name, i) => (name === '' || step.taken.has(i) ? undefined : (live.get(name) ?? this.#constants.get(name))));
        this.#perform(step, inputs).forEach((operand, i) => {
          const name = step.node.outputs[i] as string;
          if ((left.get(name) ?? 0) > 0) live.set(name, operand);
          else operand.dispose();
        });
        step.node.inputs.forEach((name, i) => {
          if (name !== '' && !step.taken.has(i)) release(name);
        });
      }
      return wanted.map((name) => tf.clone((live.get(name) ?? (this.#constants.get(name) as Operand)).plain()));
    } finally {
      for (const operand of live.values()) operand.dispose();
    }
  }

  #perform({ node, compute }: Step, inputs: readonly (Operand | undefined)[]): Operand[] {
    const { tf } = this;
    const results: Result[] = [];
    try {
      tf.tidy(() => {
        for (const { tensor, last } of compute(inputs)) {
          // a value of its own: what a kernel hands through is still another value's tensor
          const own = inputs.some((input) => input?.holds(tensor) === true) ? tf.clone(tensor) : tensor;
          results.push({ tensor: own, last });
        }
        return results.map(({ tensor }) => tensor);
      });
    } catch (cause) {
      if (cause instanceof PipelineError) throw cause;
      throw this.#failure(node, cause);
    }
    return results.map((result, i) => {
      this.#checkResult(node, i, result);
      return new Operand(tf, result);
    });
  }

  /** What a kernel computed must be what the model declares; anything else is an error of the kernel, found where it was made. */
  #checkResult(node: ModelNode, i: number, { tensor, last }: Result): void {
    const declared = this.model.values.get(node.outputs[i] as string);
    if (declared === undefined) return;
    const shape = last ? plainOrder(tensor.shape.length).map((axis) => tensor.shape[axis] as number) : tensor.shape;
    const held = HELD_AS[declared.dtype as Exclude<DType, 'float64'>];
    if (tensor.dtype === held && shape.join() === declared.shape.join()) return;
    throw new PipelineError('E_RUNTIME', `'${node.name ?? node.outputs[0] ?? ''}' (${node.op}) of '${this.label}' gave another tensor than the model declares`, { facts: { expected: `${held}[${declared.shape.join(', ')}]`, found: `${tensor.dtype}[${shape.join(', ')}]` }, hint: 'Report this model: the kernel is wrong.' });
  }

  #scheduleFor(wanted: readonly string[]): Schedule {
    const key = wanted.join('\n');
    const known = this.#schedules.get(key);
    if (known !== undefined) return known;
    const needed = new Set(wanted);
    const steps: Step[] = [];
    const uses = new Map<string, number>();
    const count = (name: string): void => void uses.set(name, (uses.get(name) ?? 0) + 1);
    wanted.forEach(count);
    for (const step of [...this.#steps].reverse()) {
      if (!step.node.outputs.some((name) => needed.has(name))) continue;
      steps.push(step);
      step.node.inputs.forEach((name, i) => {
        if (name === '' || step.taken.has(i)) return;
        needed.add(name);
        count(name);
      });
    }
    const schedule = { steps: steps.reverse(), uses };
    this.#schedules.set(key, schedule);
    return schedule;
  }

  #checkNames(feeds: Readonly<Record<string, Tensor>>, wanted: readonly string[]): void {
    for (const [what, names, ports] of [['input', Object.keys(feeds), this.inputs], ['output', wanted, this.outputs]] as const) {
      for (const name of names) {
        if (!ports.some((port) => port.name === name)) throw this.#mismatch(`'${name}' is not an ${what} of '${this.label}'`, ports.map((port) => port.name).join(', '), name);
      }
    }
  }

  #checkFeed(port: TensorPort, given: Tensor | undefined): void {
    const expected = `${port.dtype}[${port.shape.join(', ')}]`;
    if (given === undefined) throw this.#mismatch(`input '${port.name}' of '${this.label}' is not fed`, expected, 'nothing');
    if (given.dtype === port.dtype && given.shape.join() === port.shape.join() && given.data.length === sizeOf(given.shape)) return;
    throw this.#mismatch(`input '${port.name}' of '${this.label}' is fed a tensor that does not fit`, expected, `${given.dtype}[${given.shape.join(', ')}] with ${given.data.length} elements`);
  }

  #mismatch(message: string, expected: string, found: string): PipelineError {
    return new PipelineError('E_RUNTIME', message, { facts: { expected, found }, hint: 'Feed every input with exactly its dtype and shape.' });
  }

  #failure(node: ModelNode, cause: unknown): PipelineError {
    const words = cause instanceof Error ? cause.message : String(cause);
    return new PipelineError('E_RUNTIME', `'${node.name ?? node.outputs[0] ?? ''}' (${node.op}) of '${this.label}' failed while it ran`, { facts: { found: words }, hint: 'Check the model and the shapes; the line above is what TensorFlow.js said.', cause });
  }

  #free(): void {
    this.#disposed = true;
    for (const operand of this.#constants.values()) operand.dispose();
    this.#constants.clear();
    this.#held.splice(0).forEach((tensor) => tensor.dispose());
  }
}
