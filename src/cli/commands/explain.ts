/** `pipeline explain FILE STAGE`: each value in which the stage's key material differs from what is stored. */
import { namesInShort } from '../../engine/coordinates.js';
import { explainStage } from '../../engine/explain.js';
import { checkedPlan } from '../checked-plan.js';
import type { Invocation } from '../invocation.js';
import { projectPaths } from '../project-paths.js';
import { compositionOf } from '../registry.js';
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

export async function handle(invocation: Invocation): Promise<number> {
  const { args, io, options, out } = invocation;
  const [file, stage] = args as [string, string];
  const checked = await checkedPlan(invocation, file);
  if (checked.plan === undefined) return checked.exitCode;
  const { plan } = checked;
  const { registry } = compositionOf(io);
  const explanation = await withReadingStore(projectPaths(invocation, file).store, (store) => explainStage(plan, stage, { registry, store }));
  if (options.json) {
    io.stdout.write(`${JSON.stringify({ schema: 'pipeline.explain.v1', pipeline: plan.name, file: plan.file, ...explanation, reasons: explanation.reasons ?? [] })}\n`);
    return 0;
  }
  const { answer, key, why, changes, against, undecided } = explanation;
  const reason = undecided.length > 0 ? 'something before it has to be settled first' : printable(why);
  const lines = [`${out.bold(explanation.stage)} ${SENTENCES[answer]}${answer === 'hit' || reason === '' ? '' : `: ${reason}`}`];
  for (const { text } of changes) lines.push(`  ${printable(text)}`);
  if (undecided.length > 0) lines.push(`  inputs from ${namesInShort(undecided).replaceAll('"', '')}: known when ${undecided.length === 1 ? 'it has' : 'they have'} run or been restored`);
  if (key !== undefined) lines.push(out.dim(`  key ${shortKey(key)}`));
  if (against !== null) lines.push(out.dim(`  compared with ${shortKey(against.key)}${against.run === undefined ? ', the nearest record of its type' : ` of run ${runLabeller(projectPaths(invocation, file).store)(against.run)}`}`));
  io.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}
