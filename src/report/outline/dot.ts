/** An outline in the language of Graphviz. Nodes are called n0, n1, …; names stand in quoted labels only. */
import { answerLine, bundleLabel, bundles, mainAnswer, typeLine, visible } from './labels.js';
import type { Outline, OutlineAnswer } from './model.js';

const LOOKS: Readonly<Record<OutlineAnswer, string>> = {
  hit: 'fillcolor="#dbeafe", color="#1d4ed8"',
  run: 'fillcolor="#dcfce7", color="#15803d", penwidth=2',
  maybe: 'fillcolor="#fef9c3", color="#a16207", style="rounded,filled,dashed"',
  skipped: 'fillcolor="#f3f4f6", color="#9ca3af", style="rounded,filled,dotted"',
};

export function dotText(outline: Outline): string {
  const ids = new Map(outline.nodes.map(({ name }, i) => [name, `n${i}`]));
  const lines = [
    `digraph ${quoted(outline.pipeline)} {`,
    '  rankdir=LR;',
    '  node [shape=box, style="rounded,filled", fillcolor="#ffffff", fontname="sans-serif", fontsize=11];',
    '  edge [fontname="sans-serif", fontsize=9, color="#6b7280"];',
  ];
  for (const node of outline.nodes) {
    const label = [node.name, typeLine(node), answerLine(node)].filter((line) => line !== '').map(escaped).join('\\n');
    const answer = mainAnswer(node);
    lines.push(`  ${ids.get(node.name) as string} [label="${label}"${answer === undefined ? '' : `, ${LOOKS[answer]}`}];`);
  }
  for (const bundle of bundles(outline)) lines.push(`  ${ids.get(bundle.from) as string} -> ${ids.get(bundle.to) as string} [label=${quoted(bundleLabel(bundle))}];`);
  lines.push('}');
  return `${lines.join('\n')}\n`;
}

function quoted(text: string): string {
  return `"${escaped(text)}"`;
}

/** A backslash would begin an escape, a quote end the text, and an ampersand begin an HTML entity, which Graphviz reads in plain labels too. */
function escaped(text: string): string {
  return visible(text).replace(/[\\"]/g, (character) => `\\${character}`).replaceAll('&', '&amp;');
}
