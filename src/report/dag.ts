/** The DAG of a run as inline SVG: one box a stage with its type and word; colours come from the page's style sheet. */
import { layoutDag, type Point } from './dag-layout.js';
import { markup, type Markup } from './markup.js';
import type { ReportStage, ReportWord } from './model.js';

const BOX = { width: 136, height: 46, gapX: 34, gapY: 14 } as const;
/** Beside the colour, so that the word can be told without it. */
export const WORD_MARKS: Readonly<Record<ReportWord, string>> = { ran: '✓', restored: '↺', skipped: '–', failed: '✗', blocked: '■' };
const MARGIN = 6;
/** Beyond this a drawing tells less than the table below it. */
const MOST_STAGES = 200;
const LONGEST_LABEL = 17;

interface Box {
  readonly name: string;
  readonly type: string;
  readonly word: ReportWord;
  readonly after: readonly string[];
  /** more than 1: instances of a matrix */
  readonly instances: number;
}

export function dagFigure(all: readonly ReportStage[]): Markup {
  const stages = fold(all);
  if (stages.length === 0) return markup`<p class="muted">The pipeline has no stages.</p>`;
  if (stages.length > MOST_STAGES) return markup`<p class="muted">${stages.length} stages are too many to draw; the table lists them all.</p>`;
  const layout = layoutDag(stages, BOX);
  const width = round(layout.width + 2 * MARGIN);
  const height = round(layout.height + 2 * MARGIN);
  const edges = layout.edges.map(({ from, to, points }) => markup`<path class="edge" d="${curve(points)}"><title>${(stages[from] as Box).name} → ${(stages[to] as Box).name}</title></path>`);
  const boxes = stages.map((stage, i) => {
    const { x, y } = layout.boxes[i] as Point;
    return markup`<g class="node ${stage.word}" transform="translate(${round(x + MARGIN)} ${round(y + MARGIN)})"><title>${stage.name} (${stage.type}): ${titleOf(stage, all)}</title><rect width="${BOX.width}" height="${BOX.height}" rx="8"/><text x="14" y="21" text-anchor="middle" class="mark">${WORD_MARKS[stage.word]}</text><text x="25" y="21" class="name">${cut(stage.name)}</text><text x="25" y="37" class="type">${cut(stage.instances > 1 ? `${stage.instances} × ${stage.type}` : stage.type)}</text></g>`;
  });
  return markup`<div class="scroll"><svg class="dag" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="DAG of the ${stages.length} stages">${edges}${boxes}</svg></div>`;
}

/** Instances of one stage share a box: it shows the word that matters most among theirs. */
function fold(stages: readonly ReportStage[]): Box[] {
  const groups = new Map<string, ReportStage[]>();
  const nameOf = new Map(stages.map(({ name, instanceOf }) => [name, instanceOf ?? name]));
  for (const stage of stages) {
    const name = stage.instanceOf ?? stage.name;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [stage]);
    else group.push(stage);
  }
  return [...groups].map(([name, members]) => ({
    name,
    type: (members[0] as ReportStage).type,
    word: BY_WEIGHT.find((word) => members.some((member) => member.word === word)) ?? 'ran',
    after: [...new Set(members.flatMap(({ after }) => after.map((other) => nameOf.get(other) ?? other)))],
    instances: members.length,
  }));
}

const BY_WEIGHT: readonly ReportWord[] = ['failed', 'blocked', 'ran', 'restored', 'skipped'];

function titleOf({ name, word, instances }: Box, all: readonly ReportStage[]): string {
  if (instances === 1) return word;
  return BY_WEIGHT.map((each) => [all.filter((stage) => stage.instanceOf === name && stage.word === each).length, each] as const).filter(([count]) => count > 0).map(([count, each]) => `${count} ${each}`).join(', ');
}

/** Horizontal tangents at every point; straight where an edge passes a layer. */
function curve(points: readonly Point[]): string {
  const [first, ...rest] = points.map(({ x, y }) => ({ x: round(x + MARGIN), y: round(y + MARGIN) })) as [Point, ...Point[]];
  let text = `M${first.x} ${first.y}`;
  let last = first;
  for (const point of rest) {
    const middle = round((last.x + point.x) / 2);
    text += last.y === point.y ? `H${point.x}` : `C${middle} ${last.y} ${middle} ${point.y} ${point.x} ${point.y}`;
    last = point;
  }
  return text;
}

function cut(text: string): string {
  const characters = [...text];
  return characters.length > LONGEST_LABEL ? `${characters.slice(0, LONGEST_LABEL - 1).join('')}…` : text;
}

function round(value: number): number {
  return Math.round(value * 10) / 10 + 0;
}
