/**
 * The mean over both spatial axes of an image [N, C, H, W], however it was exported (ReduceMean, AveragePool over the whole map), is a GlobalAveragePool:
 * ONNX Runtime computes that in the layout of the convolutions around it (squeeze-and-excitation blocks, the end of ResNets).
 */
import { reshape } from '../layers.js';
import type { Value } from '../ir.js';
import { numbersOf } from './constants.js';
import type { Site } from './rewriting.js';

export function unifyGlobalAverage(site: Site): Value | undefined {
  const [x] = site.inputs;
  if (x?.shape.length !== 4 || x.dtype !== 'float32' || !meansWholeMap(site, x)) return undefined;
  const keepsAxes = site.output.shape.length === 4;
  const mean = site.emit.op('GlobalAveragePool', [x], {}, keepsAxes ? site.output.name : undefined);
  return keepsAxes ? mean : reshape(site.emit, mean, site.output.shape, site.output.name);
}

function meansWholeMap(site: Site, x: Value): boolean {
  const { attributes } = site;
  if (site.op === 'ReduceMean') {
    const axes = numbersOf(site.constant(site.inputs[1]))?.map((axis) => (axis < 0 ? axis + 4 : axis)).sort((a, b) => a - b);
    return axes?.join() === '2,3';
  }
  if (site.op !== 'AveragePool') return false;
  const kernel = attributes['kernel_shape'] as readonly number[];
  const pads = (attributes['pads'] as readonly number[] | undefined) ?? [];
  return kernel.join() === x.shape.slice(2).join() && pads.every((pad) => pad === 0) && (attributes['auto_pad'] ?? 'NOTSET') === 'NOTSET' && site.output.shape.slice(2).every((extent) => extent === 1);
}
