/** Images of an HDF5 brick at a model's size: the one place where crop and resize happen, for features, dreams' natural images and attribution. */
import { PipelineError } from '../../core/errors.js';
import { openHdf5 } from '../../formats/hdf5/index.js';
import { resizeAntialiased } from '../../math/resample.js';
import type { Preprocessing } from '../artifacts/backbone.js';

export interface ImageSource {
  readonly size: number;
  /** Writes image `row` as float32 [3, size, size] in [0, 1] at `offset` of `target`. */
  read(row: number, target: Float32Array, offset: number): void;
  /** The stored pixels: uint8 [height, width, 3] */
  pixels(row: number): { readonly rgb: Uint8Array; readonly height: number; readonly width: number };
  close(): void;
}

/**
 * @param dataset uint8 [image, height, width, colour (RGB)]
 * Errors: E_FORMAT for another dtype or shape; E_DATA for a row outside.
 */
export function openImages(path: string, dataset: string, preprocessing: Preprocessing): ImageSource {
  const file = openHdf5(path);
  const brick = file.dataset(dataset);
  const [count, height, width, colours] = brick.shape as readonly [number, number, number, number];
  if (brick.shape.length !== 4 || colours !== 3 || brick.dtype !== 'uint8') {
    file.close();
    throw new PipelineError('E_FORMAT', `"${dataset}" of "${path}" is not a stack of RGB images`, {
      facts: { expected: 'uint8 [image, height, width, 3]', found: `${brick.dtype} [${brick.shape.join(', ')}]` },
      hint: 'Give a brick as nsd_stimuli.hdf5 has it.',
    });
  }
  if (preprocessing.crop === 'none' && height !== width) {
    file.close();
    throw new PipelineError('E_DATA', `images of "${path}" are not square and the backbone declares no crop`, {
      facts: { expected: 'height = width', found: `${height} × ${width}` },
      hint: 'Declare crop: centre in the preprocessing of the backbone.',
    });
  }
  const side = Math.min(height, width);
  const top = Math.floor((height - side) / 2);
  const left = Math.floor((width - side) / 2);
  const { size, interpolation = 'bilinear' } = preprocessing;
  const readPixels = (row: number, rgb: Uint8Array): void => {
    if (!Number.isInteger(row) || row < 0 || row >= count) {
      throw new PipelineError('E_DATA', `image ${row} is not in "${path}"`, { facts: { expected: `0 … ${count - 1}`, found: row } });
    }
    brick.readInto([[row, row + 1], [top, top + side], [left, left + side], [0, 3]], rgb);
  };
  // One for all reads: with a new one each, reading 425 × 425 pixels took twice as long.
  const scratch = new Uint8Array(side * side * 3);
  return {
    size,
    pixels: (row) => {
      const rgb = new Uint8Array(side * side * 3);
      readPixels(row, rgb);
      return { rgb, height: side, width: side };
    },
    read: (row, target, offset) => {
      readPixels(row, scratch);
      const source = { layout: 'pixels', data: scratch, channels: 3, height: side, width: side } as const;
      resizeAntialiased(source, size, size, target.subarray(offset, offset + 3 * size * size), interpolation);
    },
    close: () => file.close(),
  };
}
