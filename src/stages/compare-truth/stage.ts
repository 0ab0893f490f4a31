/** `compare.truth`: what the known brain says to many results, gathered over seeds and conditions and held against bars stated beforehand. */
import { Type } from '@sinclair/typebox';
import type { ReportBlock } from '../../core/report-block.js';
import { writeCsv } from '../../formats/csv.js';
import { defineStage } from '../define.js';
import { boundText, conditionsOf, holdBars, labelText, type BarResult, type Check, type Condition, type Figures } from './compare.js';

const scalar = Type.Union([Type.String(), Type.Number(), Type.Boolean()]);

export default defineStage({
  type: 'compare.truth',
  version: 1,
  summary: 'Gathers checks against the true brain over seeds and conditions: medians, ranges, and bars stated beforehand.',
  description: [
    'Every truth.check holds a flat table of figures (`targets_passed`, `response.<target>`, `inside`, `completeness_gap`, …). The labels of the gathered checks (axes of a matrix, names of a map) are replicates where `over` names them, such as seeds of the simulator; all others together are the condition. Medians, smallest and largest values run over replicates.',
    'A bar holds the median of a figure, in every condition that has the labels in `where`, against `at_least` and `at_most`. A missed bar is a result, not an error: the report says so, and the metric `bars_missed` counts. A median over some replicates only (a value is not defined) misses. A bar about nothing is an error.',
  ].join('\n\n'),
  params: Type.Object(
    {
      over: Type.Array(Type.String({ minLength: 1 }), { default: ['seed'], uniqueItems: true, description: 'labels that number replicates' }),
      bars: Type.Array(
        Type.Object(
          {
            figure: Type.String({ minLength: 1, description: 'name of the figure' }),
            where: Type.Optional(Type.Record(Type.String(), scalar, { description: 'labels that a condition must have; absent: every condition' })),
            at_least: Type.Optional(Type.Number()),
            at_most: Type.Optional(Type.Number()),
          },
          { additionalProperties: false },
        ),
        { default: [], description: 'what the medians must reach' },
      ),
    },
    { additionalProperties: false },
  ),
  inputs: { checks: { type: 'TruthCheck', description: 'the checks to gather', many: true } },
  outputs: { comparison: { type: 'TruthComparison', description: 'figures of every check, their medians, and the bars', publish: ['*.csv', 'comparison.json'] } },
  needs: [],
  random: false,
  runs: 'inline',
  resources: { cpus: 1, memoryMb: 100 },
  async run({ params, inputs, outputs, metric }) {
    const checks: Check[] = inputs.checks.map(({ labels, artifact }) => ({ labels, figures: artifact.json<{ readonly figures: Figures }>('check.json').figures }));
    const conditions = conditionsOf(checks, params.over);
    const bars = holdBars(params.bars, conditions);
    const writer = outputs.comparison;
    writeChecks(writer.path('checks.csv'), checks);
    writeConditions(writer.path('summary.csv'), conditions);
    writer.json('comparison.json', { over: params.over, checks, conditions, bars });
    writer.json('report.json', report(conditions, bars, params.over));
    metric('bars_met', bars.filter(({ met }) => met).length);
    metric('bars_missed', bars.filter(({ met }) => !met).length);
  },
});

const namesOf = (labels: readonly Check['labels'][]): string[] => [...new Set(labels.flatMap((one) => Object.keys(one)))].sort();

function writeChecks(path: string, checks: readonly Check[]): void {
  const names = namesOf(checks.map(({ labels }) => labels));
  writeCsv(path, [...names, 'figure', 'value'], checks.flatMap(({ labels, figures }) => Object.keys(figures).sort().map((figure) => [...names.map((name) => labels[name] ?? null), figure, figures[figure] ?? null])));
}

function writeConditions(path: string, conditions: readonly Condition[]): void {
  const names = namesOf(conditions.map(({ labels }) => labels));
  writeCsv(path, [...names, 'figure', 'median', 'low', 'high', 'defined', 'undefined'], conditions.flatMap(({ labels, summaries }) =>
    summaries.map((summary) => [...names.map((name) => labels[name] ?? null), summary.figure, summary.median, summary.low, summary.high, summary.defined, summary.undefined])));
}

function report(conditions: readonly Condition[], bars: readonly BarResult[], over: readonly string[]): ReportBlock[] {
  const figures = [...new Set(conditions.flatMap(({ summaries }) => summaries.map(({ figure }) => figure)))].sort();
  const replicates = Math.max(0, ...conditions.map((condition) => condition.replicates));
  const cell = (condition: Condition, figure: string): string | null => {
    const summary = condition.summaries.find((one) => one.figure === figure);
    if (summary === undefined || summary.median === null) return null;
    const range = summary.low === summary.high ? '' : ` (${short(summary.low)} … ${short(summary.high)})`;
    return `${short(summary.median)}${range}${summary.undefined > 0 ? `, ${summary.undefined} undefined` : ''}`;
  };
  return [
    ...(bars.length === 0 ? [] : [{
      kind: 'table' as const, title: `Bars: ${bars.filter(({ met }) => met).length} of ${bars.length} met`,
      columns: ['figure', 'condition', 'bar', 'median', 'replicates', ''],
      rows: bars.map(({ bar, condition, median, replicates: n, met }) => [bar.figure, labelText(condition), boundText(bar), median, n, met ? 'met' : 'MISSED']),
    }]),
    {
      kind: 'table', title: `Medians (and ranges) over ${over.join(', ')}: up to ${replicates} replicates`,
      columns: ['figure', ...conditions.map(({ labels }) => labelText(labels))], rows: figures.map((figure) => [figure, ...conditions.map((condition) => cell(condition, figure))]),
    },
  ];
}

const short = (value: number | null): string => (value === null ? '' : String(Number(value.toPrecision(3))));
