/** One parsed call of a command: its arguments, its options with their types, and where to write. */
import type { ProjectConfigs } from '../engine/config/read-config.js';
import type { CliIo } from './io.js';
import type { ColorChoice, Style } from './terminal.js';

export interface Options {
  readonly cacheDir?: string;
  readonly json: boolean;
  readonly color?: ColorChoice;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly debug: boolean;
  readonly set: readonly string[];
  readonly jobs?: number;
  readonly keepGoing: boolean;
  /** stage names, or `*` for all */
  readonly force: readonly string[];
  readonly cacheMode: 'off' | 'read' | 'read-write';
  readonly results?: string;
  readonly limit?: number;
  readonly readData: boolean;
  readonly repair: boolean;
  readonly maxBytes?: number;
  readonly maxAgeMs?: number;
  readonly keepRuns?: number;
  readonly dryRun: boolean;
  /** every option as it was written; read those that only one command has through option-values.ts */
  readonly raw: Readonly<Record<string, unknown>>;
}

export interface Invocation {
  readonly args: readonly string[];
  readonly options: Options;
  readonly io: CliIo;
  /** style of text on stdout */
  readonly out: Style;
  /** style of text on stderr */
  readonly err: Style;
  /** of the projects that the arguments lie in */
  readonly configs: ProjectConfigs;
}

/** Resolves to the exit code. */
export type CommandHandler = (invocation: Invocation) => Promise<number>;
