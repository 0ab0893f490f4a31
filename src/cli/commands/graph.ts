/** `pipeline graph FILE`: the stages and their typed edges as Mermaid, Graphviz, JSON or a picture. Reads the store only with --status. */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import type { Plan } from '../../engine/plan.js';
import { planStatus, type StageStatus } from '../../engine/status.js';
import { bundles } from '../../report/outline/labels.js';
import type { Outline } from '../../report/outline/model.js';
import { checkedPlan } from '../checked-plan.js';
import type { Invocation } from '../invocation.js';
import { flagOption, textOption } from '../option-values.js';
import { outlineOf } from '../outline-of.js';
import { projectPaths } from '../project-paths.js';
import { withReadingStore } from '../reading-store.js';
import { computingComposition } from '../computing.js';

export async function handle(invocation: Invocation): Promise<number> {
  const { args, options } = invocation;
  const file = args[0] as string;
  const format = textOption(options, 'format') ?? (options.json ? 'json' : 'mermaid');
  if (options.json && format !== 'json') throw new PipelineError('E_USAGE', `"--json" and "--format ${format}" exclude one another`, { hint: 'leave one of them out' });
  if (flagOption(options, 'fold') && flagOption(options, 'instances')) throw new PipelineError('E_USAGE', '"--fold" and "--instances" exclude one another', { hint: 'leave one of them out' });
  const checked = await checkedPlan(invocation, file);
  if (checked.plan === undefined) return checked.exitCode;
  const { plan } = checked;
  const statuses = flagOption(options, 'status') ? await statusesOf(invocation, file, plan) : undefined;
  const outline = (fold: boolean): Outline => outlineOf(plan, { fold, ...(statuses === undefined ? {} : { statuses }) });
  const fold = !flagOption(options, 'instances');
  write(await textOf(format, outline(fold), fold, () => outline(true), plan, invocation), invocation);
  return 0;
}

function statusesOf(invocation: Invocation, file: string, plan: Plan): Promise<StageStatus[]> {
  const { registry } = computingComposition(invocation, file);
  return withReadingStore(projectPaths(invocation, file).store, (store) => planStatus(plan, { registry, store }));
}

async function textOf(format: string, outline: Outline, folded: boolean, fold: () => Outline, plan: Plan, invocation: Invocation): Promise<string> {
  if (format === 'json') {
    const { nodes, edges } = outline;
    return `${JSON.stringify({ schema: 'pipeline.graph.v1', pipeline: plan.name, file: plan.file, folded, nodes, edges })}\n`;
  }
  if (format === 'dot') return (await import('../../report/outline/dot.js')).dotText(outline);
  if (format === 'svg') return picture(outline, folded, fold, invocation);
  const { MERMAID_LIMITS, mermaidText } = await import('../../report/outline/mermaid.js');
  const text = mermaidText(outline);
  const lines = bundles(outline).length;
  if (lines > MERMAID_LIMITS.edges || text.length > MERMAID_LIMITS.characters) note(invocation, `GitHub draws at most ${MERMAID_LIMITS.edges} edges and ${MERMAID_LIMITS.characters} characters; these are ${lines} and ${text.length}`);
  return text;
}

async function picture(outline: Outline, folded: boolean, fold: () => Outline, invocation: Invocation): Promise<string> {
  const [{ svgPicture }, { MOST_PLACED }] = await Promise.all([import('../../report/outline/svg.js'), import('../../report/outline/placement.js')]);
  const fits = ({ nodes, edges }: Outline): boolean => nodes.length <= MOST_PLACED.boxes && edges.length <= MOST_PLACED.lines;
  if (fits(outline)) return svgPicture(outline);
  if (!folded) {
    note(invocation, `${outline.nodes.length} instances are too many to lay out (at most ${MOST_PLACED.boxes}); those of one stage are put together`);
    const less = fold();
    if (fits(less)) return svgPicture(less);
  }
  throw new PipelineError('E_USAGE', `"${outline.pipeline}" is too large for a picture`, {
    facts: { expected: `at most ${MOST_PLACED.boxes} stages and ${MOST_PLACED.lines} edges`, found: `${outline.nodes.length} stages and ${outline.edges.length} edges` },
    hint: 'write --format dot and lay it out with Graphviz, or take --format json',
  });
}

function note({ io, options, err }: Invocation, text: string): void {
  if (!options.quiet) io.stderr.write(`${err.yellow(err.symbol('warning'))} ${text}\n`);
}

function write(text: string, { io, options }: Invocation): void {
  const out = textOption(options, 'out');
  if (out === undefined) {
    io.stdout.write(text);
    return;
  }
  try {
    writeFileSync(resolve(io.cwd, out), text);
  } catch (cause) {
    throw new PipelineError('E_USAGE', `"${out}" cannot be written`, { facts: { expected: 'a file in a folder that can be written', found: (cause as Error).message }, hint: 'correct --out', cause });
  }
  if (!options.quiet) io.stderr.write(`${out}\n`);
}
