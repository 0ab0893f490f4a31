/**
 * Claims about curves, held against them: what a study set out to show is written in the pipeline file before it runs, and the report says whether
 * it came out. A claim is checked at every x and in every region; nothing is averaged away, and what was not measured counts against it.
 */
import { Type, type Static } from '@sinclair/typebox';
import { PipelineError } from '../../core/errors.js';
import type { Curve, CurvePoint } from './curves.js';
import { differencesOf, type Difference } from './differences.js';

const region = Type.Array(Type.String({ minLength: 1 }), { default: [], description: 'regions it is about; none: all that are compared' });
const series = Type.String({ minLength: 1, description: 'the series that the claim is about' });
const significant = Type.Boolean({ description: 'true: every single score behind it, at every x, must be larger beyond the chance of the test images: the interval of its paired difference lies above 0' });

export const Claims = Type.Array(
  Type.Union([
    Type.Object(
      { series, above: Type.Array(Type.String({ minLength: 1 }), { minItems: 1, description: 'its value is larger than those of all of these' }), significant: Type.Optional(significant), regions: Type.Optional(region) },
      { additionalProperties: false },
    ),
    Type.Object(
      { series, within: Type.Number({ minimum: 0, description: 'its value is at most this much below …' }), of: Type.String({ minLength: 1, description: '… the value of this series' }), regions: Type.Optional(region) },
      { additionalProperties: false },
    ),
    Type.Object({ series, rises: Type.Literal(true, { description: 'its value grows from each x to the next' }), regions: Type.Optional(region) }, { additionalProperties: false }),
  ]),
  { default: [], description: 'what the comparison is meant to show, of medians: checked at every x and in every region, and reported as held or not' },
);
export type Claim = Static<typeof Claims>[number];

export interface Failure {
  /** NaN without an x axis */
  readonly x: number;
  readonly why: 'smaller' | 'no score' | 'undefined' | 'other scores behind it' | 'not significant';
}

export interface Verdict {
  readonly claim: string;
  readonly region: string;
  readonly held: boolean;
  /** comparisons made, of values and of series */
  readonly checked: number;
  readonly failures: readonly Failure[];
  /** smallest distance to failing, in units of the metric; negative where it fails. NaN if a value is not defined. */
  readonly margin: number;
  /** paired differences behind an `above`, one for each score and rival; empty where scores have no replicates of the same resamples */
  readonly differences: readonly Difference[];
}

/** Errors: E_OUT_OF_RANGE for a series or region that is not compared; E_DATA if significance is asked for and replicates are not paired. */
export function checkClaims(claims: readonly Claim[], curves: readonly Curve[], regions: readonly string[]): readonly Verdict[] {
  return claims.flatMap((claim) => {
    const about = claim.regions === undefined || claim.regions.length === 0 ? regions : claim.regions;
    return about.map((name) => verdictOf(claim, name, curves));
  });
}

interface Check {
  readonly x: number;
  /** what it must be larger than (`above`, `rises`) or not smaller than (`within`) is 0 */
  readonly margin: number;
  readonly failure?: Failure['why'];
}

function verdictOf(claim: Claim, region: string, curves: readonly Curve[]): Verdict {
  const checks = 'rises' in claim ? steps(find(curves, claim.series, region)) : comparisons(claim, region, curves);
  const differences = 'above' in claim ? claim.above.flatMap((rival) => differencesOf(find(curves, claim.series, region), find(curves, rival, region), claim.significant === true)) : [];
  const insignificant = 'above' in claim && claim.significant === true ? [...new Set(differences.filter(({ low }) => !(low > 0)).map(({ x }) => x))] : [];
  const failures = [
    ...checks.flatMap(({ x, failure }) => (failure === undefined ? [] : [{ x, why: failure }])),
    ...insignificant.map((x): Failure => ({ x, why: 'not significant' })),
  ];
  return {
    claim: textOf(claim), region, held: failures.length === 0 && checks.length > 0, checked: checks.length, failures, differences,
    margin: checks.reduce((least, { margin }) => (Number.isNaN(margin) || margin < least ? margin : least), Infinity),
  };
}

function steps({ points }: Curve): readonly Check[] {
  return points.slice(1).map((point, i) => compare(point.x, point, points[i], 0, true));
}

/** At every x of any of the series named: a series that has no score there shows nothing. */
function comparisons(claim: Exclude<Claim, { rises: true }>, region: string, curves: readonly Curve[]): readonly Check[] {
  const curve = find(curves, claim.series, region);
  const others = ('above' in claim ? claim.above : [claim.of]).map((name) => find(curves, name, region));
  const xs = [...new Set([curve, ...others].flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  const at = ({ points }: Curve, x: number): CurvePoint | undefined => points.find((point) => Object.is(point.x, x));
  return xs.flatMap((x) => others.map((other) => compare(x, at(curve, x), at(other, x), 'above' in claim ? 0 : claim.within, 'above' in claim)));
}

/** @param strict equal values do not beat each other */
function compare(x: number, a: CurvePoint | undefined, b: CurvePoint | undefined, slack: number, strict: boolean): Check {
  if (a === undefined || b === undefined) return { x, margin: NaN, failure: 'no score' };
  // Medians over other seeds, or other subjects, are not comparable.
  if (a.members.length !== b.members.length || a.members.some(({ over }, i) => over !== b.members[i]?.over)) return { x, margin: NaN, failure: 'other scores behind it' };
  const margin = a.value - b.value + slack;
  if (Number.isNaN(margin)) return { x, margin, failure: 'undefined' };
  return (strict ? margin > 0 : margin >= 0) ? { x, margin } : { x, margin, failure: 'smaller' };
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
  return 'above' in claim ? `${claim.series}${claim.significant === true ? ' significantly' : ''} above ${claim.above.join(' and ')}` : `${claim.series} at most ${claim.within} below ${claim.of}`;
}
