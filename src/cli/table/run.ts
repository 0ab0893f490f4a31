/** Commands that run pipelines or say what a run would do. */
import { SET, CACHE_MODE, RESULTS, FILE, MAX_POINTS, PARAMS_FILE, PROFILE, SELECTION, SWEEP, TARGETS, type CommandSpec } from './spec.js';

export const RUN_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'run',
    group: 'Run',
    summary: 'Run a pipeline: everything in it, but only what changed.',
    details: 'Stages whose inputs, parameters and code are those of an earlier run are restored from the cache. Everything that ran before an interruption is kept: the same command continues.',
    args: [FILE, TARGETS],
    options: [
      SWEEP,
      MAX_POINTS,
      PROFILE,
      PARAMS_FILE,
      ...SELECTION,
      { flags: '--jobs <n>', description: 'stages that run at once at most (default: as many as cores and memory allow)' },
      { flags: '--keep-going', description: 'after a failure go on with the stages that do not depend on it' },
      { flags: '--force [stages]', description: 'run again even if stored: --force for all stages, --force=dream,evaluate for some, --force=\'voxels[seed=1]\' for instances of a matrix' },
      CACHE_MODE,
      RESULTS,
      { flags: '--tag <name>', description: 'give the run this tag (repeatable)', repeatable: true },
    ],
    examples: [
      ['pipeline run pipelines/face-rois.yaml', 'everything, only what changed'],
      ['pipeline run pipelines/face-rois.yaml --set params.nsd=/data/nsd', 'the same on real NSD'],
      ['pipeline run pipelines/face-rois.yaml --force=dream', 'dream again, whatever is stored'],
      ['pipeline run pipelines/face-rois.yaml readout', 'no further than readout'],
      ['pipeline run sweep.yaml --set params.percent=1,5,25,100', 'one run for each value'],
    ],
    load: () => import('../commands/run.js'),
  },
  {
    name: 'plan',
    group: 'Run',
    summary: 'Say beforehand what a run would do with each stage: hit, run or maybe.',
    args: [FILE, TARGETS],
    options: [SWEEP, MAX_POINTS, PROFILE, PARAMS_FILE, ...SELECTION],
    examples: [
      ['pipeline plan pipelines/face-rois.yaml --set stages.dream.params.steps=128', 'what would that change cost?'],
      ['pipeline plan sweep.yaml --set params.percent=1,5,25,100', 'and what would a sweep?'],
    ],
    load: () => import('../commands/plan.js'),
  },
  {
    name: 'explain',
    group: 'Run',
    summary: 'Say why a stage would run again: each value that differs from what is stored.',
    args: [FILE, { name: 'STAGE', description: 'name of the stage in the file; of a stage with a matrix all its instances are told, equal ones together' }],
    options: [SET, PROFILE, PARAMS_FILE],
    examples: [['pipeline explain pipelines/face-rois.yaml dream', 'params.steps 64 → 128']],
    load: () => import('../commands/explain.js'),
  },
  {
    name: 'validate',
    group: 'Run',
    summary: 'Check pipeline files without running anything; all errors at once.',
    args: [{ name: 'FILE', description: 'pipeline files', variadic: true }],
    options: [SWEEP, MAX_POINTS, PROFILE, PARAMS_FILE],
    examples: [['pipeline validate pipelines/*.yaml', 'check them all']],
    load: () => import('../commands/validate.js'),
  },
];
