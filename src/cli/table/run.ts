/** Commands that run pipelines or say what a run would do. */
import { SET, CACHE_MODE, REMOTE, RESULTS, FILE, type CommandSpec } from './spec.js';

export const RUN_COMMANDS: readonly CommandSpec[] = [
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
      { flags: '--check-determinism [stages]', description: 'run stages whose results are stored again, beside them, and compare the bytes; exit code 5 if they differ' },
      CACHE_MODE,
      REMOTE,
      RESULTS,
      { flags: '--tag <name>', description: 'give the run this tag (repeatable)', repeatable: true },
    ],
    examples: [
      ['pipeline run pipelines/face-rois.yaml', 'everything, only what changed'],
      ['pipeline run pipelines/face-rois.yaml --set params.nsd=/data/nsd', 'the same on real NSD'],
      ['pipeline run pipelines/face-rois.yaml --force=dream', 'dream again, whatever is stored'],
    ],
    load: () => import('../commands/run-unchanged.js'),
  },
  {
    name: 'plan',
    group: 'Run',
    summary: 'Say beforehand what a run would do with each stage: hit, run or maybe.',
    args: [FILE],
    options: [SET],
    examples: [['pipeline plan pipelines/face-rois.yaml --set stages.dream.params.steps=128', 'what would that change cost?']],
    load: () => import('../commands/plan.js'),
  },
  {
    name: 'explain',
    group: 'Run',
    summary: 'Say why a stage would run again: each value that differs from what is stored.',
    args: [FILE, { name: 'STAGE', description: 'name of the stage in the file' }],
    options: [SET],
    examples: [['pipeline explain pipelines/face-rois.yaml dream', 'params.steps 64 → 128']],
    load: () => import('../commands/explain.js'),
  },
  {
    name: 'validate',
    group: 'Run',
    summary: 'Check pipeline files without running anything; all errors at once.',
    args: [{ name: 'FILE', description: 'pipeline files', variadic: true }],
    options: [SET],
    examples: [['pipeline validate pipelines/*.yaml', 'check them all']],
    load: () => import('../commands/validate.js'),
  },
];
