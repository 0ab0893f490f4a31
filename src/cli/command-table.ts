/**
 * Every command as data: what help prints and what the parser accepts come from the same table, group by group. Loading this module loads no
 * engine, no parser and no command; `load` fetches the code of one command.
 */
import { BACKBONE_COMMANDS } from './table/backbone.js';
import { CACHE_COMMANDS } from './table/cache.js';
import { HELP_COMMANDS } from './table/help.js';
import { LOOK_COMMANDS } from './table/look.js';
import { PROJECT_COMMANDS } from './table/project.js';
import { RUN_COMMANDS } from './table/run.js';
import { SHARE_COMMANDS } from './table/share.js';
import type { CommandSpec } from './table/spec.js';

export { GLOBAL_OPTIONS } from './table/spec.js';
export type { ArgumentSpec, CommandGroup, CommandSpec, OptionSpec } from './table/spec.js';

export const COMMANDS: readonly CommandSpec[] = [...RUN_COMMANDS, ...LOOK_COMMANDS, ...BACKBONE_COMMANDS, ...CACHE_COMMANDS, ...PROJECT_COMMANDS, ...SHARE_COMMANDS, ...HELP_COMMANDS];

/** The longest command that the words begin with: `cache gc` before `cache`. */
export function findCommand(words: readonly string[]): CommandSpec | undefined {
  const two = words.slice(0, 2).join(' ');
  return COMMANDS.find(({ name }) => name === two) ?? COMMANDS.find(({ name }) => name === words[0]);
}
