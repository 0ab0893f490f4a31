/** Commands for a project as a whole. */
import { FILE, SET, type CommandSpec } from './spec.js';

export const PROJECT_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'graph',
    group: 'Project',
    summary: 'Draw the stages of a pipeline and the typed edges between them.',
    details: 'Instances of a matrix are put together into one box with their number. Mermaid text is drawn by GitHub and many editors, dot by Graphviz; svg is a picture of its own.',
    args: [FILE],
    options: [
      { flags: '--format <format>', description: 'mermaid (default), dot, json or svg', choices: ['mermaid', 'dot', 'json', 'svg'] },
      { flags: '--fold', description: 'one box a stage, with the number of its instances (default)' },
      { flags: '--instances', description: 'one box an instance' },
      { flags: '--status', description: 'also say what a run would do: hit, run or maybe' },
      { flags: '--out <file>', description: 'write to a file instead of stdout' },
      SET,
    ],
    examples: [
      ['pipeline graph pipelines/face-rois.yaml', 'Mermaid text, to paste into Markdown'],
      ['pipeline graph pipelines/tiny.yaml --format svg --status --out tiny.svg', 'a picture of what would run'],
    ],
    load: () => import('../commands/graph.js'),
  },
];
