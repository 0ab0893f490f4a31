/** Vision and text transformers against the libraries they come from (fixtures of tools/oracles/transformer_towers.py). */
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { architectureOf, ARCHITECTURES } from '../../src/architectures/index.js';
import { MODEL_INPUT, type TextArchitecture } from '../../src/architectures/architecture.js';
import { buildFromCheckpoint, dialectOf, parametersOf } from '../../src/architectures/state-dict.js';
import { resampleGrid, type GridResampling } from '../../src/architectures/transformer/position.js';
import type { Tensor } from '../../src/core/tensor.js';
import { tensor } from '../../src/core/tensor.js';
import { decodeModel } from '../../src/graph/decode.js';
import { encodeModel } from '../../src/graph/encode.js';
import type { Graph } from '../../src/graph/ir.js';
import { resolveLayer } from '../../src/graph/names.js';
import { createOnnxRuntimeService } from '../../src/runtime/onnxruntime-service.js';
import { formulaCheckpoint, formulaImage, formulaParameter, formulaWeights } from '../rigs/formula-weights.js';
import { BATCH, distance, evaluate, graphOf, readCases, stateOf } from './oracle.js';

/** float32 through twelve blocks against float64; torch in float32 is at 1e-6 (gradient 3e-6), as `float32` of the fixtures says */
const FORWARD = 1e-5;
const GRADIENT = 3e-5;
const CONTEXT = 77;
const START = 49406;
const END = 49407;

const cases = readCases('transformers.json');
const service = createOnnxRuntimeService({ threads: 1 });
afterAll(() => service.dispose());

/** The same as in the script: one text padded with zeros, one that fills the context. */
function tokens(): Tensor<'int64'> {
  const numbers = new BigInt64Array(BATCH * CONTEXT);
  [9, 75].forEach((length, row) => {
    const at = row * CONTEXT;
    numbers[at] = BigInt(START);
    for (let k = 0; k < length; k += 1) numbers[at + 1 + k] = BigInt((7919 * (row + 1) * (k + 1)) % 49405);
    numbers[at + 1 + length] = BigInt(END);
  });
  return tensor('int64', [BATCH, CONTEXT], numbers);
}

/** One of each family in every run of the suite; `npm run test:architectures` has all of them. */
const SOME = ['vit_small', 'vit_small of Hugging Face', 'dinov2_vits14', 'dinov2_vits14_reg', 'dinov2_vits14_reg of timm', 'clip-vit-b-32', 'clip-rn50-text', 'clip-vit-b-32-text of Hugging Face'];
const chosen = process.env['ARCHITECTURES'] === 'all' ? Object.keys(cases) : SOME;

describe('values at several layers and the gradient are those of the library', () => {
  it.each(chosen)('%s', async (name) => {
    const fixture = cases[name] as (typeof cases)[string];
    const text = architectureOf(fixture.architecture).kind === 'text';
    const input = text ? tokens() : formulaImage(BATCH, fixture.size as number);
    const { layers, gradient } = await evaluate(service, graphOf(fixture, BATCH), fixture, input, text ? 'positional_embedding' : MODEL_INPUT);
    for (const [layer, expected] of Object.entries(fixture.layers)) expect(distance(layers[layer] as Tensor, expected), layer).toBeLessThan(FORWARD);
    expect(distance(gradient, fixture.gradient), 'gradient').toBeLessThan(GRADIENT);
  });
});

describe('parameters', () => {
  const native = Object.entries(cases).filter(([name, { dialect, architecture }]) => dialect === null && name === architecture);

  it.each(native.map(([name]) => name))('of %s are the state dict of the library', (name) => {
    const architecture = architectureOf(name);
    const line = ({ name: parameter, shape }: { readonly name: string; readonly shape: readonly number[] }): string => `${parameter} [${shape.join(', ')}]`;
    const expected = stateOf(cases[name] as (typeof cases)[string]).filter((parameter) => !architecture.ignores(parameter.name));
    expect(parametersOf(architecture).map(line).sort()).toEqual(expected.map(line).sort());
  });

  it('are compared for every transformer of the registry', () => {
    const families = ARCHITECTURES.filter(({ id }) => /^(vit_|dinov2|openclip-|clip-vit|clip-rn50(x4)?-text)/.test(id)).map(({ id }) => id);
    const compared = new Set(Object.values(cases).filter(({ dialect }) => dialect === null).map(({ architecture }) => architecture));
    expect(families.filter((id) => !compared.has(id))).toEqual([]);
  });

  it('of a whole CLIP file serve both towers, and what is missing or of another model is named', () => {
    const fixture = cases['clip-vit-b-32'] as (typeof cases)[string];
    const state = stateOf(fixture);
    const build = (parameters: typeof state, id: string): (() => unknown) => () => buildFromCheckpoint(architectureOf(id), formulaCheckpoint(parameters), { batch: 1, size: 32 });
    expect(build(state, 'clip-vit-b-16')).toThrow("the weight 'visual.conv1.weight' in 'formula' has another shape than in CLIP ViT-B/16");
    expect(build(state.filter(({ name }) => name !== 'visual.proj'), 'clip-vit-b-32')).toThrow("'formula' lacks the weight 'visual.proj' of CLIP ViT-B/32");
    expect(build([...state, { name: 'head.weight', shape: [1] }], 'clip-vit-b-32')).toThrow("'formula' holds weights that CLIP ViT-B/32 does not have");
  });
});

describe('a checkpoint', () => {
  const parameters = stateOf(cases['vit_small'] as (typeof cases)[string]);
  const small = architectureOf('vit_small_patch16_224');
  const outputs = (state: typeof parameters): unknown => buildFromCheckpoint(small, formulaCheckpoint(state), { batch: 1, size: 16 }).outputs.map(({ name, shape }) => `${name} [${shape.join(', ')}]`);

  it('may come without the classifier, or with other classes', () => {
    expect(outputs(parameters.filter(({ name }) => !name.startsWith('head.')))).toEqual(['fc_norm [1, 384]']);
    expect(outputs(parameters.map(({ name, shape }) => (name.startsWith('head.') ? { name, shape: [10, ...shape.slice(1)] } : { name, shape })))).toEqual(['head [1, 10]']);
  });

  it.each([['vit_b_16', undefined], ['vit_b_16 of timm', 'timm'], ['vit_b_16 of Hugging Face', 'Hugging Face'], ["vit_b_32 as in torchvision's files", 'torchvision before 0.13']] as const)('of %s says by its names how images are prepared', (name, dialect) => {
    const fixture = cases[name] as (typeof cases)[string];
    const found = dialectOf(architectureOf(fixture.architecture), formulaCheckpoint(stateOf(fixture)));
    expect(found?.name).toBe(dialect);
    const centred = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], interpolation: 'bicubic' };
    expect(found?.preprocessing).toEqual(dialect === 'timm' || dialect === 'Hugging Face' ? centred : undefined);
  });
});

describe('position embeddings of another grid', () => {
  const fixtures = JSON.parse(readFileSync(new URL('../oracles/positions.json', import.meta.url), 'utf8')) as readonly { readonly rule: string; readonly side: number; readonly values: readonly number[] }[];
  const rules: Readonly<Record<string, GridResampling>> = { corners: { samples: 'corners', antialias: false }, antialias: { samples: 'centres', antialias: true }, offset: { samples: { offset: 0.1 }, antialias: false } };
  const given = tensor('float32', [26, 2], formulaParameter('positions', [1, 26, 2]).data);

  it.each(fixtures.map(({ rule, side, values }) => [rule, side, values] as const))('%s, 5 × 5 to %i, are those of PyTorch', (rule, side, values) => {
    const found = resampleGrid(given, 1, 5, side, rules[rule] as GridResampling);
    expect(found.shape).toEqual([1 + side * side, 2]);
    values.forEach((value, i) => expect(found.data[i]).toBeCloseTo(value, 6));
  });

  it.each(Object.keys(rules))('%s: equal embeddings stay equal, and the same grid is left as it is', (rule) => {
    const even = tensor('float32', [26, 2], new Float32Array(52).fill(0.75));
    for (const side of [2, 9]) for (const value of resampleGrid(even, 1, 5, side, rules[rule] as GridResampling).data) expect(value).toBeCloseTo(0.75, 6);
    expect(resampleGrid(given, 1, 5, 5, rules[rule] as GridResampling)).toBe(given);
  });
});

describe('a graph', () => {
  it.each([['vit_small', 16], ['dinov2_vits14_reg', 14], ['clip-vit-b-32', 32]] as const)('of %s built for one image and written with a symbolic batch is that of any batch', async (name, size) => {
    const fixture = { ...(cases[name] as (typeof cases)[string]), size };
    const bytes = encodeModel(graphOf(fixture, 1), { batch: 'batch' });
    const decoded = decodeModel(bytes, { bind: { batch: BATCH } });
    const [direct, read] = await Promise.all([graphOf(fixture, BATCH), decoded].map(async (graph) => {
      const program = await service.compile(encodeModel(graph));
      const results = await program.run({ [MODEL_INPUT]: formulaImage(BATCH, size) });
      await program.dispose();
      return Object.values(results)[0] as Tensor;
    }));
    expect(read?.shape).toEqual(direct?.shape);
    expect(read?.data).toEqual(direct?.data);
    const layers = architectureOf(fixture.architecture).layers;
    expect(layers.filter((layer) => !decoded.values.has(layer.name))).toEqual([]);
    for (const { name: layer, layout } of layers) expect(decoded.values.get(layer)?.shape).toHaveLength(layout === 'tokens' ? 3 : 2);
    if (name === 'clip-vit-b-32') {
      expect(resolveLayer(decoded, 'transformer.resblocks.11').name).toBe('visual.transformer.resblocks.11');
      expect(resolveLayer(decoded, 'encode_image').name).toBe('visual');
    }
  });

  it('of a text tower takes the first of several equal largest tokens as the end, as argmax does', async () => {
    const fixture = cases['clip-rn50-text'] as (typeof cases)[string];
    const program = await service.compile(encodeModel(graphOf(fixture, BATCH)));
    const padded = tokens();
    const own = await program.run({ [MODEL_INPUT]: padded });
    // Hugging Face pads with the end token
    const numbers = padded.data.slice();
    for (let k = 11; k < CONTEXT; k += 1) numbers[k] = BigInt(END);
    const ended = await program.run({ [MODEL_INPUT]: tensor('int64', [BATCH, CONTEXT], numbers) });
    await program.dispose();
    expect(ended['encode_text']?.data).toEqual(own['encode_text']?.data);
  });

  it('of a text tower for shorter texts gives what the whole context gives', async () => {
    const fixture = cases['clip-rn50-text'] as (typeof cases)[string];
    const architecture = architectureOf(fixture.architecture) as TextArchitecture;
    const length = 16;
    const [whole, short] = [CONTEXT, length].map((tokensOf) => architecture.build(formulaWeights, { batch: 1, length: tokensOf }));
    const [expected, found] = await Promise.all([whole as Graph, short as Graph].map(async (graph, i) => {
      const program = await service.compile(encodeModel(graph));
      const extent = i === 0 ? CONTEXT : length;
      const results = await program.run({ [MODEL_INPUT]: tensor('int64', [1, extent], tokens().data.slice(0, extent)) });
      await program.dispose();
      return (results['encode_text'] as Tensor<'float32'>).data;
    })) as [Float32Array, Float32Array];
    expect(Math.hypot(...found.map((x, i) => x - (expected[i] as number))) / Math.hypot(...expected)).toBeLessThan(FORWARD);
  });
});
