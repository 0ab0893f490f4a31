/**
 * Every command as data: what help prints and what the parser accepts come from the same table. Loading this module loads no engine, no
 * parser and no command; `load` fetches the code of one command.
 */
import type { CommandHandler } from './invocation.js';

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
  readonly group: 'Run' | 'Look' | 'Cache' | 'Help';
  readonly summary: string;
  readonly details?: string;
  readonly args: readonly ArgumentSpec[];
  readonly options: readonly OptionSpec[];
  readonly examples: readonly (readonly [command: string, comment: string])[];
  load(): Promise<{ readonly handle: CommandHandler }>;
}

const SET: OptionSpec = { flags: '--set <path=value>', description: 'change a value of the file: params.steps=64, stages.dream.params.steps=128, seed=3 (repeatable)', repeatable: true };
const CACHE_MODE: OptionSpec = { flags: '--cache-mode <mode>', description: 'off: neither read nor write; read: use what is there; read-write (default)', choices: ['off', 'read', 'read-write'] };
const RESULTS: OptionSpec = { flags: '--results <dir>', description: 'where pictures, tables and the report go (default: results/ in the project)' };
const FILE: ArgumentSpec = { name: 'FILE', description: 'the pipeline file (YAML)' };

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

export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'run',
    group: 'Run',
    summary: 'Run a pipeline: everything in it, but only what changed.',
    details: 'Stages whose inputs, parameters and code are those of an earlier run are restored from the cache. Everything that ran before an interruption is kept: the same command continues.',
    args: [FILE],
    options: [
      SET,
      { flags: '--jobs <n>', description: 'stages that run at once at most (default: as many as cores and memory allow)' },
      { flags: '--keep-going', description: 'after a failure go on with the stages that do not depend on it' },
      { flags: '--force [stages]', description: 'run again even if stored: --force for all stages, --force=dream,evaluate for some, --force=\'voxels[seed=1]\' for instances of a matrix' },
      CACHE_MODE,
      RESULTS,
    ],
    examples: [
      ['pipeline run pipelines/face-rois.yaml', 'everything, only what changed'],
      ['pipeline run pipelines/face-rois.yaml --set params.nsd=/data/nsd', 'the same on real NSD'],
      ['pipeline run pipelines/face-rois.yaml --force=dream', 'dream again, whatever is stored'],
    ],
    load: () => import('./commands/run.js'),
  },
  {
    name: 'plan',
    group: 'Run',
    summary: 'Say beforehand what a run would do with each stage: hit, run or maybe.',
    args: [FILE],
    options: [SET],
    examples: [['pipeline plan pipelines/face-rois.yaml --set stages.dream.params.steps=128', 'what would that change cost?']],
    load: () => import('./commands/plan.js'),
  },
  {
    name: 'explain',
    group: 'Run',
    summary: 'Say why a stage would run again: each value that differs from what is stored.',
    args: [FILE, { name: 'STAGE', description: 'name of the stage in the file' }],
    options: [SET],
    examples: [['pipeline explain pipelines/face-rois.yaml dream', 'params.steps 64 → 128']],
    load: () => import('./commands/explain.js'),
  },
  {
    name: 'validate',
    group: 'Run',
    summary: 'Check pipeline files without running anything; all errors at once.',
    args: [{ name: 'FILE', description: 'pipeline files', variadic: true }],
    options: [SET],
    examples: [['pipeline validate pipelines/*.yaml', 'check them all']],
    load: () => import('./commands/validate.js'),
  },
  {
    name: 'show',
    group: 'Look',
    summary: 'Show a run, a stage of the latest run, a stored key or an object.',
    args: [{ name: 'REF', description: 'run id, stage name, key or digest; a unique beginning is enough' }],
    options: [],
    examples: [
      ['pipeline show ridge', 'the stage of that name in the latest run'],
      ['pipeline show 3fa9c1d2', 'what is stored under a key'],
    ],
    load: () => import('./commands/show.js'),
  },
  {
    name: 'runs',
    group: 'Look',
    summary: 'List the runs, newest first.',
    args: [],
    options: [{ flags: '--limit <n>', description: 'how many (default 20)' }],
    examples: [['pipeline runs', 'the last 20 runs']],
    load: () => import('./commands/runs.js'),
  },
  {
    name: 'schema',
    group: 'Look',
    summary: 'Print the JSON Schema of pipeline files, or of the parameters of one stage type.',
    args: [{ name: 'TYPE', description: 'a stage type, such as readout.ridge', optional: true }],
    options: [],
    examples: [['pipeline schema readout.ridge', 'its parameters, with ranges and defaults']],
    load: () => import('./commands/schema.js'),
  },
  {
    name: 'doctor',
    group: 'Look',
    summary: 'Check what pipeline needs of this machine.',
    args: [],
    options: [],
    examples: [['pipeline doctor', 'versions, services, and whether the cache can be written']],
    load: () => import('./commands/doctor.js'),
  },
  {
    name: 'cache info',
    group: 'Cache',
    summary: 'Say what the cache holds.',
    args: [],
    options: [],
    examples: [['pipeline cache info', 'records and bytes by stage type']],
    load: () => import('./commands/cache-info.js'),
  },
  {
    name: 'cache verify',
    group: 'Cache',
    summary: 'Check that everything in the cache is whole. Exit code 4 if something is not.',
    args: [],
    options: [{ flags: '--read-data', description: 'also read and hash all bytes (slow on a large cache)' }, { flags: '--repair', description: 'move what is damaged to quarantine; the next run computes it again' }],
    examples: [['pipeline cache verify --read-data', 'every byte']],
    load: () => import('./commands/cache-verify.js'),
  },
  {
    name: 'cache gc',
    group: 'Cache',
    summary: 'Remove what no record needs, and the least recently used records beyond a size or age.',
    args: [],
    options: [
      { flags: '--max-size <size>', description: 'keep at most this much, e.g. 50GB' },
      { flags: '--max-age <days>', description: 'drop records not used for this many days' },
      { flags: '--keep-runs <n>', description: 'whatever the limits, keep what the newest <n> runs used' },
      { flags: '--dry-run', description: 'only say what would be removed' },
    ],
    examples: [['pipeline cache gc --max-size 50GB --dry-run', 'what would go?']],
    load: () => import('./commands/cache-gc.js'),
  },
  {
    name: 'help',
    group: 'Help',
    summary: 'Explain a command or an error code.',
    args: [{ name: 'TOPIC', description: 'a command, or a code such as E_INPUT_TYPE', optional: true, variadic: true }],
    options: [],
    examples: [['pipeline help E_INPUT_TYPE', 'what an error means and what to do']],
    load: () => import('./commands/help.js'),
  },
];

/** The longest command that the words begin with: `cache gc` before `cache`. */
export function findCommand(words: readonly string[]): CommandSpec | undefined {
  const two = words.slice(0, 2).join(' ');
  return COMMANDS.find(({ name }) => name === two) ?? COMMANDS.find(({ name }) => name === words[0]);
}
