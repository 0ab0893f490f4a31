/** The stage as the engine calls it: what it writes, where weights may come from, and what it refuses. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { architectureOf } from '../../../src/architectures/index.js';
import type { ImageArchitecture } from '../../../src/architectures/architecture.js';
import { parametersOf } from '../../../src/architectures/state-dict.js';
import type { Tensor } from '../../../src/core/tensor.js';
import type { StageDefinition } from '../../../src/engine/stage.js';
import { writeSafetensors } from '../../../src/formats/safetensors.js';
import { encodeModel } from '../../../src/graph/encode.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import { layerGraph, layerOutput, readBackbone, type Backbone, type BackboneFile } from '../../../src/stages/artifacts/backbone.js';
import { checkpointExternals } from '../../../src/stages/published-weights/externals.js';
import builtin from '../../../src/stages/backbone-builtin/stage.js';
import { formulaImage, formulaParameter } from '../../rigs/formula-weights.js';
import { runStage, type StageRun } from '../simulate/run-stage.js';

const folder = mkdtempSync(join(tmpdir(), 'builtin-'));
const service = createOnnxRuntimeService({ threads: 1 });
afterAll(async () => {
  await service.dispose();
  rmSync(folder, { recursive: true, force: true });
});

let runs = 0;
/** Names the outside files as the planner does, and runs the stage. */
async function run(params: Record<string, unknown>): Promise<StageRun> {
  const files = await checkpointExternals(params as never);
  runs += 1;
  return runStage(builtin as unknown as StageDefinition, params, join(folder, `run-${runs}`), join(folder, 'memo'), {}, undefined, {}, new Map(files.map(({ name, path }) => [name, path])));
}
const backboneOf = (done: StageRun): Backbone => readBackbone(done.reader('backbone'));

const resnet = architectureOf('resnet18') as ImageArchitecture;
const parameters = parametersOf(resnet);
const checkpoint = (name: string, keep: (parameter: string) => boolean = () => true): string => {
  const path = join(folder, name);
  writeSafetensors(path, Object.fromEntries(parameters.filter((parameter) => keep(parameter.name)).map((parameter) => [parameter.name, formulaParameter(parameter.name, parameter.shape)])));
  return path;
};

describe('backbone.builtin', () => {
  it('writes the network of a checkpoint with its published preprocessing and its layers', async () => {
    const done = await run({ architecture: 'resnet18', weights: checkpoint('a.safetensors'), size: 64 });
    const file = done.reader('backbone').json<BackboneFile>('backbone.json');
    expect(file).toMatchObject({ name: 'ResNet-18', input: 'input', preprocessing: { size: 64, crop: 'centre', mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], interpolation: 'bilinear' } });
    expect(file.layers.map(({ name }) => name)).toEqual(resnet.layers.map(({ name }) => name));
    expect(file.layers.find(({ name }) => name === 'layer4.1.relu_1')).toEqual({ name: 'layer4.1.relu_1', layout: 'map', shape: [512, 2, 2] });
    expect(file.layers.at(-1)).toEqual({ name: 'fc', layout: 'vector', shape: [1000, 1, 1] });
  });

  it('gives through layerGraph, at any batch and by second names too, what the network gives for the normalised image', async () => {
    const backbone = backboneOf(await run({ architecture: 'resnet18', weights: join(folder, 'a.safetensors'), size: 64 }));
    const image = formulaImage(3, 64);
    const [found, direct] = await Promise.all([layerGraph(backbone, 3, ['layer3.1', 'fc']), resnet.build({ take: formulaParameter }, { batch: 3, size: 64 })].map(async (graph) => {
      const program = await service.compile(encodeModel(graph));
      const { mean, std } = backbone.preprocessing;
      const plane = 64 * 64;
      const unit = image.data.map((value, i) => { const c = Math.floor(i / plane) % 3; return value * (std[c] as number) + (mean[c] as number); });
      const results = await program.run(graph.inputs[0]?.name === 'image' ? { image: { ...image, data: unit } } : { input: image });
      await program.dispose();
      return results;
    })) as [Record<string, Tensor>, Record<string, Tensor>];
    expect(found[layerOutput('layer3.1')]?.shape).toEqual([3, 256, 4, 4]);
    const [logits, expected] = [found[layerOutput('fc')]?.data as Float32Array, direct['fc']?.data as Float32Array];
    const scale = Math.max(...expected.map(Math.abs));
    logits.forEach((value, i) => expect(Math.abs(value - (expected[i] as number)) / scale).toBeLessThan(1e-5));
  });

  it('takes a checkpoint without a classifier: the layers end before it', async () => {
    const { layers } = backboneOf(await run({ architecture: 'resnet18', weights: checkpoint('headless.safetensors', (name) => !name.startsWith('fc.')), size: 64 }));
    expect(layers.at(-1)?.name).toBe('avgpool');
  });

  it('draws an untrained network from the seed: the same bytes again, no weights needed', async () => {
    const [one, two] = [await run({ architecture: 'resnet18', untrained: true, size: 32 }), await run({ architecture: 'resnet18', untrained: true, size: 32 })];
    const [first, second] = [one, two].map((done) => readFileSync(join(done.folder('backbone'), 'model.onnx')));
    expect(first?.equals(second as Buffer)).toBe(true);
    expect(backboneOf(one).name).toBe('untrained ResNet-18');
  });

  it('declares bicubic resizing for CLIP, and other means and deviations where they are given', async () => {
    const { preprocessing, layers } = backboneOf(await run({ architecture: 'clip-rn50', untrained: true, size: 64, mean: [0, 0, 0], std: [1, 1, 1] }));
    expect(preprocessing).toEqual({ size: 64, crop: 'centre', mean: [0, 0, 0], std: [1, 1, 1], interpolation: 'bicubic' });
    expect(layers.at(-1)?.name).toBe('visual.layer4.2.relu3');
  });

  it('makes maps of the patches of a transformer', async () => {
    const { layers } = backboneOf(await run({ architecture: 'vit_small_patch16_224', untrained: true }));
    expect(layers.some(({ layout, shape }) => layout === 'tokens' && shape.join() === '384,14,14')).toBe(true);
  });

  it('gives the same bytes whatever the format of the weights, so that nothing behind it runs again', async () => {
    const index = join(folder, 'same.safetensors.index.json');
    writeFileSync(index, JSON.stringify({ metadata: {}, weight_map: Object.fromEntries(parameters.map(({ name }) => [name, 'a.safetensors'])) }));
    const [one, two] = [await run({ architecture: 'resnet18', weights: join(folder, 'a.safetensors'), size: 32 }), await run({ architecture: 'resnet18', weights: index, size: 32 })];
    for (const file of ['model.onnx', 'backbone.json', 'report.json']) expect(readFileSync(join(one.folder('backbone'), file)).equals(readFileSync(join(two.folder('backbone'), file)))).toBe(true);
  });

  it('refuses a checkpoint of another network by the first weight that does not fit', async () => {
    await expect(run({ architecture: 'resnet34', weights: join(folder, 'a.safetensors') })).rejects.toMatchObject({ code: 'E_WEIGHTS', message: expect.stringContaining('layer1.2.conv1.weight') as string });
    await expect(run({ architecture: 'alexnet', weights: join(folder, 'a.safetensors') })).rejects.toMatchObject({ code: 'E_WEIGHTS' });
  });

  it.each([
    [{}, 'none of them'],
    [{ weights: 'a', untrained: true }, 'weights and untrained'],
    [{ download: { url: 'https://example.org/a', sha256: '0'.repeat(64) }, untrained: true }, 'download and untrained'],
  ])('refuses %j before the run: exactly one origin', async (origin, found) => {
    await expect(checkpointExternals({ architecture: 'resnet18', ...origin } as never)).rejects.toMatchObject({ code: 'E_OUT_OF_RANGE', facts: { found } });
  });

  it('refuses a size that the network cannot be built for, and names the steps', async () => {
    await expect(run({ architecture: 'clip-rn50', untrained: true, size: 100 })).rejects.toMatchObject({ code: 'E_OUT_OF_RANGE', facts: { expected: 'at least 32, a multiple of 32', found: 100 } });
    await expect(run({ architecture: 'resnet18', untrained: true, size: 16 })).rejects.toMatchObject({ code: 'E_OUT_OF_RANGE' });
    await expect(run({ architecture: 'resnet18', untrained: true, size: 32, std: [1, 0, 1] })).rejects.toMatchObject({ code: 'E_OUT_OF_RANGE' });
  });

  it('lists every file of a sharded checkpoint, so that all of it is in the key', async () => {
    const [index, shard] = [join(folder, 'model.safetensors.index.json'), 'model-00001-of-00001.safetensors'];
    writeSafetensors(join(folder, shard), Object.fromEntries(parameters.map(({ name, shape }) => [name, formulaParameter(name, shape)])));
    writeFileSync(index, JSON.stringify({ metadata: {}, weight_map: Object.fromEntries(parameters.map(({ name }) => [name, shard])) }));
    expect(await checkpointExternals({ architecture: 'resnet18', weights: index } as never)).toEqual([{ name: 'weights', path: index }, { name: `weights.shards/${shard}`, path: join(folder, shard) }]);
    expect(backboneOf(await run({ architecture: 'resnet18', weights: index, size: 32 })).layers.length).toBe(resnet.layers.length);
  });
});
