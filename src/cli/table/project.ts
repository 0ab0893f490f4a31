/** Commands for a project as a whole. */
import type { CommandSpec } from './spec.js';

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
];
