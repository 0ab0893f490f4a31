/** The grid of penalties as a parameter: a list, or so many values evenly spaced in their logarithm. */
import { Type, type Static } from '@sinclair/typebox';
import { PipelineError } from '../../core/errors.js';

export const Alphas = Type.Union(
  [
    Type.Array(Type.Number({ exclusiveMinimum: 0 }), { minItems: 1, uniqueItems: true }),
    Type.Object(
      {
        from: Type.Number({ exclusiveMinimum: 0, description: 'smallest penalty' }),
        to: Type.Number({ exclusiveMinimum: 0, description: 'largest penalty' }),
        count: Type.Integer({ minimum: 1, maximum: 200, description: 'number of penalties, evenly spaced in their logarithm' }),
      },
      { additionalProperties: false },
    ),
  ],
  { default: { from: 1, to: 1e7, count: 15 }, description: 'penalties to choose from: a list, or a logarithmic grid {from, to, count}' },
);

/** from·(to/from)^(i/(count − 1)); both ends exact. Errors: E_OUT_OF_RANGE if `to` is below `from`, or they differ and count is 1. */
export function expandAlphas(alphas: Static<typeof Alphas>): readonly number[] {
  if (Array.isArray(alphas)) return alphas;
  const { from, to, count } = alphas;
  if (to < from || (count === 1 && to !== from)) {
    throw new PipelineError('E_OUT_OF_RANGE', '"alphas" is not a grid', {
      facts: { expected: 'from below to, and a count of at least 2', found: `from ${from} to ${to}, count ${count}` },
      hint: 'Write e.g. alphas: {from: 1, to: 1e7, count: 15}.',
    });
  }
  return Array.from({ length: count }, (_, i) => (i === 0 ? from : i === count - 1 ? to : from * (to / from) ** (i / (count - 1))));
}
