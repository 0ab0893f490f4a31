/**
 * Runs the node tests of the `onnx` package (a folder per test: model.onnx and test_data_set_0/{input,output}_<i>.pb) through our import,
 * our encoder and a runtime. The runtime is pluggable: a TensorService, or the reference evaluator.
 *
 * In these files what we need as constants (axes, shapes) are inputs. A test is tried with every input fed; if that is refused, with all but the
 * first as constants; then with all as constants, which tests the folding. Tolerances are those of the package: 1e-3 relative, 1e-7 absolute;
 * the outcome is passed, refused (typed, with our reason; or the runtime has no kernel for the element type) or failed.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PipelineError } from '../../src/core/errors.js';
import type { TensorService } from '../../src/core/tensor-service.js';
import type { Tensor } from '../../src/core/tensor.js';
import { decodeModel } from '../../src/graph/decode.js';
import { encodeModel } from '../../src/graph/encode.js';
import type { Graph } from '../../src/graph/ir.js';
import { readModel } from '../../src/graph/onnx/read-model.js';
import { GRAPH, MODEL, OPSET, TENSOR } from '../../src/graph/onnx/schema.js';
import { WireWriter, wireFields } from '../../src/graph/onnx/wire.js';
import { evaluate, plain } from './reference-evaluator.js';

/** Something that computes the outputs of a graph, by name. */
export interface NodeRuntime {
  readonly name: string;
  run(graph: Graph, feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, { readonly shape: readonly number[]; readonly data: ArrayLike<number | bigint> }>>;
}
export interface Outcome {
  readonly test: string;
  readonly status: 'passed' | 'refused' | 'failed';
  /** why it was refused or how it failed */
  readonly reason: string;
}

const RELATIVE = 1e-3;
/** Outputs that the file holds in half precision are rounded there and float32 here: TensorProto.DataType to relative tolerance. */
const HALF: ReadonlyMap<number, number> = new Map([[10, 4e-3], [16, 1.6e-2]]);
const ABSOLUTE = 1e-7;

/** Where we follow PyTorch and ONNX Runtime, which agree with each other, and not the specification. */
const DEVIATIONS: readonly (readonly [RegExp, string])[] = [
  [/^test_resize_downsample_scales_(cubic|linear)_align_corners$/, 'align_corners with scales: corners of the whole output pixels, as in PyTorch, not of the fractional extent'],
];

export const referenceRuntime: NodeRuntime = {
  name: 'reference evaluator',
  run: async (graph, feeds) => {
    const values = evaluate(graph, Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, plain(t.shape, t.data)])));
    return Promise.resolve(Object.fromEntries(graph.outputs.map(({ name }) => [name, values.get(name) as { shape: readonly number[]; data: Float64Array }])));
  },
};

export function serviceRuntime(name: string, service: TensorService): NodeRuntime {
  return {
    name,
    run: async (graph, feeds) => {
      const program = await service.compile(encodeModel(graph));
      try {
        return await program.run(Object.fromEntries(graph.inputs.map((input) => [input.name, feeds[input.name] as Tensor])));
      } finally {
        await program.dispose();
      }
    },
  };
}

export function nodeTests(folder: string): string[] {
  return readdirSync(folder).filter((name) => existsSync(join(folder, name, 'model.onnx'))).sort();
}

export async function runTest(folder: string, test: string, runtime: NodeRuntime): Promise<Outcome> {
  const of = (status: Outcome['status'], reason: string): Outcome => ({ test, status, reason });
  const model = new Uint8Array(readFileSync(join(folder, test, 'model.onnx')));
  let given: Tensor[];
  let expected: Tensor[];
  let graph: Graph | undefined;
  let feeds: Record<string, Tensor> = {};
  try {
    [given, expected] = [tensorsOf(folder, test, 'input'), tensorsOf(folder, test, 'output')];
    const { inputs } = readModel(model);
    let refusal: unknown;
    for (const fed of [inputs.length, 1, 0]) {
      try {
        graph = decodeModel(withConstants(model, inputs.slice(fed).map(({ name }) => [name, rawTensor(folder, test, inputs.findIndex((input) => input.name === name))])), { label: test, bind: bindings(inputs, given) });
        feeds = Object.fromEntries(graph.inputs.map((input) => [input.name, given[inputs.findIndex(({ name }) => name === input.name)] as Tensor]));
        break;
      } catch (error) {
        refusal ??= error;
        graph = undefined;
      }
    }
    if (graph === undefined) throw refusal;
  } catch (error) {
    if (error instanceof PipelineError) return of('refused', `${error.code} ${reasonOf(error)}`);
    return of('failed', `import: ${String(error)}`);
  }
  try {
    const results = await runtime.run(graph, feeds);
    const different = graph.outputs.flatMap((output, i) => differences(output.dtype, results[output.name], expected[i], toleranceOf(folder, test, i)));
    if (different.length === 0) return of('passed', '');
    const deviation = DEVIATIONS.find(([name]) => name.test(test));
    return deviation === undefined ? of('failed', different.join('; ')) : of('refused', deviation[1]);
  } catch (error) {
    const words = error instanceof PipelineError ? String(error.facts?.['found'] ?? error.message) : String(error);
    // a runtime that says before it runs what it does not compute
    if (error instanceof PipelineError && error.code === 'E_OPERATOR') return of('refused', `${runtime.name} ${reasonOf(error)}`);
    return of(/NOT_IMPLEMENTED|Could not find an implementation|is not supported/.test(words) ? 'refused' : 'failed', `${runtime.name}: ${words.slice(0, 300)}`);
  }
}

/** The reason without the names of a single test. */
function reasonOf(error: PipelineError): string {
  return `${error.message.replaceAll(/'[^']*'/g, "'…'")} (${String(error.facts?.['found'] ?? '')})`;
}

function bindings(inputs: readonly { readonly name: string; readonly dims: readonly (number | string)[] }[], given: readonly Tensor[]): Record<string, number> {
  return Object.fromEntries(inputs.flatMap(({ name, dims }, i) => dims.map((_, axis) => [`${name}:${axis}`, given[i]?.shape[axis] ?? 1])));
}

function rawTensor(folder: string, test: string, index: number): Uint8Array {
  return new Uint8Array(readFileSync(join(folder, test, 'test_data_set_0', `input_${index}.pb`)));
}

/** Our own reader reads the tensors: as initializers of a model without nodes. */
function tensorsOf(folder: string, test: string, kind: 'input' | 'output'): Tensor[] {
  const files = readdirSync(join(folder, test, 'test_data_set_0')).filter((name) => name.startsWith(kind));
  return files.map((_, i) => {
    const bytes = new Uint8Array(readFileSync(join(folder, test, 'test_data_set_0', `${kind}_${i}.pb`)));
    const graph = new WireWriter().bytes(GRAPH.initializer, named(bytes, 'tensor'));
    const model = new WireWriter().message(MODEL.graph, graph).message(MODEL.opsetImport, new WireWriter().string(OPSET.domain, '').integer(OPSET.version, 18)).finish();
    return readModel(model).initializers.get('tensor')?.read() as Tensor;
  });
}

/** A TensorProto with another name: of a field that occurs twice, the last counts. */
function named(bytes: Uint8Array, name: string): Uint8Array {
  return Buffer.concat([bytes, new WireWriter().string(TENSOR.name, name).finish()]);
}

/** The model with some of its inputs as constants. */
function withConstants(model: Uint8Array, constants: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  if (constants.length === 0) return model;
  const writer = new WireWriter();
  for (const field of wireFields(model)) {
    if (field.number === MODEL.graph) {
      const added = constants.map(([name, bytes]) => new WireWriter().bytes(GRAPH.initializer, named(bytes, name)).finish());
      writer.bytes(MODEL.graph, Buffer.concat([field.bytes, ...added]));
    } else if (field.number === MODEL.opsetImport) writer.bytes(MODEL.opsetImport, field.bytes);
    else if (field.number === MODEL.functions) writer.bytes(MODEL.functions, field.bytes);
  }
  return writer.finish();
}

function toleranceOf(folder: string, test: string, index: number): number {
  const bytes = new Uint8Array(readFileSync(join(folder, test, 'test_data_set_0', `output_${index}.pb`)));
  const type = [...wireFields(bytes)].find((field) => field.number === TENSOR.dataType);
  return HALF.get(Number(type?.bits ?? 0n)) ?? RELATIVE;
}

function differences(dtype: string, found: { readonly shape: readonly number[]; readonly data: ArrayLike<number | bigint> } | undefined, expected: Tensor | undefined, relative: number): string[] {
  if (found === undefined || expected === undefined) return ['an output is missing'];
  if (dtype !== expected.dtype || found.shape.join() !== expected.shape.join()) return [`expected ${expected.dtype}[${expected.shape.join()}], found ${dtype}[${found.shape.join()}]`];
  for (let i = 0; i < expected.data.length; i += 1) {
    const [a, b] = [Number(found.data[i]), Number(expected.data[i])];
    if (Object.is(a, b) || a === b || Math.abs(a - b) <= ABSOLUTE + relative * Math.abs(b)) continue;
    return [`element ${i}: expected ${b}, found ${a}`];
  }
  return [];
}
