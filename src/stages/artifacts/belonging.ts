/**
 * Do a backbone, features and a readout belong together? Networks of one architecture have the same layer names and shapes, so nothing but the digest of
 * the model tells a trained one from an untrained one; used together they would give plausible nonsense.
 */
import { PipelineError } from '../../core/errors.js';
import type { Backbone } from './backbone.js';
import type { FeatureLayer, Features } from './features.js';
import type { ReadoutFile } from './readout.js';

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
