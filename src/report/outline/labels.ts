/** The texts of boxes and edges, the same in every format. No answer is told by colour alone: each has a symbol and its word. */
import { OUTLINE_ANSWERS, type Outline, type OutlineAnswer, type OutlineEdge, type OutlineNode } from './model.js';

const SYMBOLS: Readonly<Record<OutlineAnswer, string>> = { hit: '✓', run: '▶', maybe: '?', skipped: '–' };

/** `readout.ridge`, `12 × readout.ridge` */
export function typeLine({ type, instances }: OutlineNode): string {
  return instances === undefined ? type : `${instances} × ${type}`;
}

/** `✓ hit`, `▶ 4 run  ✓ 8 hit`; empty where nothing is known. */
export function answerLine({ answers, instances }: OutlineNode): string {
  return OUTLINE_ANSWERS.filter((answer) => (answers[answer] ?? 0) > 0).map((answer) => `${SYMBOLS[answer]} ${instances === undefined ? '' : `${answers[answer] as number} `}${answer}`).join('  ');
}

/** Decides the colour of a box: what matters most among its instances. */
const BY_WEIGHT: readonly OutlineAnswer[] = ['run', 'maybe', 'hit', 'skipped'];

export function mainAnswer({ answers }: OutlineNode): OutlineAnswer | undefined {
  return BY_WEIGHT.find((answer) => (answers[answer] ?? 0) > 0);
}

export interface Bundle {
  readonly from: string;
  readonly to: string;
  readonly edges: readonly OutlineEdge[];
}

/** The edges between the same two boxes, drawn as one line. */
export function bundles({ edges }: Outline): Bundle[] {
  const found = new Map<string, { from: string; to: string; edges: OutlineEdge[] }>();
  for (const edge of edges) {
    const id = JSON.stringify([edge.from, edge.to]);
    const bundle = found.get(id);
    if (bundle === undefined) found.set(id, { from: edge.from, to: edge.to, edges: [edge] });
    else bundle.edges.push(edge);
  }
  return [...found.values()];
}

/** `Voxels`, `Dreams, Attributions`, `12 × Scores` */
export function bundleLabel({ edges }: Bundle): string {
  const counts = new Map<string, number>();
  for (const { artifact, count } of edges) counts.set(artifact, (counts.get(artifact) ?? 0) + count);
  return [...counts].map(([artifact, count]) => (count === 1 ? artifact : `${count} × ${artifact}`)).join(', ');
}

/** Characters that a reader cannot see or that turn the direction of a line would change what a label says: each becomes U+FFFD. */
// eslint-disable-next-line no-control-regex -- these are exactly the characters to replace
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

export function visible(text: string): string {
  return text.replace(UNSEEN, '\ufffd');
}
