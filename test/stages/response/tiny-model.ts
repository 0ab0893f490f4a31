/**
 * The smallest complete chain of artifacts on disk that dream and attribute need: images of 8 × 8 pixels, a backbone of one convolution with rectifier and
 * pooling, features of a 2 × 2 grid, and a readout with random weights for two regions.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../../src/core/random.js';
import { tensor } from '../../../src/core/tensor.js';
import { Hdf5Writer } from '../../../src/formats/hdf5/index.js';
import { writeNpy } from '../../../src/formats/npy.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import { encodeModel } from '../../../src/graph/encode.js';
import { conv2d, maxPool2d, relu } from '../../../src/graph/layers.js';
import type { BackboneFile } from '../../../src/stages/artifacts/backbone.js';
import { FEATURES_INDEX, type FeaturesFile } from '../../../src/stages/artifacts/features.js';
import { READOUT_FILES } from '../../../src/stages/artifacts/readout.js';
import type { StimulusImage } from '../../../src/stages/artifacts/stimuli.js';
import { FIT_FILES, type FitFile } from '../../../src/stages/readout-ridge/fit-files.js';
import { readerOf } from '../readout-ridge/encoding-rig.js';

export const SIZE = 8;
const CHANNELS = 2;
const MAP = SIZE / 2;
export const WIDTH = CHANNELS * 4;
export const VOXELS = 4;

export interface TinyModel {
  /** folders by port */
  readonly inputs: Readonly<Record<'backbone' | 'features' | 'readout' | 'stimuli', string>>;
  /** float32 [image, feature], as the artifact has them */
  readonly features: Float32Array;
  /** float32 [feature, voxel] */
  readonly weights: Float32Array;
  readonly intercept: Float32Array;
  readonly testImages: readonly number[];
}

export interface TinyOptions {
  readonly images: number;
  /** the last images are held out */
  readonly testImages: number;
  /** nsdIds that the readout says it was fitted on, beside the training images */
  readonly leaked?: readonly number[];
}

/** Features are random numbers, not those of the images: nothing that is tested with them looks at pixels. */
export function writeTinyModel(folder: string, options: TinyOptions): TinyModel {
  const random = new Random('tiny model');
  const normals = (count: number, mean = 0, sd = 1): Float32Array => Float32Array.from({ length: count }, () => random.normal(mean, sd));
  const file = (artifact: string, name: string): string => {
    mkdirSync(join(folder, artifact), { recursive: true });
    return join(folder, artifact, name);
  };

  const builder = new GraphBuilder();
  const image = builder.input('pixels', 'float32', [1, 3, SIZE, SIZE]);
  const kernel = builder.constant(tensor('float32', [CHANNELS, 3, 3, 3], normals(CHANNELS * 27, 0, 0.5)));
  const map = maxPool2d(builder, relu(builder, conv2d(builder, image, kernel, undefined, { pads: 1 })), { kernel: 2 });
  builder.output('conv', map);
  const backbone: BackboneFile = {
    name: 'tiny', input: 'pixels', preprocessing: { size: SIZE, crop: 'none', mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
    layers: [{ name: 'conv', shape: [CHANNELS, MAP, MAP] }],
  };
  writeFileSync(file('backbone', 'model.onnx'), encodeModel(builder.build(), { batch: 'batch' }));
  writeFileSync(file('backbone', 'backbone.json'), JSON.stringify(backbone));
  const { digest } = readerOf(join(folder, 'backbone'));

  const nsdIds = Array.from({ length: options.images }, (_, i) => i);
  const layers: FeaturesFile['layers'] = [{ name: 'conv', channels: [0, 1], grid: [2, 2], offset: 0, map: [CHANNELS, MAP, MAP] }];
  const features = normals(options.images * WIDTH, 1, 0.5);
  writeNpy(file('features', 'conv.npy'), tensor('float32', [options.images, CHANNELS, 2, 2], features));
  const featuresFile: FeaturesFile = { backbone: digest, layers, nsdIds, width: WIDTH, chunks: [{ start: 0, count: options.images, files: ['conv.npy'] }] };
  writeFileSync(file('features', FEATURES_INDEX), JSON.stringify(featuresFile));

  const firstTest = options.images - options.testImages;
  const weights = normals(WIDTH * VOXELS);
  const intercept = normals(VOXELS);
  const fit: Pick<FitFile, 'backbone' | 'featureCount' | 'voxelCount' | 'layers' | 'rois' | 'trainingImages' | 'trainingPhotographs'> = {
    backbone: digest, featureCount: WIDTH, voxelCount: VOXELS, layers, trainingImages: [...nsdIds.slice(0, firstTest), ...(options.leaked ?? [])], trainingPhotographs: [],
    rois: [{ set: 'left', label: null, name: 'left', voxels: [0, 1] }, { set: 'right', label: null, name: 'right', voxels: [2, 3] }],
  };
  writeFileSync(file('readout', READOUT_FILES.index), JSON.stringify(fit));
  writeNpy(file('readout', READOUT_FILES.weights), tensor('float32', [WIDTH, VOXELS], weights));
  writeNpy(file('readout', READOUT_FILES.intercept), tensor('float32', [VOXELS], intercept));
  writeNpy(file('readout', FIT_FILES.alpha), tensor('float64', [VOXELS], new Float64Array(VOXELS).fill(1)));
  writeNpy(file('readout', FIT_FILES.featureMean), tensor('float64', [WIDTH], new Float64Array(WIDTH)));

  const images: StimulusImage[] = nsdIds.map((nsdId) => ({ nsdId, cocoId: null, shared: false, firstTrial: nsdId, split: nsdId >= firstTest ? 'test' : 'train' }));
  writeFileSync(file('stimuli', 'stimuli.json'), JSON.stringify({ dataset: 'imgBrick', images }));
  const shape = [options.images, SIZE, SIZE, 3];
  const brick = new Hdf5Writer(file('stimuli', 'stimuli.hdf5'));
  brick.createDataset('imgBrick', { dtype: 'uint8', shape });
  brick.writeSlice('imgBrick', shape.map((extent): [number, number] => [0, extent]), tensor('uint8', shape, Uint8Array.from({ length: options.images * SIZE * SIZE * 3 }, () => random.integer(0, 256))));
  brick.close();

  return {
    inputs: { backbone: join(folder, 'backbone'), features: join(folder, 'features'), readout: join(folder, 'readout'), stimuli: join(folder, 'stimuli') },
    features, weights, intercept, testImages: nsdIds.slice(firstTest),
  };
}

/** Response of a region (two voxels) to every image, multiplied out voxel by voxel. */
export function regionResponses(model: TinyModel, voxels: readonly number[]): number[] {
  return Array.from({ length: model.features.length / WIDTH }, (_, i) => {
    const all = voxels.map((v) => {
      let sum = model.intercept[v] as number;
      for (let p = 0; p < WIDTH; p += 1) sum += (model.features[i * WIDTH + p] as number) * (model.weights[p * VOXELS + v] as number);
      return sum;
    });
    return all.reduce((a, b) => a + b) / voxels.length;
  });
}
