/**
 * `Prior`: what pictures look like, as a denoiser: an ONNX model that is given a noisy picture and the noise's standard deviation and returns its
 * guess of the picture. Dreams that are guided by a model of a brain area and kept plausible by such a denoiser are made by dream.guided.
 */
import { readFileSync } from 'node:fs';
import type { ArtifactReader, ArtifactWriter } from '../../engine/stage.js';

export interface PriorFile {
  /** side of the pictures, pixels */
  readonly size: number;
  /** pictures in one run of the model */
  readonly batch: number;
  /** range of the noise it was trained with: standard deviation, pixels in [0, 1] */
  readonly lowest: number;
  readonly highest: number;
}

export interface Prior extends PriorFile {
  readonly model: Uint8Array;
}

/**
 * Names of the model's inputs and output.
 * @shape noisy: float32 [batch, 3, size, size], pixels in [0, 1] plus noise; sigma: float32 [batch, 1, 1, 1]; clean: as noisy, about in [0, 1]
 */
export const PRIOR = { noisy: 'noisy', sigma: 'sigma', clean: 'clean' } as const;

const INDEX = 'prior.json';
const MODEL = 'denoiser.onnx';

export function writePrior(writer: ArtifactWriter, file: PriorFile, model: Uint8Array): void {
  writer.write(MODEL, model);
  writer.json(INDEX, file);
}

export function readPrior(reader: ArtifactReader): Prior {
  return { ...reader.json<PriorFile>(INDEX), model: readFileSync(reader.path(MODEL)) };
}
