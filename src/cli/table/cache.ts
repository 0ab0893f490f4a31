/** Commands that look after the cache. */
import { type CommandSpec, type OptionSpec } from './spec.js';

const READ_DATA: OptionSpec = { flags: '--read-data', description: 'also read and hash all bytes (slow on a large cache)' };
const READ_DATA_SUBSET: OptionSpec = { flags: '--read-data-subset <part>', description: 'read a part of the bytes: 5% (another one each time), or 3/7' };

export const CACHE_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'cache info',
    group: 'Cache',
    summary: 'Say what the cache holds.',
    args: [],
    options: [],
    examples: [['pipeline cache info', 'records and bytes by stage type']],
    load: () => import('../commands/cache-info.js'),
  },
  {
    name: 'cache verify',
    group: 'Cache',
    summary: 'Check that everything in the cache is whole; go on after every problem.',
    details: 'Exit code 0: whole. 4: something is damaged. 1: something could not be looked at. Each problem is named with the command that puts it right.',
    args: [],
    options: [
      READ_DATA,
      READ_DATA_SUBSET,
      { flags: '--repair', description: 'the same as cache repair' },
    ],
    examples: [
      ['pipeline cache verify --read-data', 'every byte'],
      ['pipeline cache verify --read-data-subset=5%', 'another twentieth each time'],
      ['pipeline cache verify --read-data-subset=3/7', 'the third of seven parts: one a day'],
    ],
    load: () => import('../commands/cache-verify.js'),
  },
  {
    name: 'cache repair',
    group: 'Cache',
    summary: 'Put the cache right: set aside what is damaged, and what needs it.',
    details: 'Damaged files go to the quarantine, records that need missing bytes are removed, and the next run computes those stages again. Stages that gc has evicted are not damaged.',
    args: [],
    options: [READ_DATA, READ_DATA_SUBSET],
    examples: [['pipeline cache repair --read-data', 'after trouble with the disk']],
    load: () => import('../commands/cache-repair.js'),
  },
  {
    name: 'cache gc',
    group: 'Cache',
    summary: 'Remove what no record needs, and the bytes used longest ago beyond a size or age.',
    details: 'What goes are bytes: the record of a stage stays, so that runs and explain still know it, and it runs again when it is wanted. What pinned runs and runs under way have used is always kept.',
    args: [],
    options: [
      { flags: '--max-size <size>', description: 'keep at most this much, e.g. 50GB' },
      { flags: '--down-to <size>', description: 'once --max-size is exceeded, go down to this' },
      { flags: '--max-age <days>', description: 'evict what was not used for this many days' },
      { flags: '--keep-runs <n>', description: 'whatever the limits, keep what the newest <n> runs used' },
      { flags: '--keep-history <days>', description: 'forget evicted records unused for this many days (default: 365)' },
      { flags: '--dry-run', description: 'only say what would be removed, by stage type and by run' },
    ],
    examples: [
      ['pipeline cache gc --max-size 50GB --dry-run', 'what would go?'],
      ['pipeline cache gc --max-size 50GB --down-to 40GB', 'make some room at once'],
    ],
    load: () => import('../commands/cache-gc.js'),
  },
  {
    name: 'cache push',
    group: 'Cache',
    summary: 'Send the results of a run to the shared cache of pipeline.config.yaml.',
    details: 'For results that were made before there was one, or that could not be sent. Restricted results stay here unless the configuration says otherwise.',
    args: [{ name: 'RUN', description: 'run id, or its beginning (default: the latest run)', optional: true }],
    options: [{ flags: '--only <stages>', description: 'only these stages: ridge, or voxels[seed=1],ridge' }],
    examples: [['pipeline cache push', 'the latest run']],
    load: () => import('../commands/cache-push.js'),
  },
  {
    name: 'cache keygen',
    group: 'Cache',
    summary: 'Make a key that signs what is sent to a shared cache.',
    details: 'Writes the private key to a new file that only you can read, and prints the public key, which goes under remote.trust in the pipeline.config.yaml of everybody who is to use your results.',
    args: [{ name: 'KEYFILE', description: 'where the private key goes: outside of the project' }],
    options: [],
    examples: [['pipeline cache keygen ~/.config/pipeline/remote.key', 'docs/sharing.md says what to do with it']],
    load: () => import('../commands/cache-keygen.js'),
  },
];
