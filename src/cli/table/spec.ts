/** What a command is as data, and the options and arguments that several commands share. */
import type { CommandHandler } from '../invocation.js';

export type CommandGroup = 'Run' | 'Look' | 'Backbone' | 'Cache' | 'Project' | 'Share' | 'Help';

export interface OptionSpec {
  /** as the parser and the help know it: `--jobs <n>` */
  readonly flags: string;
  readonly description: string;
  readonly repeatable?: true;
  readonly choices?: readonly string[];
}

export interface ArgumentSpec {
  readonly name: string;
  readonly description: string;
  readonly optional?: true;
  readonly variadic?: true;
}

export interface CommandSpec {
  /** one word, or two: `cache gc` */
  readonly name: string;
  readonly group: CommandGroup;
  readonly summary: string;
  readonly details?: string;
  readonly args: readonly ArgumentSpec[];
  readonly options: readonly OptionSpec[];
  readonly examples: readonly (readonly [command: string, comment: string])[];
  load(): Promise<{ readonly handle: CommandHandler }>;
}

export const SET: OptionSpec = { flags: '--set <path=value>', description: 'change a value of the file: params.steps=64, stages.dream.params.steps=128, seed=3 (repeatable)', repeatable: true };
export const SWEEP: OptionSpec = { ...SET, description: `${SET.description}; several values, params.steps=64,128, make a sweep` };
export const MAX_POINTS: OptionSpec = { flags: '--max-points <n>', description: 'the most points that a sweep may have (default: 32)' };
export const PROFILE: OptionSpec = { flags: '--profile <names>', description: 'apply profiles of the file, in this order: --profile quick,small (repeatable)', repeatable: true };
export const PARAMS_FILE: OptionSpec = { flags: '--params-file <file>', description: 'values for params from a YAML or JSON file; --set comes after it (repeatable)', repeatable: true };
export const SELECTION: readonly OptionSpec[] = [
  { flags: '--until <stages>', description: 'only these stages and what they need; the same as naming them behind FILE (repeatable)', repeatable: true },
  { flags: '--from <stages>', description: 'only these stages and what comes after them; the rest of what they need has to be in the cache (repeatable)', repeatable: true },
  { flags: '--only <stages>', description: 'only these stages; what they need has to be in the cache (repeatable)', repeatable: true },
  { flags: '--omit <stages>', description: 'not these stages, nor what needs them (repeatable)', repeatable: true },
];
export const TARGETS: ArgumentSpec = { name: 'STAGE', description: 'stages to go to: dream, \'voxels[seed=1]\', fit*; everything when none is named', optional: true, variadic: true };
export const CACHE_MODE: OptionSpec = { flags: '--cache-mode <mode>', description: 'off: neither read nor write; read: use what is there; read-write (default)', choices: ['off', 'read', 'read-write'] };
export const REMOTE: OptionSpec = { flags: '--remote <mode>', description: 'the shared cache of pipeline.config.yaml: off, read, or read-write (default: what stands there)', choices: ['off', 'read', 'read-write'] };
export const COMPUTE: readonly OptionSpec[] = [
  { flags: '--device <device>', description: 'where tensors are computed: auto (CUDA if there, else CPU), cpu, webgpu, cuda', choices: ['auto', 'cpu', 'webgpu', 'cuda'] },
  { flags: '--runtime <runtime>', description: 'what computes them: onnxruntime (default) or tensorflow', choices: ['onnxruntime', 'tensorflow'] },
];
export const RESULTS: OptionSpec = { flags: '--results <dir>', description: 'where pictures, tables and the report go (default: results/ in the project)' };
export const FILE: ArgumentSpec = { name: 'FILE', description: 'the pipeline file (YAML)' };

export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  { flags: '--cache-dir <dir>', description: 'the store (default: cache/ in the project)' },
  { flags: '--json', description: 'machine-readable output: one object, or one event a line for run; errors too' },
  { flags: '--color <when>', description: 'always, never or auto', choices: ['always', 'never', 'auto'] },
  { flags: '-q, --quiet', description: 'print failures and results only' },
  { flags: '-v, --verbose', description: 'also print what stages log' },
  { flags: '--debug', description: 'print stack traces' },
  { flags: '-h, --help', description: 'print help' },
  { flags: '--version', description: 'print the version' },
];
