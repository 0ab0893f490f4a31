/** Commands that take a run elsewhere. */
import type { CommandSpec } from './spec.js';

export const SHARE_COMMANDS: readonly CommandSpec[] = [];
