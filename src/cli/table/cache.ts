/** Commands that look after the cache. */
import { type CommandSpec } from './spec.js';

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
    summary: 'Check that everything in the cache is whole. Exit code 4 if something is not.',
    args: [],
    options: [{ flags: '--read-data', description: 'also read and hash all bytes (slow on a large cache)' }, { flags: '--repair', description: 'move what is damaged to quarantine; the next run computes it again' }],
    examples: [['pipeline cache verify --read-data', 'every byte']],
    load: () => import('../commands/cache-verify.js'),
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
