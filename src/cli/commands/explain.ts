/** `pipeline explain FILE STAGE`: each value in which the key material of a stage, or of its instances, differs from what is stored. */
import { PipelineError } from '../../core/errors.js';
import { baseName, namesInShort } from '../../engine/coordinates.js';
import { explainStages, type Explanation } from '../../engine/explain.js';
import type { Plan } from '../../engine/plan.js';
import { splitSelectors } from '../../engine/stage-selector.js';
import { checkedPlan } from '../checked-plan.js';
import type { Invocation } from '../invocation.js';
import { projectPaths } from '../project-paths.js';
import { computingComposition } from '../computing.js';
import { withReadingStore } from '../reading-store.js';
import { shortKey } from '../render/stage-line.js';
import { runLabeller } from '../run-label.js';
import { printable } from '../terminal.js';

const SENTENCES = {
  hit: 'would be restored: nothing that it depends on has changed',
  run: 'would run',
  maybe: 'may run',
  skipped: 'would be skipped',
  blocked: 'would be blocked',
} as const;

const MOST_WAITED_FOR = 5;

export async function handle(invocation: Invocation): Promise<number> {
  const { args, io, options, out } = invocation;
  const [file, stage] = args as [string, string];
  const checked = await checkedPlan(invocation, file);
  if (checked.plan === undefined) return checked.exitCode;
  const { plan } = checked;
  const { registry } = computingComposition(invocation, file);
  const explanations = await withReadingStore(projectPaths(invocation, file).store, (store) => explainStages(plan, splitSelectors(stage), { registry, store }));
  const [explanation, ...others] = explanations;
  if (explanation === undefined) throw new PipelineError('E_USAGE', '"explain" needs the name of a stage', { facts: { expected: 'a stage', found: stage }, hint: 'name one of the stages of the file' });
  if (others.length > 0) return printMany(explanations, plan, invocation);
  if (options.json) {
    io.stdout.write(`${JSON.stringify({ schema: 'pipeline.explain.v1', pipeline: plan.name, file: plan.file, ...explanation, reasons: explanation.reasons ?? [] })}\n`);
    return 0;
  }
  const { answer, key, why, changes, against, undecided, waitsFor = [] } = explanation;
  const reason = undecided.length > 0 ? 'something before it has to be settled first' : printable(why);
  const lines = [`${out.bold(explanation.stage)} ${SENTENCES[answer]}${answer === 'hit' || reason === '' ? '' : `: ${reason}`}`];
  for (const { text } of changes) lines.push(`  ${printable(text)}`);
  if (undecided.length > 0) lines.push(`  inputs from ${namesInShort(undecided).replaceAll('"', '')}: known when ${undecided.length === 1 ? 'it has' : 'they have'} run or been restored`);
  for (const one of waitsFor.slice(0, MOST_WAITED_FOR)) lines.push(printable(`  ${one.stage} would run: ${one.why}`));
  if (waitsFor.length > MOST_WAITED_FOR) lines.push(`  and ${waitsFor.length - MOST_WAITED_FOR} more would run: pipeline plan`);
  if (key !== undefined) lines.push(out.dim(`  key ${shortKey(key)}`));
  if (against !== null) lines.push(out.dim(`  compared with ${shortKey(against.key)}${against.run === undefined ? ', the nearest record of its type' : ` of run ${runLabeller(projectPaths(invocation, file).store)(against.run)}`}`));
  io.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}

/** Several stages: those that have the same answer for the same reasons stand together. */
function printMany(explanations: readonly Explanation[], plan: Plan, { io, options, out }: Invocation): number {
  if (options.json) {
    const stages = explanations.map((each) => ({ ...each, reasons: each.reasons ?? [] }));
    io.stdout.write(`${JSON.stringify({ schema: 'pipeline.explain.v1', pipeline: plan.name, file: plan.file, stages })}\n`);
    return 0;
  }
  const groups = new Map<string, Explanation[]>();
  for (const explanation of explanations) {
    const { answer, why, changes, undecided } = explanation;
    const after = [...new Set(undecided.map(baseName))];
    const id = JSON.stringify([answer, undecided.length > 0 ? after : why, changes.map(({ text }) => text)]);
    groups.set(id, [...(groups.get(id) ?? []), explanation]);
  }
  for (const group of groups.values()) {
    const [{ answer, why, changes, undecided }] = group as [Explanation];
    const names = options.verbose ? group.map(({ stage }) => stage).join(', ') : namesInShort(group.map(({ stage }) => stage)).replaceAll('"', '');
    const reason = undecided.length > 0 ? `inputs from ${[...new Set(undecided.map(baseName))].join(', ')} have to be settled first` : printable(why);
    io.stdout.write(`${out.bold(names)} ${SENTENCES[answer]}${answer === 'hit' || reason === '' ? '' : `: ${reason}`}\n`);
    for (const { text } of changes) io.stdout.write(`  ${printable(text)}\n`);
  }
  return 0;
}
