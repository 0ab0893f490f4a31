/** Commands for a project as a whole. */
import type { CommandSpec } from './spec.js';

export const PROJECT_COMMANDS: readonly CommandSpec[] = [];
