/** Commands that show what is stored and what was run. */
import { type CommandSpec } from './spec.js';

export const LOOK_COMMANDS: readonly CommandSpec[] = [
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
    load: () => import('../commands/show.js'),
  },
  {
    name: 'runs',
    group: 'Look',
    summary: 'List the runs, newest first.',
    args: [],
    options: [{ flags: '--limit <n>', description: 'how many (default 20)' }],
    examples: [['pipeline runs', 'the last 20 runs']],
    load: () => import('../commands/runs.js'),
  },
  {
    name: 'schema',
    group: 'Look',
    summary: 'Print the JSON Schema of pipeline files, or of the parameters of one stage type.',
    args: [{ name: 'TYPE', description: 'a stage type, such as readout.ridge', optional: true }],
    options: [
      { flags: '--from <file>', description: 'also the stage types that the modules of this pipeline file define' },
      { flags: '--docs', description: 'the reference page (Markdown) instead of JSON' },
    ],
    examples: [
      ['pipeline schema readout.ridge', 'its parameters, with ranges and defaults'],
      ['pipeline schema --from my.yaml --docs', 'a page on the stage types of your own'],
    ],
    load: () => import('../commands/schema.js'),
  },
  {
    name: 'doctor',
    group: 'Look',
    summary: 'Check what pipeline needs of this machine.',
    args: [],
    options: [],
    examples: [['pipeline doctor', 'versions, services, and whether the cache can be written']],
    load: () => import('../commands/doctor.js'),
  },
];
