/** Commands for a project as a whole. */
import { RUN_COMMANDS } from './run.js';
import { COMPUTE, FILE, PARAMS_FILE, PROFILE, SET, type CommandSpec } from './spec.js';

const RUN_OPTIONS = RUN_COMMANDS.find(({ name }) => name === 'run')?.options ?? [];

export const PROJECT_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'config',
    group: 'Project',
    summary: 'Print the configuration that is in force: flags, environment, pipeline.config.yaml.',
    args: [],
    options: [{ flags: '--show-origin', description: 'also say where each value comes from' }],
    examples: [['pipeline config --show-origin', 'why is the cache there?']],
    load: () => import('../commands/config.js'),
  },
  {
    name: 'init',
    group: 'Project',
    summary: 'Make a new project that runs at once. Never overwrites anything.',
    details: 'minimal: two stages; sim (default): an encoding model of a simulated subject; nsd: the same on the Natural Scenes Dataset, simulated where it is not at hand.',
    args: [{ name: 'DIR', description: 'folder of the project (default: this one)', optional: true }],
    options: [{ flags: '--template <name>', description: 'minimal, sim or nsd', choices: ['minimal', 'sim', 'nsd'] }],
    examples: [['pipeline init my-experiment', 'then: npm install, pipeline run pipeline.yaml']],
    load: () => import('../commands/init.js'),
  },
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
      PROFILE,
      PARAMS_FILE,
      ...COMPUTE,
    ],
    examples: [
      ['pipeline graph pipelines/face-rois.yaml', 'Mermaid text, to paste into Markdown'],
      ['pipeline graph pipelines/tiny.yaml --format svg --status --out tiny.svg', 'a picture of what would run'],
    ],
    load: () => import('../commands/graph.js'),
  },
  {
    name: 'watch',
    group: 'Project',
    summary: 'Run a pipeline, and again whenever it or what it reads has changed.',
    details: 'Watched are the pipeline file and what it extends, modules with their imports, and the outside files of stages, each by its path; folders are not walked. A change during a run starts the next round when the run has ended. --force counts in every round. Ctrl-C leaves.',
    args: [FILE],
    options: RUN_OPTIONS,
    examples: [['pipeline watch pipelines/tiny.yaml --set params.steps=12', 'edit the file and see']],
    load: () => import('../commands/watch.js'),
  },
  {
    name: 'completion',
    group: 'Project',
    summary: 'Print the script that makes a shell complete commands, options and values.',
    args: [{ name: 'SHELL', description: 'bash, zsh or fish' }],
    options: [],
    examples: [
      ['source <(pipeline completion bash)', 'for this shell; put it into ~/.bashrc for all'],
      ['pipeline completion fish | source', 'the same for fish'],
    ],
    load: () => import('../commands/completion.js'),
  },
];
