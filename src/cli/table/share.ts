/** Commands that take a run elsewhere. */
import { COMPUTE, type CommandSpec } from './spec.js';

export const SHARE_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'export',
    group: 'Share',
    summary: 'Take a run elsewhere: as an RO-Crate, as tables, as JSON, or to an MLflow server.',
    details: 'What may not be redistributed (NSD data and what shows them) is described and left out. MLflow credentials are read from MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.',
    args: [{ name: 'RUN', description: 'a run, as in `pipeline show` (default: the latest)', optional: true }],
    options: [
      { flags: '--format <format>', description: 'ro-crate (default): Workflow Run RO-Crate with the published files; csv; json; mlflow', choices: ['ro-crate', 'csv', 'json', 'mlflow'] },
      { flags: '--out <dir>', description: 'a new or empty folder (default: <pipeline>-<run>-<format> here)' },
      { flags: '--license <license>', description: 'of the crate: a URL or an SPDX name (default: none is stated)' },
      { flags: '--author <who>', description: 'of the run, named in the crate: \'Name <https://orcid.org/…>\' or a name' },
      { flags: '--with-restricted', description: 'also copy files that may not be redistributed' },
      { flags: '--tracking-uri <uri>', description: 'the MLflow server (default: MLFLOW_TRACKING_URI)' },
      { flags: '--experiment <name>', description: 'the MLflow experiment (default: name of the pipeline)' },
    ],
    examples: [
      ['pipeline export latest --out crate', 'a folder for a repository of research data'],
      ['pipeline export latest --format csv --out tables', 'stages, params and metrics'],
      ['pipeline export latest --format mlflow --tracking-uri http://127.0.0.1:5000', 'params and metrics'],
    ],
    load: () => import('../commands/export.js'),
  },
  {
    name: 'reproduce',
    group: 'Share',
    summary: 'Run everything of an old run again in a fresh store, and compare the bytes.',
    details: 'Takes the pipeline file with the text that the run had (kept with the run if the file has changed since), its --set values, profiles, environment and seeds. Exit code 0 if every stage gave the same bytes, 5 if not; it says what was asked differently, which files and metrics differ, and which versions.',
    args: [{ name: 'RUN', description: 'a run, as in `pipeline show`' }],
    options: [
      { flags: '--store <dir>', description: 'keep the fresh store there (default: a temporary folder, removed)' },
      { flags: '--jobs <n>', description: 'stages that run at once at most' },
      ...COMPUTE,
    ],
    examples: [['pipeline reproduce latest', 'does it give the same again?']],
    load: () => import('../commands/reproduce.js'),
  },
];
