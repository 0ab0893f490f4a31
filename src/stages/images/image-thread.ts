/**
 * Entry of the thread that reads and resizes images for `ImageReader`: one order, one answer, in turn. It opens the brick at the first order, so that
 * a file that cannot be opened is the answer to that order like any other failure. It knows nothing of what the images are for.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { serializeError } from '../../core/errors.js';
import { openImages, type ImageSource } from './image-source.js';
import type { ReaderSetting, ReadAnswer, ReadOrder } from './image-reader.js';

const { path, dataset, preprocessing } = workerData as ReaderSetting;
let source: ImageSource | undefined;

parentPort?.on('message', ({ rows, buffer }: ReadOrder) => {
  try {
    source ??= openImages(path, dataset, preprocessing);
    const { read, size } = source;
    const planes = new Float32Array(buffer);
    rows.forEach((row, i) => read(row, planes, i * 3 * size * size));
    answer({ buffer }, [buffer]);
  } catch (error) {
    answer({ error: serializeError(error) });
  }
});

function answer(message: ReadAnswer, transfer: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}
