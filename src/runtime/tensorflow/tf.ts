/** The part of TensorFlow.js that kernels use: what @tensorflow/tfjs-core, tfjs-node and tfjs-node-gpu have in common. Types only. */
import type * as Core from '@tensorflow/tfjs-core';

export type Tf = typeof Core;
export type T = Core.Tensor;
