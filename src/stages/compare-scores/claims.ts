/**
 * Claims about curves, held against them: what a study set out to show is written in the pipeline file before it runs, and the report says whether
 * it came out. A claim is checked at every x and in every region; nothing is averaged away.
 */
import { Type, type Static } from '@sinclair/typebox';
import { PipelineError } from '../../core/errors.js';
import type { Curve } from './curves.js';

const region = Type.Array(Type.String({ minLength: 1 }), { default: [], description: 'regions it is about; none: all that are compared' });
const series = Type.String({ minLength: 1, description: 'the series that the claim is about' });

export const Claims = Type.Array(
  Type.Union([
    Type.Object({ series, above: Type.Array(Type.String({ minLength: 1 }), { minItems: 1, description: 'its value is larger than those of all of these' }), regions: Type.Optional(region) }, { additionalProperties: false }),
    Type.Object(
      { series, within: Type.Number({ minimum: 0, description: 'its value is at most this much below …' }), of: Type.String({ minLength: 1, description: '… the value of this series' }), regions: Type.Optional(region) },
      { additionalProperties: false },
    ),
    Type.Object({ series, rises: Type.Literal(true, { description: 'its value grows from each x to the next' }), regions: Type.Optional(region) }, { additionalProperties: false }),
  ]),
  { default: [], description: 'what the comparison is meant to show, of medians: checked at every x and in every region, and reported as held or not' },
);
export type Claim = Static<typeof Claims>[number];

export interface Verdict {
  readonly claim: string;
  readonly region: string;
  readonly held: boolean;
  /** xs at which it was checked and at which it failed; empty lists of numbers without an x axis */
  readonly checked: number;
  readonly failedAt: readonly number[];
  /** smallest distance to failing, in units of the metric; negative where it fails. NaN if a value is not defined. */
  readonly margin: number;
}

/** Errors: E_OUT_OF_RANGE for a series or region that is not compared. */
export function checkClaims(claims: readonly Claim[], curves: readonly Curve[], regions: readonly string[]): readonly Verdict[] {
  return claims.flatMap((claim) => {
    const about = claim.regions === undefined || claim.regions.length === 0 ? regions : claim.regions;
    return about.map((name) => verdictOf(claim, name, curves));
  });
}

function verdictOf(claim: Claim, region: string, curves: readonly Curve[]): Verdict {
  const curve = find(curves, claim.series, region);
  const margins = marginsOf(claim, curve, region, curves);
  // A value that is not defined proves nothing: it fails.
  const failing = margins.filter(({ margin }) => !(margin >= 0));
  return {
    claim: textOf(claim), region, held: failing.length === 0 && margins.length > 0, checked: margins.length,
    failedAt: failing.map(({ x }) => x).filter((x) => !Number.isNaN(x)), margin: margins.reduce((least, { margin }) => (Number.isNaN(margin) || margin < least ? margin : least), Infinity),
  };
}

function marginsOf(claim: Claim, curve: Curve, region: string, curves: readonly Curve[]): { readonly x: number; readonly margin: number }[] {
  if ('rises' in claim) return curve.points.slice(1).map(({ x, value }, i) => ({ x, margin: value - (curve.points[i]?.value ?? NaN) }));
  const others = ('above' in claim ? claim.above : [claim.of]).map((name) => find(curves, name, region));
  const slack = 'above' in claim ? 0 : claim.within;
  return curve.points.flatMap(({ x, value }) => others.map((other) => {
    const rival = other.points.find((point) => Object.is(point.x, x))?.value ?? NaN;
    const margin = value - rival + slack;
    // "above" is strict: equal values do not beat each other.
    return { x, margin: 'above' in claim && margin === 0 ? -Number.MIN_VALUE : margin };
  }));
}

function find(curves: readonly Curve[], series: string, region: string): Curve {
  const curve = curves.find((candidate) => candidate.series === series && candidate.region === region);
  if (curve !== undefined) return curve;
  const known = (of: (one: Curve) => string): string => [...new Set(curves.map(of))].join(', ');
  throw new PipelineError('E_OUT_OF_RANGE', `a claim is about "${series}" in "${region}", which is not compared`, {
    facts: { 'series compared': known((one) => one.series), 'regions compared': known((one) => one.region) }, hint: 'Name a series and a region of this comparison.',
  });
}

function textOf(claim: Claim): string {
  if ('rises' in claim) return `${claim.series} rises`;
  return 'above' in claim ? `${claim.series} above ${claim.above.join(' and ')}` : `${claim.series} at most ${claim.within} below ${claim.of}`;
}
