/** Help. */
import { type CommandSpec } from './spec.js';

export const HELP_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'help',
    group: 'Help',
    summary: 'Explain a command or an error code.',
    args: [{ name: 'TOPIC', description: 'a command, or a code such as E_INPUT_TYPE', optional: true, variadic: true }],
    options: [],
    examples: [['pipeline help E_INPUT_TYPE', 'what an error means and what to do']],
    load: () => import('../commands/help.js'),
  },
];
