/**
 * The files of an ONNX model: the one that is named, and those beside it that hold its weights, so that the content of all of them is in the key.
 * Loaded by the planner: of the model only what is around the weights is read, and a file that is no model is left for the stage to refuse.
 */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import type { JsonObject } from '../../core/json.js';
import type { ExternalFile } from '../../engine/stage.js';
import { externalLocations } from '../../graph/onnx/external-locations.js';
import { externalPath } from '../../graph/onnx/model-file.js';

export async function onnxExternals(params: JsonObject): Promise<readonly ExternalFile[]> {
  const path = String(params['file']);
  const model: ExternalFile = { name: 'file', path };
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return [model];
  const locations = locationsOf(path);
  return [model, ...locations.map(({ path: location, tensor }, i) => ({ name: `data/${i + 1}`, path: externalPath(dirname(path), location, tensor) }))];
}

/** A damaged file is the stage's to report; a location that leads out of the folder is refused before anything there is looked at. */
function locationsOf(path: string): ReturnType<typeof externalLocations> {
  try {
    return externalLocations(path);
  } catch (error) {
    if (error instanceof PipelineError && error.message.includes('outside the folder')) throw error;
    if (error instanceof PipelineError) return [];
    throw error;
  }
}
