/** The one table of operators, total over OpType: the compiler names the operator that has no entry. */
import { activationOperators } from './activations.js';
import { arithmeticOperators } from './arithmetic.js';
import { arrangementOperators } from './arrangement.js';
import { convolutionOperators } from './convolution.js';
import { elementwiseOperators } from './elementwise.js';
import { indexingOperators } from './indexing.js';
import { linearOperators } from './linear.js';
import { normalizationOperators } from './normalization.js';
import type { OpType } from './op-types.js';
import type { Operator } from './operator.js';
import { poolingOperators } from './pooling.js';
import { reductionOperators } from './reduction.js';
import { resizeOperators } from './resize.js';
import { roundingOperators } from './rounding.js';
import { selectionOperators } from './selection.js';
import { trigonometricOperators } from './trigonometry.js';

export const OPERATORS: { readonly [O in OpType]: Operator } = {
  ...convolutionOperators,
  ...poolingOperators,
  ...elementwiseOperators,
  ...activationOperators,
  ...trigonometricOperators,
  ...roundingOperators,
  ...arithmeticOperators,
  ...linearOperators,
  ...reductionOperators,
  ...normalizationOperators,
  ...arrangementOperators,
  ...resizeOperators,
  ...indexingOperators,
  ...selectionOperators,
};
