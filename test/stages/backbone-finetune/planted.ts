/**
 * A problem whose answer is known: voxels answer linearly to a network of two convolutions, of which the backbone given has the first, and others in
 * place of the second. Tuning the second can explain all that is not noise; a readout of the frozen one cannot.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../../src/core/random.js';
import { tensor, type Tensor } from '../../../src/core/tensor.js';
import type { TensorService } from '../../../src/core/tensor-service.js';
import { Hdf5Writer } from '../../../src/formats/hdf5/index.js';
import { writeNpy } from '../../../src/formats/npy.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import { encodeModel } from '../../../src/graph/encode.js';
import type { Graph, Value } from '../../../src/graph/ir.js';
import { conv2d, relu } from '../../../src/graph/layers.js';
import type { BackboneFile } from '../../../src/stages/artifacts/backbone.js';
import type { StimulusImage } from '../../../src/stages/artifacts/stimuli.js';
import { VOXEL_FILES, type VoxelsFile } from '../../../src/stages/artifacts/voxels.js';
import { poolingMatrix } from '../../../src/stages/response/pooling.js';

export const SIZE = 12;
export const VOXELS = 5;
export const GRID = 2;
const [FIRST, SECOND] = [4, 6];
const MAP = SIZE / 2;
const TRIALS = 2;
export const MEAN = [0.4, 0.5, 0.6] as const;
export const STD = [0.25, 0.25, 0.3] as const;

export interface Planted {
  readonly images: number;
  readonly testImages: number;
  readonly noise: number;
  /** every so many-th image that is no test image is one for validation; 0: none */
  readonly validationEvery: number;
}

/** conv1 → norm1 → ReLU (`one`) → conv2, stride 2 → norm2 → ReLU (`two`), with the weights of torch's names */
export function smallNetwork(batch: number, weights: ReadonlyMap<string, Tensor>): Graph {
  const b = new GraphBuilder();
  const named = (name: string): Value => b.constant(weights.get(name) as Tensor, name);
  const norm = (x: Value, name: string): Value => b.op('BatchNormalization', [x, ...['weight', 'bias', 'running_mean', 'running_var'].map((part) => named(`${name}.${part}`))], { epsilon: 1e-5, momentum: 0.9 }, name);
  const image = b.input('pixels', 'float32', [batch, 3, SIZE, SIZE]);
  const one = relu(b, norm(conv2d(b, image, named('conv1.weight'), undefined, { pads: 1 }, 'conv1'), 'norm1'), 'one');
  b.output('two', relu(b, norm(conv2d(b, one, named('conv2.weight'), named('conv2.bias'), { pads: 1, stride: 2 }, 'conv2'), 'norm2'), 'two'));
  return b.build();
}

export function smallWeights(seed: string): Map<string, Tensor> {
  const random = new Random(seed);
  const normals = (shape: number[], mean: number, sd: number): Tensor => tensor('float32', shape, Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal(mean, sd)));
  const weights = new Map<string, Tensor>();
  for (const [name, out, into] of [['1', FIRST, 3], ['2', SECOND, FIRST]] as const) {
    weights.set(`conv${name}.weight`, normals([out, into, 3, 3], 0, Math.sqrt(2 / (9 * into))));
    weights.set(`norm${name}.weight`, normals([out], 1, 0.1));
    weights.set(`norm${name}.bias`, normals([out], 0.2, 0.1));
    weights.set(`norm${name}.running_mean`, normals([out], 0, 0.1));
    weights.set(`norm${name}.running_var`, tensor('float32', [out], Float32Array.from({ length: out }, () => random.uniform(0.5, 1.5))));
  }
  weights.set('conv2.bias', normals([SECOND], 0, 0.05));
  return weights;
}

export interface PlantedFolders {
  readonly backbone: string;
  readonly stimuli: string;
  readonly voxels: string;
}

/** Writes the artifacts below a folder; nsdIds are 0, 1, …, the last ones test images. */
export async function writePlanted(folder: string, service: TensorService, { images, testImages, noise, validationEvery }: Planted): Promise<PlantedFolders> {
  const random = new Random('planted');
  const file = (artifact: string, name: string): string => {
    mkdirSync(join(folder, artifact), { recursive: true });
    return join(folder, artifact, name);
  };
  const truth = smallWeights('truth');
  const given = new Map([...smallWeights('other')].map(([name, weight]) => [name, name.endsWith('2.weight') && name.startsWith('conv') ? weight : (truth.get(name) as Tensor)]));
  const index: BackboneFile = { name: 'small', input: 'pixels', preprocessing: { size: SIZE, crop: 'none', mean: MEAN, std: STD }, layers: [{ name: 'two', shape: [SECOND, MAP, MAP] }] };
  writeFileSync(file('backbone', 'model.onnx'), encodeModel(smallNetwork(1, given), { batch: 'batch' }));
  writeFileSync(file('backbone', 'backbone.json'), JSON.stringify(index));

  const pixels = Uint8Array.from({ length: images * SIZE * SIZE * 3 }, () => random.integer(0, 256));
  const shape = [images, SIZE, SIZE, 3];
  const brick = new Hdf5Writer(file('stimuli', 'stimuli.hdf5'));
  brick.createDataset('imgBrick', { dtype: 'uint8', shape });
  brick.writeSlice('imgBrick', shape.map((extent): [number, number] => [0, extent]), tensor('uint8', shape, pixels));
  brick.close();
  const firstTest = images - testImages;
  const list: StimulusImage[] = Array.from({ length: images }, (_, nsdId) => ({
    nsdId, cocoId: null, shared: nsdId >= firstTest, firstTrial: nsdId, split: nsdId >= firstTest ? 'test' : validationEvery > 0 && nsdId % validationEvery === 0 ? 'validation' : 'train',
  }));
  writeFileSync(file('stimuli', 'stimuli.json'), JSON.stringify({ dataset: 'imgBrick', images: list }));

  const planes = new Float32Array(images * 3 * SIZE * SIZE);
  const area = SIZE * SIZE;
  for (let i = 0; i < images; i += 1) for (let p = 0; p < area; p += 1) for (let c = 0; c < 3; c += 1) planes[(i * 3 + c) * area + p] = ((pixels[(i * area + p) * 3 + c] as number) / 255 - (MEAN[c] as number)) / (STD[c] as number);
  const program = await service.compile(encodeModel(smallNetwork(images, truth)));
  const maps = (await program.run({ pixels: tensor('float32', [images, 3, SIZE, SIZE], planes) }))['two']?.data as Float32Array;
  await program.dispose();
  const pooling = poolingMatrix(MAP, MAP, GRID, GRID);
  const cells = GRID * GRID;
  const pooled = Float64Array.from({ length: images * SECOND * cells }, (_, at) => {
    const map = Math.floor(at / cells);
    let sum = 0;
    for (let p = 0; p < MAP * MAP; p += 1) sum += (pooling[p * cells + (at % cells)] as number) * (maps[map * MAP * MAP + p] as number);
    return sum;
  });
  // each voxel: channel weights times a receptive field, so that both forms of readout can hold it
  const signal = new Float64Array(images * VOXELS);
  for (let v = 0; v < VOXELS; v += 1) {
    const channels = Float64Array.from({ length: SECOND }, () => random.normal());
    const field = Float64Array.from({ length: cells }, () => random.uniform(0, 1));
    const raw = Float64Array.from({ length: images }, (_, i) => channels.reduce((sum, w, c) => sum + w * field.reduce((part, f, p) => part + f * (pooled[(i * SECOND + c) * cells + p] as number), 0), 0));
    const mean = raw.reduce((a, b) => a + b) / images;
    const sd = Math.sqrt(raw.reduce((sum, x) => sum + (x - mean) ** 2, 0) / images);
    raw.forEach((x, i) => { signal[i * VOXELS + v] = (x - mean) / sd; });
  }
  const trials = new Float32Array(images * TRIALS * VOXELS);
  const means = new Float32Array(images * VOXELS);
  for (let t = 0; t < images * TRIALS; t += 1) {
    const i = t % images;
    for (let v = 0; v < VOXELS; v += 1) {
      const y = (signal[i * VOXELS + v] as number) + noise * random.normal();
      trials[t * VOXELS + v] = y;
      means[i * VOXELS + v] = (means[i * VOXELS + v] as number) + y / TRIALS;
    }
  }
  const voxelsFile: VoxelsFile = {
    subject: 1, space: 'func1pt8mm', betas: 'b3', zscore: 'session', grid: [4, 4, 4], sessions: 1, voxelCount: VOXELS, trialCount: images * TRIALS, imageCount: images, excluded: 0,
    rois: [{ set: 'left', label: null, name: 'left', voxels: [0, 1] }, { set: 'right', label: null, name: 'right', voxels: [2, 3, 4] }],
  };
  const ints = (name: string, data: Int32Array, extents = [data.length]): void => writeNpy(file('voxels', name), tensor('int32', extents, data));
  const floats = (name: string, data: Float32Array, extents = [data.length]): void => writeNpy(file('voxels', name), tensor('float32', extents, data));
  writeFileSync(file('voxels', VOXEL_FILES.index), JSON.stringify(voxelsFile));
  floats(VOXEL_FILES.trials, trials, [images * TRIALS, VOXELS]);
  ints(VOXEL_FILES.trialImages, Int32Array.from({ length: images * TRIALS }, (_, t) => t % images));
  ints(VOXEL_FILES.trialSessions, new Int32Array(images * TRIALS));
  floats(VOXEL_FILES.means, means, [images, VOXELS]);
  ints(VOXEL_FILES.meanImages, Int32Array.from({ length: images }, (_, i) => i));
  ints(VOXEL_FILES.meanRepeats, new Int32Array(images).fill(TRIALS));
  floats(VOXEL_FILES.ncsnr, new Float32Array(VOXELS).fill(1 / Math.max(noise, 0.01)));
  floats(VOXEL_FILES.ncsnrPublished, new Float32Array(VOXELS).fill(1));
  ints(VOXEL_FILES.position, Int32Array.from({ length: VOXELS * 3 }, (_, at) => at), [VOXELS, 3]);
  return { backbone: join(folder, 'backbone'), stimuli: join(folder, 'stimuli'), voxels: join(folder, 'voxels') };
}
