/** Weights beside the model: read by ranges, embedded, listed for the key; and files that lead elsewhere, nest, recurse or explode are refused (fault F47). */
import { closeSync, linkSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PipelineError } from '../../src/core/errors.js';
import { decodeModel } from '../../src/graph/decode.js';
import { inspectModel } from '../../src/graph/inspect.js';
import { embedExternalData } from '../../src/graph/onnx/embed.js';
import { openModelFile } from '../../src/graph/onnx/model-file.js';
import { ATTRIBUTE, ENTRY, FUNCTION, GRAPH, MODEL, NODE, OPSET, SHAPE, TENSOR, TENSOR_TYPE, TYPE, VALUE_INFO, DIMENSION } from '../../src/graph/onnx/schema.js';
import { WireWriter } from '../../src/graph/onnx/wire.js';
import { onnxExternals } from '../../src/stages/backbone-onnx/externals.js';
import { evaluate, plain } from '../rigs/reference-evaluator.js';

const message = (): WireWriter => new WireWriter();
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'external-'));
  mkdirSync(join(folder, 'model', 'deep'), { recursive: true });
  writeFileSync(join(folder, 'model', 'w.bin'), Buffer.from(Float32Array.of(0, 0, 1, 2).buffer));
  writeFileSync(join(folder, 'model', 'deep', 'w.bin'), Buffer.from(Float32Array.of(3, 4).buffer));
  writeFileSync(join(folder, 'secret.bin'), Buffer.from(Float32Array.of(5, 6).buffer));
  symlinkSync(join(folder, 'secret.bin'), join(folder, 'model', 'soft.bin'));
  linkSync(join(folder, 'secret.bin'), join(folder, 'model', 'hard.bin'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function port(name: string): WireWriter {
  const shape = message().message(SHAPE.dim, message().integer(DIMENSION.value, 1)).message(SHAPE.dim, message().integer(DIMENSION.value, 2));
  return message().string(VALUE_INFO.name, name).message(VALUE_INFO.type, message().message(TYPE.tensorType, message().integer(TENSOR_TYPE.elemType, 1).message(TENSOR_TYPE.shape, shape)));
}
function node(op: string, inputs: readonly string[], output: string, domain = '', attributes: readonly WireWriter[] = []): WireWriter {
  const writer = message();
  for (const input of inputs) writer.string(NODE.input, input);
  writer.string(NODE.output, output).string(NODE.name, `the ${op} of ${output}`).string(NODE.opType, op);
  for (const attribute of attributes) writer.message(NODE.attribute, attribute);
  return domain === '' ? writer : writer.string(NODE.domain, domain);
}
function model(nodes: readonly WireWriter[], initializers: readonly WireWriter[] = [], functions: readonly WireWriter[] = []): Uint8Array {
  const graph = message();
  for (const each of nodes) graph.message(GRAPH.node, each);
  for (const each of initializers) graph.message(GRAPH.initializer, each);
  graph.message(GRAPH.input, port('x')).message(GRAPH.output, port('y'));
  const whole = message().integer(MODEL.irVersion, 8).message(MODEL.graph, graph).message(MODEL.opsetImport, message().integer(OPSET.version, 17));
  for (const each of functions) whole.message(MODEL.functions, each);
  return whole.finish();
}
function external(entries: Readonly<Record<string, string>>, dims: readonly number[] = [2]): WireWriter {
  const writer = message().packedIntegers(TENSOR.dims, dims).integer(TENSOR.dataType, 1).string(TENSOR.name, 'w');
  for (const [key, value] of Object.entries(entries)) writer.message(TENSOR.externalData, message().string(ENTRY.key, key).string(ENTRY.value, value));
  return writer.integer(TENSOR.dataLocation, 1);
}
function stored(entries: Readonly<Record<string, string>>, dims?: readonly number[]): string {
  const path = join(folder, 'model', 'model.onnx');
  writeFileSync(path, model([node('Add', ['x', 'w'], 'y')], [external(entries, dims)]));
  return path;
}
function decodeFile(path: string): number[] {
  const { bytes, external: beside } = openModelFile(path);
  return Array.from(decodeModel(bytes, { external: beside }).initializers.get('w')?.data as Float32Array);
}
async function codeOf(action: () => unknown): Promise<string> {
  try {
    await action();
    return 'accepted';
  } catch (error) {
    if (error instanceof PipelineError) return error.code;
    throw error;
  }
}

describe('weights in another file', () => {
  it('are read from their range, in the folder of the model or below it', () => {
    expect(decodeFile(stored({ location: 'w.bin', offset: '8', length: '8' }))).toEqual([1, 2]);
    expect(decodeFile(stored({ location: './deep/w.bin' }))).toEqual([3, 4]);
  });

  it('are read from behind 2 GiB', () => {
    const large = join(folder, 'model', 'large.bin');
    const handle = openSync(large, 'w');
    writeSync(handle, Buffer.from(Float32Array.of(7, 8).buffer), 0, 8, 2 ** 31 + 4096); // a hole before it takes no space
    closeSync(handle);
    expect(decodeFile(stored({ location: 'large.bin', offset: String(2 ** 31 + 4096) }))).toEqual([7, 8]);
    rmSync(large);
  });

  it('become part of the model where they are embedded, and change nothing else', () => {
    const { bytes, external: beside } = openModelFile(stored({ location: 'w.bin', offset: '8' }));
    const whole = decodeModel(embedExternalData(bytes, beside));
    expect(Array.from(whole.initializers.get('w')?.data as Float32Array)).toEqual([1, 2]);
    expect(whole.nodes).toEqual(decodeModel(bytes, { external: beside }).nodes);
  });

  it('are listed with the model, so that their content is in the key', async () => {
    const file = stored({ location: 'deep/w.bin' });
    expect((await onnxExternals({ file })).map(({ name }) => name)).toEqual(['file', 'data/1']);
    expect(inspectModel(openModelFile(file).bytes, { external: openModelFile(file).external }).weights).toMatchObject({ files: ['deep/w.bin'], bytes: 8, parameters: 2 });
  });

  it.each<[string, Record<string, string>, number[]?]>([
    ['a path that goes up', { location: '../secret.bin' }],
    ['a path that goes up in between', { location: 'deep/../../secret.bin' }],
    ['an absolute path', { location: '/etc/passwd' }],
    ['a path of another system', { location: 'C:\\secret.bin' }],
    ['no path', { location: '' }],
    ['a symbolic link out of the folder', { location: 'soft.bin' }],
    ['a hard link', { location: 'hard.bin' }],
    ['a folder', { location: 'deep' }],
    ['a file that is not there', { location: 'none.bin' }],
    ['a range behind the end', { location: 'w.bin', offset: '12' }],
    ['a range of another length', { location: 'w.bin', length: '4' }],
    ['an offset that is no number', { location: 'w.bin', offset: '-8' }],
    ['extents beyond any file', { location: 'w.bin' }, [1_000_000, 1_000_000_000]],
  ])('are refused with %s', async (_, entries, dims) => {
    const path = stored(entries, dims);
    expect(await codeOf(() => decodeFile(path))).toBe('E_GRAPH');
    expect(await codeOf(() => embedExternalData(openModelFile(path).bytes, openModelFile(path).external))).toBe('E_GRAPH');
  });
});

const call = (op: string, inputs: readonly string[], output: string): WireWriter => node(op, inputs, output, 'own');
function definition(name: string, nodes: readonly WireWriter[]): WireWriter {
  const writer = message().string(FUNCTION.name, name).string(FUNCTION.input, 'a').string(FUNCTION.output, 'b');
  for (const each of nodes) writer.message(FUNCTION.node, each);
  return writer.message(FUNCTION.opsetImport, message().integer(OPSET.version, 17)).string(FUNCTION.domain, 'own');
}
const branch = (name: string, bytes: Uint8Array): WireWriter => message().string(ATTRIBUTE.name, name).bytes(ATTRIBUTE.g, bytes).integer(ATTRIBUTE.type, 5);
const truth = message().integer(TENSOR.dataType, 9).string(TENSOR.name, 'c').bytes(TENSOR.rawData, Uint8Array.of(1));

describe('structure', () => {
  it('of functions is unfolded, one inside another', () => {
    const bytes = model([call('Twice', ['x'], 'y')], [], [definition('Twice', [call('Once', ['a'], 'm'), call('Once', ['m'], 'b')]), definition('Once', [node('Relu', ['a'], 'n'), node('Exp', ['n'], 'b')])]);
    expect(decodeModel(bytes).nodes.map(({ op }) => op)).toEqual(['Relu', 'Exp', 'Relu', 'Exp']);
  });

  it('of functions that call themselves, or unfold without end, is refused', async () => {
    expect(await codeOf(() => decodeModel(model([call('F', ['x'], 'y')], [], [definition('F', [call('G', ['a'], 'b')]), definition('G', [call('F', ['a'], 'b')])])))).toBe('E_GRAPH');
    const doubling = Array.from({ length: 40 }, (_, i) => definition(`F${i}`, i === 39 ? [node('Relu', ['a'], 'b')] : [call(`F${i + 1}`, ['a'], 'm'), call(`F${i + 1}`, ['m'], 'b')]));
    expect(await codeOf(() => decodeModel(model([call('F0', ['x'], 'y')], [], doubling)))).toBe('E_GRAPH');
  });

  it('of an If with a known condition is the branch that is taken', () => {
    const taken = message().message(GRAPH.node, node('Exp', ['x'], 'inner')).message(GRAPH.output, port('inner')).finish();
    const other = message().message(GRAPH.node, node('Frobnicate', ['x'], 'inner')).message(GRAPH.output, port('inner')).finish();
    expect(decodeModel(model([node('If', ['c'], 'y', '', [branch('then_branch', taken), branch('else_branch', other)])], [truth])).nodes.map(({ op }) => op)).toEqual(['Exp', 'Identity']);
  });

  it('of branches beside each other: the same names in them are different things', () => {
    const weight = (value: number): WireWriter => message().integer(TENSOR.dims, 2).integer(TENSOR.dataType, 1).string(TENSOR.name, 'w').bytes(TENSOR.rawData, new Uint8Array(Float32Array.of(value, value).buffer));
    // w² is folded, w as it stands enters the graph, and o is a value
    const body = (value: number): WireWriter => branch('then_branch', message().message(GRAPH.initializer, weight(value)).message(GRAPH.node, node('Mul', ['w', 'w'], 'square')).message(GRAPH.node, node('Mul', ['x', 'square'], 'scaled')).message(GRAPH.node, node('Add', ['scaled', 'w'], 'o')).message(GRAPH.output, port('o')).finish());
    const graph = decodeModel(model([node('If', ['c'], 'a', '', [body(2)]), node('If', ['c'], 'b', '', [body(5)]), node('Add', ['a', 'b'], 'y')], [truth]));
    const found = evaluate(graph, { x: plain([1, 2], [1, 10]) }).get('y')?.data;
    expect(Array.from(found ?? [])).toEqual([4 + 2 + 25 + 5, 40 + 2 + 250 + 5]);
  });

  it('of ten thousand nested subgraphs is refused', async () => {
    let body = message().message(GRAPH.node, node('Exp', ['x'], 'v')).message(GRAPH.output, port('v')).finish();
    for (let depth = 0; depth < 10_000; depth += 1) {
      const inner = message().bytes(GRAPH.node, node('If', ['c'], 'v', '', [branch('then_branch', body)]).finish()).message(GRAPH.output, port('v'));
      body = inner.finish();
    }
    expect(await codeOf(() => decodeModel(model([node('If', ['c'], 'y', '', [branch('then_branch', body)])], [truth])))).toBe('E_GRAPH');
  });

  it('that cannot be imported is named all at once, with the layers that come before it', () => {
    const slope = message().string(ATTRIBUTE.name, 'slope').integer(ATTRIBUTE.i, 1).integer(ATTRIBUTE.type, 2);
    const inspection = inspectModel(model([node('Exp', ['x'], 'a'), node('Frobnicate', ['a'], 'b'), call('Own', ['b'], 'c'), node('Relu', ['c'], 'd', '', [slope]), node('Frobnicate', ['d'], 'y')]));
    expect(inspection.problems.map(({ op, nodes }) => [op, nodes])).toEqual([['Frobnicate', ['the Frobnicate of b', 'the Frobnicate of y']], ['own.Own', ['the Own of c']], ['Relu', ['the Relu of d']]]);
    expect(inspection.layers.map(({ name }) => name)).toEqual(['a']);
  });
});
