/**
 * @module Registry of the built-in architectures, by id. Families register themselves here; each lives in a file or folder of its own.
 */
import { PipelineError } from '../core/errors.js';
import { nearest } from '../graph/names.js';
import { alexnet } from './alexnet.js';
import type { Architecture } from './architecture.js';
import { CLIP_RESNETS } from './clip-resnet.js';
import { CLIP_TEXT_TOWERS, CLIP_TRANSFORMERS } from './clip-transformer.js';
import { convnextTiny } from './convnext.js';
import { DINOV2 } from './dinov2.js';
import { RESNETS } from './resnet.js';
import { VGGS } from './vgg.js';
import { VISION_TRANSFORMERS } from './vit.js';

export const ARCHITECTURES: readonly Architecture[] = [alexnet, ...VGGS, ...RESNETS, convnextTiny, ...VISION_TRANSFORMERS, ...DINOV2, ...CLIP_RESNETS, ...CLIP_TRANSFORMERS, ...CLIP_TEXT_TOWERS];

/** Errors: E_WEIGHTS naming the nearest ids. */
export function architectureOf(id: string): Architecture {
  const found = ARCHITECTURES.find((architecture) => architecture.id === id);
  if (found !== undefined) return found;
  throw new PipelineError('E_WEIGHTS', `'${id}' is not a built-in architecture`, {
    facts: { expected: `one of ${ARCHITECTURES.length}, nearest ${nearest(id, ARCHITECTURES.map((architecture) => architecture.id))}`, found: id },
    hint: 'Run `pipeline backbone list`, or bring the model as an ONNX file with backbone.onnx.',
  });
}
