/** What differs between two runs, as lines for people: what was asked and made with first, then the stages that differ; what is the same is only counted. */
import type { JsonValue } from '../../core/json.js';
import type { RunDifference, StageDifference, StageSide } from '../../engine/diff-runs.js';
import type { ValueChange } from '../../engine/diff-values.js';
import { printable, type Style } from '../terminal.js';
import { shortKey } from './stage-line.js';

const LONGEST_VALUE = 60;
const DIGITS = 6;
const MOST_SOURCE_LINES = 200;

export function diffLines(difference: RunDifference, style: Style): string[] {
  const { params, env, options, sources, sameSource, git, software, hardware, stages } = difference;
  const differing = stages.filter((stage) => stage.differs);
  const lines = [
    ...section('params', params, style),
    ...section('environment', env, style),
    ...section('options', options, style),
    ...(sameSource ? [] : sourceLines(difference, style)),
    ...section('git', git, style),
    ...section('software', software, style),
    ...section('hardware', hardware, style),
    ...differing.flatMap((stage) => stageLines(stage, style)),
  ];
  const same = stages.length - differing.length;
  if (same > 0) lines.push(style.dim(`${same} ${same === 1 ? 'stage' : 'stages'} with the same key and results`));
  if (stages.length === 0) lines.push(style.dim('no stages'));
  return !sameSource && sources.length === 0 ? [style.bold('pipeline file changed'), ...lines] : lines;
}

function section(title: string, changes: readonly ValueChange[], style: Style): string[] {
  return changes.length === 0 ? [] : [style.bold(title), ...changes.map(({ path, before, after }) => `  ${printable(path)} ${shown(before)} ${style.arrow} ${shown(after)}`)];
}

function sourceLines({ sources }: RunDifference, style: Style): string[] {
  return sources.flatMap(({ path, a, b, diff }) => {
    const title = `${style.bold('pipeline file')}  ${printable(path)}`;
    if (diff === undefined) return [`${title}  ${a === null ? 'was not there, or its text was not kept' : b === null ? 'is not there any more, or its text was not kept' : 'changed'}`];
    const lines = diff.slice(0, MOST_SOURCE_LINES).map((line) => `  ${paint(printable(line), style)}`);
    return [title, ...lines, ...(diff.length > lines.length ? [style.dim(`  and ${diff.length - lines.length} more lines: see --json`)] : [])];
  });
}

function paint(line: string, style: Style): string {
  return line.startsWith('+') ? style.green(line) : line.startsWith('-') ? style.red(line) : line.startsWith('@') ? style.dim(line) : line;
}

function stageLines({ stage, a, b, sameKey, changes, metrics, outputs, sameMetrics, sameOutputs }: StageDifference, style: Style): string[] {
  const lines = [`${style.bold(stage)}  ${sideText(a)} ${style.arrow} ${sideText(b)}`];
  if (changes === null) lines.push('  why the keys differ is not known: the key material of one of them is gone');
  for (const change of changes ?? []) lines.push(`  ${change.code.padEnd('external'.length)}  ${printable(change.text)}`);
  if (sameKey === true && metrics.length + outputs.length > 0) lines.push(style.yellow('  the same key gave another result'));
  for (const { name, a: before, b: after, delta } of metrics) lines.push(`  metric    ${printable(name)} ${number(before)} ${style.arrow} ${number(after)}${delta === null ? '' : `  (${delta > 0 ? '+' : ''}${number(delta)})`}`);
  for (const { name, a: before, b: after } of outputs) lines.push(`  output    ${name} ${before === null ? 'is new' : after === null ? 'is gone' : `differs: ${shortKey(before)} ${style.arrow} ${shortKey(after)}`}`);
  const same = [...(sameMetrics > 0 ? [`${sameMetrics} ${sameMetrics === 1 ? 'metric' : 'metrics'}`] : []), ...(sameOutputs > 0 ? [`${sameOutputs} ${sameOutputs === 1 ? 'output' : 'outputs'}`] : [])];
  if (same.length > 0) lines.push(style.dim(`  the same: ${same.join(', ')}`));
  return lines;
}

function sideText(side: StageSide | null): string {
  return side === null ? 'not in this run' : `${side.word ?? 'not settled'}${side.key === null ? '' : ` ${shortKey(side.key)}`}`;
}

function number(value: number | null): string {
  return value === null ? '-' : Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(DIGITS)));
}

function shown(value: JsonValue | undefined): string {
  if (value === undefined) return '(none)';
  const text = JSON.stringify(value);
  return printable(text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text);
}
