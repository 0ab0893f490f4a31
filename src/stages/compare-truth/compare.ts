/**
 * Checks against the truth over seeds and conditions: which figures, their median over replicates, and whether it reaches what was stated beforehand.
 * No figure is known by name here; nothing is averaged away, undefined values are counted.
 */
import { PipelineError } from '../../core/errors.js';
import type { Labels } from '../../engine/stage.js';
import { finiteOrNull, median } from '../../math/statistics.js';

export type Figures = Readonly<Record<string, number | null>>;

export interface Check {
  readonly labels: Labels;
  readonly figures: Figures;
}

export interface FigureSummary {
  readonly figure: string;
  /** over the replicates that have a value; null when none has */
  readonly median: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly defined: number;
  readonly undefined: number;
}

/** Checks that differ in replicate labels only. */
export interface Condition {
  readonly labels: Labels;
  readonly replicates: number;
  /** ascending by name */
  readonly summaries: readonly FigureSummary[];
}

export interface Bar {
  readonly figure: string;
  /** labels that a condition must have; absent: all conditions */
  readonly where?: Labels;
  readonly at_least?: number;
  readonly at_most?: number;
}

export interface BarResult {
  readonly bar: Bar;
  readonly condition: Labels;
  readonly median: number | null;
  readonly replicates: number;
  /** false too for a median that is not defined, or not over all replicates */
  readonly met: boolean;
}

/** `baseline blur, name trained`, labels in order; `all` without labels. */
export function labelText(labels: Labels): string {
  return Object.keys(labels).sort().map((name) => `${name} ${String(labels[name])}`).join(', ') || 'all';
}

/**
 * Conditions in the order of their first check.
 * @param over names of the labels that number replicates
 * Errors: E_DATA when two checks are the same replicate of one condition.
 */
export function conditionsOf(checks: readonly Check[], over: readonly string[]): readonly Condition[] {
  const groups = new Map<string, { readonly labels: Labels; readonly members: Map<string, Figures> }>();
  for (const { labels, figures } of checks) {
    const pick = (replicate: boolean): Labels => Object.fromEntries(Object.entries(labels).filter(([name]) => over.includes(name) === replicate));
    const condition = pick(false);
    const replicate = labelText(pick(true));
    const group = groups.get(labelText(condition)) ?? { labels: condition, members: new Map<string, Figures>() };
    groups.set(labelText(condition), group);
    if (group.members.has(replicate)) {
      throw new PipelineError('E_DATA', `two checks are both "${labelText(labels)}"`, {
        facts: { expected: 'labels that tell every two checks apart', found: labelText(labels) }, hint: 'Connect each check once, or give the sources names.',
      });
    }
    group.members.set(replicate, figures);
  }
  return [...groups.values()].map(({ labels, members }) => {
    const all = [...members.values()];
    const names = [...new Set(all.flatMap((figures) => Object.keys(figures)))].sort();
    return { labels, replicates: all.length, summaries: names.map((figure) => summarize(figure, all)) };
  });
}

function summarize(figure: string, replicates: readonly Figures[]): FigureSummary {
  const values = replicates.flatMap((figures) => (typeof figures[figure] === 'number' ? [figures[figure]] : []));
  return {
    figure, median: finiteOrNull(median(values)), low: values.length === 0 ? null : Math.min(...values), high: values.length === 0 ? null : Math.max(...values),
    defined: values.length, undefined: replicates.length - values.length,
  };
}

/**
 * Each bar against every condition that it is about.
 * Errors: E_DATA for a bar without a bound, or that is about no condition or an unknown figure: it would count as met unseen.
 */
export function holdBars(bars: readonly Bar[], conditions: readonly Condition[]): readonly BarResult[] {
  return bars.flatMap((bar) => {
    if (bar.at_least === undefined && bar.at_most === undefined) {
      throw new PipelineError('E_DATA', `the bar on "${bar.figure}" has no bound`, { facts: { expected: 'at_least, at_most, or both', found: 'neither' }, hint: 'State what the median must reach.' });
    }
    const where = Object.entries(bar.where ?? {});
    const about = conditions.filter(({ labels }) => where.every(([name, value]) => labels[name] === value));
    if (about.length === 0) {
      throw new PipelineError('E_DATA', `the bar on "${bar.figure}" is about no condition`, {
        facts: { expected: conditions.map(({ labels }) => labelText(labels)).join('; '), found: labelText(bar.where ?? {}) }, hint: 'Correct its where, or connect the checks that it is about.',
      });
    }
    return about.map(({ labels, replicates, summaries }) => {
      const summary = summaries.find(({ figure }) => figure === bar.figure);
      if (summary === undefined) {
        throw new PipelineError('E_DATA', `the checks "${labelText(labels)}" have no figure "${bar.figure}"`, { facts: { expected: summaries.map(({ figure }) => figure).join(', '), found: bar.figure }, hint: 'Name one of these figures.' });
      }
      const value = summary.undefined > 0 ? null : summary.median;
      return { bar, condition: labels, median: summary.median, replicates, met: value !== null && value >= (bar.at_least ?? -Infinity) && value <= (bar.at_most ?? Infinity) };
    });
  });
}

/** `≥ 3`, `≤ 0.01`, `3 … 4`. */
export function boundText({ at_least: low, at_most: high }: Bar): string {
  if (low !== undefined && high !== undefined) return `${low} … ${high}`;
  return low !== undefined ? `≥ ${low}` : `≤ ${high ?? ''}`;
}
