/**
 * An outline as a Mermaid flowchart, which GitHub draws in Markdown. Boxes are called n0, n1, …; names stand in quoted labels only, and in
 * them every character that is not a letter, a digit or harmless is written as its number, so no name can end a label or become markup.
 */
import { answerLine, bundleLabel, bundles, mainAnswer, typeLine, visible } from './labels.js';
import { OUTLINE_ANSWERS, type Outline, type OutlineAnswer } from './model.js';

/** What GitHub draws at most with Mermaid's defaults (`maxEdges`, `maxTextSize`). */
export const MERMAID_LIMITS = { edges: 500, characters: 50_000 } as const;

/** Fill, border and text are readable on light and dark pages. */
const CLASSES: Readonly<Record<OutlineAnswer, string>> = {
  hit: 'fill:#dbeafe,stroke:#1d4ed8,color:#172554',
  run: 'fill:#dcfce7,stroke:#15803d,color:#052e16,stroke-width:2px',
  maybe: 'fill:#fef9c3,stroke:#a16207,color:#422006,stroke-dasharray:5 3',
  skipped: 'fill:#f3f4f6,stroke:#9ca3af,color:#374151,stroke-dasharray:2 3',
};

export function mermaidText(outline: Outline): string {
  const ids = new Map(outline.nodes.map(({ name }, i) => [name, `n${i}`]));
  const lines = ['flowchart LR'];
  for (const node of outline.nodes) {
    const text = [`<b>${encoded(node.name)}</b>`, encoded(typeLine(node)), encoded(answerLine(node))].filter((line) => line !== '').join('<br/>');
    lines.push(`  ${ids.get(node.name) as string}["${text}"]`);
  }
  for (const bundle of bundles(outline)) lines.push(`  ${ids.get(bundle.from) as string} -->|"${encoded(bundleLabel(bundle))}"| ${ids.get(bundle.to) as string}`);
  for (const answer of OUTLINE_ANSWERS) {
    const members = outline.nodes.filter((node) => mainAnswer(node) === answer).map(({ name }) => ids.get(name) as string);
    if (members.length > 0) lines.push(`  classDef ${answer} ${CLASSES[answer]}`, `  class ${members.join(',')} ${answer}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Mermaid writes characters as #number; — also those that are none of its own but would end a quoted label. */
function encoded(text: string): string {
  return visible(text).replace(/[^\p{L}\p{N} .,_=×✓▶?–()+/-]/gu, (character) => `#${character.codePointAt(0) as number};`);
}
