/** `pipeline backbone …`: from published weights to a model, and what is said of files that are something else. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { architectureOf, ARCHITECTURES } from '../../src/architectures/index.js';
import { parametersOf } from '../../src/architectures/state-dict.js';
import { main } from '../../src/cli/main.js';
import { writeSafetensors } from '../../src/formats/safetensors.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { decodeModel } from '../../src/graph/decode.js';
import { encodeModel } from '../../src/graph/encode.js';
import { formulaParameter } from '../rigs/formula-weights.js';

const root = mkdtempSync(join(tmpdir(), 'backbone-cli-'));
const weights = join(root, 'resnet18.safetensors');
beforeAll(() => {
  writeFileSync(join(root, 'package.json'), '{}');
  writeSafetensors(weights, Object.fromEntries(parametersOf(architectureOf('resnet18')).map(({ name, shape }) => [name, formulaParameter(name, shape)])));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const code = await main(['backbone', ...args], { stdout: { write: (text) => (out += text) }, stderr: { write: (text) => (err += text) }, env: {}, cwd: root });
  return { code, out, err };
}

describe('pipeline backbone', () => {
  test('list names every built-in architecture', async () => {
    const { code, out } = await run('list', '--json');
    expect(code).toBe(0);
    const { architectures } = JSON.parse(out) as { architectures: { id: string; parameters: number }[] };
    expect(architectures.map(({ id }) => id)).toEqual(ARCHITECTURES.map(({ id }) => id));
    // torchvision's count of AlexNet
    expect(architectures.find(({ id }) => id === 'alexnet')?.parameters).toBe(61_100_840);
  });

  test('inspect of weights names the architecture that they fit', async () => {
    const { code, out } = await run('inspect', 'resnet18.safetensors', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ kind: 'checkpoint', format: 'safetensors', fits: ['resnet18'] });
  });

  test('import writes a model of the same layers with a symbolic batch, and never over a file', async () => {
    const first = await run('import', 'resnet18.safetensors', '--size', '64', '--json');
    expect([first.code, first.err]).toEqual([0, '']);
    const model = readFileSync(join(root, 'resnet18.onnx'));
    expect(decodeModel(model, { bind: { batch: 3 } }).values.get('layer4.1.relu_1')?.shape).toEqual([3, 512, 2, 2]);
    const inspected = JSON.parse((await run('inspect', 'resnet18.onnx', '--json')).out) as { layers: { name: string; imageObstacle?: object }[]; problems: object[] };
    expect(inspected.problems).toEqual([]);
    expect(inspected.layers.find(({ name }) => name === 'layer4.1.relu_1')).not.toHaveProperty('imageObstacle');
    const second = await run('import', 'resnet18.safetensors');
    expect([second.code, second.err.split('\n')[0]]).toEqual([2, `E_USAGE  "${join(root, 'resnet18.onnx')}" exists already`]);
    expect(readFileSync(join(root, 'resnet18.onnx')).equals(model)).toBe(true);
  });

  test.each([
    [['import', 'resnet18.safetensors', '--architecture', 'resnet34', '--out', 'x.onnx'], 1, /E_WEIGHTS {2}'.*' lacks the weight '/],
    [['import', 'resnet18.safetensors', '--size', '7', '--out', 'x.onnx'], 2, /"resnet18" cannot be built for 7 pixels/],
    [['inspect', 'vit_b_16', '--size', '70'], 2, /"vit_b_16" cannot be built for 70 pixels[\s\S]*multiple of 16/],
    [['inspect', 'resnet81'], 1, /nearest .*'resnet18'/],
    [['inspect', './nothing.onnx'], 3, /"\.\/nothing\.onnx" is not a file/],
    [['inspect', 'package.json'], 1, /E_FORMAT|E_WEIGHTS/],
    [['fetch', 'file:///nothing'], 2, /needs the sha256/],
  ] as const)('%j is refused with what to do', async (args, code, message) => {
    const found = await run(...args);
    expect([found.code, found.out]).toEqual([code, '']);
    expect(found.err).toMatch(message);
  });

  test('inspect of an ONNX file says what keeps backbone.onnx from taking it', async () => {
    const fixed = new GraphBuilder();
    fixed.output('out', fixed.op('Relu', [fixed.input('pixels', 'float32', [2, 3, 8, 8])]));
    const bytes = encodeModel(fixed.build());
    writeFileSync(join(root, 'fixed.onnx'), bytes);
    expect((await run('inspect', 'fixed.onnx')).out).toMatch(/batch is fixed to 2: backbone\.onnx needs a symbolic one\. Export with dynamic_axes=\{"pixels"/);
    writeFileSync(join(root, 'half.onnx'), bytes.subarray(0, bytes.length / 2));
    const half = await run('inspect', 'half.onnx');
    expect([half.code, half.out]).toEqual([1, '']);
    expect(half.err).toMatch(/E_GRAPH[\s\S]*expected: \d+ bytes from byte \d+ of a message on\n.*the rest is missing/);
  });

  test('fetch keeps a file under its sha256, and no other content', async () => {
    const url = pathToFileURL(weights).href;
    const sha256 = createHash('sha256').update(readFileSync(weights)).digest('hex');
    const { code, out } = await run('fetch', url, '--sha256', sha256);
    expect(code).toBe(0);
    expect(out).toBe(`${join(root, 'cache', 'downloads', sha256, 'resnet18.safetensors')}\n`);
    expect(readFileSync(out.trim()).equals(readFileSync(weights))).toBe(true);
    const wrong = await run('fetch', url, '--sha256', '0'.repeat(64));
    expect(wrong.code).toBe(6);
    expect(wrong.err).toContain(sha256);
  });
});
