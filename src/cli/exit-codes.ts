/** The exit codes of the command, as scripts may rely on them. Codes of errors stand beside the errors; any unknown non-zero code is a failure. */
export const EXIT = {
  ok: 0,
  stageFailed: 1,
  usage: 2,
  pipelineInvalid: 3,
  cacheDamaged: 4,
  notDeterministic: 5,
  environment: 6,
  bug: 70,
  interrupted: 130,
} as const;

/** What `--help` prints. */
export const EXIT_CODE_TABLE: readonly (readonly [code: string, meaning: string])[] = [
  ['0', 'everything succeeded'],
  ['1', 'a stage failed'],
  ['2', 'wrong usage of the command line'],
  ['3', 'the pipeline file is invalid'],
  ['4', 'the cache is damaged (cache verify)'],
  ['5', 'a stage gave other bytes than before (run --check-determinism)'],
  ['6', 'the environment is at fault (missing build or service, no space, no permission)'],
  ['70', 'a bug in pipeline itself'],
  ['128+n', 'ended by signal n (130: Ctrl-C, 143: terminated)'],
];
