/** The one table of kernels. It covers every operator that a graph may hold: a test compares the two, and the compiler names the one that is missing. */
import type { Kernel } from '../kernel.js';
import { arithmeticKernels } from './arithmetic.js';
import { arrangementKernels } from './arrangement.js';
import { convolutionKernels } from './convolution.js';
import { elementwiseKernels } from './elementwise.js';
import { indexingKernels } from './indexing.js';
import { linearKernels } from './linear.js';
import { normalizationKernels } from './normalization.js';
import { paddingKernels } from './padding.js';
import { poolingKernels } from './pooling.js';
import { reductionKernels } from './reduction.js';
import { resizeKernels } from './resize.js';

export const KERNELS = {
  ...convolutionKernels,
  ...poolingKernels,
  ...elementwiseKernels,
  ...arithmeticKernels,
  ...linearKernels,
  ...reductionKernels,
  ...normalizationKernels,
  ...arrangementKernels,
  ...paddingKernels,
  ...resizeKernels,
  ...indexingKernels,
} satisfies Readonly<Record<string, Kernel>>;

export function kernelOf(op: string): Kernel | undefined {
  return Object.hasOwn(KERNELS, op) ? (KERNELS as Readonly<Record<string, Kernel>>)[op] : undefined;
}
