/**
 * Do a backbone, features and a readout belong together, and had the images that are scored no part in making them? Networks of one architecture have the same
 * layer names and shapes, so nothing but the digest of the model tells a trained one from an untrained one; used together they would give plausible nonsense.
 */
import { PipelineError } from '../../core/errors.js';
import type { Backbone } from './backbone.js';
import type { FeatureLayer, Features } from './features.js';
import type { FittedOn } from './fitted-on.js';
import type { ReadoutFile } from './readout.js';
import type { Stimuli } from './stimuli.js';

/** Errors: E_DATA unless the readout was fitted on features of exactly this model. */
export function requireOwnBackbone(readout: Pick<ReadoutFile, 'backbone'>, backbone: Pick<Backbone, 'digest' | 'name'>): void {
  if (readout.backbone === backbone.digest) return;
  throw new PipelineError('E_DATA', `the readout was not fitted on features of the backbone "${backbone.name}"`, {
    facts: { expected: readout.backbone ?? 'a readout of a backbone: this one was fitted on features that no backbone made', found: backbone.digest },
    hint: 'Connect the backbone that the features of the readout came from.',
  });
}

/** Errors: E_DATA unless the features have the layout, and come from the model, that the readout was fitted on. */
export function requireOwnFeatures(readout: Pick<ReadoutFile, 'backbone' | 'layers' | 'featureCount'>, features: Pick<Features, 'backbone' | 'layers' | 'width'>): void {
  const same = readout.backbone === features.backbone && readout.featureCount === features.width && layoutOf(readout.layers) === layoutOf(features.layers);
  if (same) return;
  const describe = (layers: readonly FeatureLayer[], width: number, backbone: string | null): string =>
    `${layers.map((layer) => `${layer.name} ${layer.channels.length}×${layer.grid.join('×')}`).join(', ')} (${width} features, backbone ${backbone?.slice(0, 8) ?? 'none'})`;
  throw new PipelineError('E_DATA', 'the features are not those that the readout was fitted on', {
    facts: { expected: describe(readout.layers, readout.featureCount, readout.backbone), found: describe(features.layers, features.width, features.backbone) },
    hint: 'Connect the features stage that the readout was fitted on.',
  });
}

const layoutOf = (layers: readonly FeatureLayer[]): string => JSON.stringify(layers.map(({ name, channels, grid, offset, map }) => [name, channels, grid, offset, map]));

/**
 * Errors: E_LEAK if the readout was fitted on one of the images, or on another crop of its photograph, or if the channels of the features were chosen, or their
 * backbone was tuned, on one.
 * What counts is what the artifacts record of themselves, not the split that is connected now: a readout fitted under another split is caught.
 */
export function requireUnseen(stimuli: Pick<Stimuli, 'images'>, nsdIds: Int32Array, fit: FittedOn, features: Pick<Features, 'selectedOn'>): void {
  refuse(nsdIds, new Set(fit.trainingImages), 'the readout was fitted on it', 'a readout that has seen no test image', 'among its training images', 'Connect the readout and the evaluation to the same nsd.stimuli stage.');
  const photographs = new Set(fit.trainingPhotographs);
  const wanted = new Set(nsdIds);
  const cropped = Int32Array.from(stimuli.images.filter((image) => wanted.has(image.nsdId) && image.cocoId !== null && photographs.has(image.cocoId)).map((image) => image.nsdId));
  refuse(nsdIds, new Set(cropped), 'the readout was fitted on another crop of its photograph', 'every COCO photograph in one part of the split', 'crops of training photographs', 'Connect the readout and the evaluation to the same nsd.stimuli stage.');
  refuse(nsdIds, new Set(features.selectedOn), 'the channels of the features were chosen on it, or their backbone tuned', 'features that training images alone had a part in', 'among the images that did', 'Connect backbone.finetune, features.extract and the evaluation to the same nsd.stimuli stage.');
}

function refuse(nsdIds: Int32Array, seen: ReadonlySet<number>, why: string, expected: string, among: string, hint: string): void {
  const leaked = nsdIds.filter((nsdId) => seen.has(nsdId));
  if (leaked.length === 0) return;
  throw new PipelineError('E_LEAK', `image ${String(leaked[0])} (nsdId) is a test image and ${why}`, { facts: { expected, found: `${leaked.length} of ${nsdIds.length} test images ${among}` }, hint });
}
