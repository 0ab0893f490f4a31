/** `pipeline export RUN`: takes a run elsewhere: a Workflow Run RO-Crate, tables, one JSON file, or an MLflow server. */
import { basename, resolve } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { readRun } from '../../engine/run-history.js';
import { gatherRun, type ExportedRun } from '../export/exported-run.js';
import { claimFolder, writeCopy, writeText } from '../export/write-files.js';
import type { Invocation } from '../invocation.js';
import { flagOption, textOption } from '../option-values.js';
import { packageVersion } from '../package-root.js';
import { projectPaths } from '../project-paths.js';
import { compositionOf } from '../registry.js';
import { withReadingStore } from '../reading-store.js';
import { shortPath } from '../error-output.js';
import type { Store } from '../../engine/store/store.js';

export async function handle(invocation: Invocation): Promise<number> {
  const { args, options, io } = invocation;
  const directory = projectPaths(invocation).store;
  const record = readRun(directory, args[0] ?? 'latest');
  return withReadingStore(directory, async (store) => {
    const run = await gatherRun(record, store, compositionOf(io).registry);
    switch (textOption(options, 'format') ?? 'ro-crate') {
      case 'mlflow':
        return toMlflow(run, invocation);
      case 'csv':
        return toFolder(run, 'csv', invocation, async (folder) => {
          const { runTables } = await import('../export/tables.js');
          return Promise.all(Object.entries(runTables(run)).map(([name, text]) => writeText(folder, name, text)));
        });
      case 'json':
        return toFolder(run, 'json', invocation, async (folder) => {
          const { runJson } = await import('../export/tables.js');
          return [await writeText(folder, 'run.json', `${JSON.stringify(runJson(run), null, 1)}\n`)];
        });
      default:
        return toFolder(run, 'ro-crate', invocation, (folder) => writeCrate(run, folder, store, invocation));
    }
  });
}

async function toFolder(run: ExportedRun, format: string, invocation: Invocation, write: (folder: string) => Promise<readonly string[]>): Promise<number> {
  const { io, options } = invocation;
  const folder = resolve(io.cwd, textOption(options, 'out') ?? `${run.record.pipeline}-${run.record.id}-${format}`);
  await claimFolder(folder);
  const files = await write(folder);
  if (options.json) io.stdout.write(`${JSON.stringify({ schema: 'pipeline.exported.v1', run: run.record.id, format, folder, files })}\n`);
  else io.stdout.write(`${format} of run ${run.record.id}: ${files.length} ${files.length === 1 ? 'file' : 'files'} in\n  ${shortPath(folder, io.cwd)}\n`);
  return 0;
}

async function writeCrate(run: ExportedRun, folder: string, store: Store, invocation: Invocation): Promise<readonly string[]> {
  const { options } = invocation;
  const withRestricted = flagOption(options, 'withRestricted');
  const { roCrate } = await import('../export/ro-crate.js');
  const { text } = run;
  if (text === undefined) {
    throw new PipelineError('E_DATA', `"${run.record.file}" is not the file that was run any more`, { facts: { expected: `a text with digest ${run.record.source.slice(0, 12)}`, found: 'another text, or no file' }, hint: 'Run the pipeline again and export that run, or export --format csv or json, which do not hold the file.' });
  }
  // A crate that names a file has to hold it: what has left the store is left out of both.
  const kept: ExportedRun = { ...run, stages: [] };
  const paths: string[] = [];
  const gone: string[] = [];
  const stages = [];
  for (const stage of run.stages) {
    const files = [];
    for (const file of stage.files) {
      if (file.restricted && !withRestricted) continue;
      if (!(await writeCopy(folder, file, store))) gone.push(file.path);
      else {
        files.push(file);
        paths.push(file.path);
      }
    }
    stages.push({ ...stage, files });
  }
  const restricted = run.stages.flatMap(({ files }) => files).filter((file) => file.restricted && !withRestricted).length;
  warn(invocation, gone.length, 'not in the cache any more (run the pipeline again to have them)');
  warn(invocation, restricted, 'restricted, described but not copied (--with-restricted copies them)');
  const author = authorOf(textOption(options, 'author'));
  const { metadata } = roCrate({ ...kept, stages }, { ...(author === undefined ? {} : { author }), license: textOption(options, 'license'), version: packageVersion(), withRestricted });
  paths.push(await writeText(folder, basename(run.record.file), text), await writeText(folder, 'ro-crate-metadata.json', `${JSON.stringify(metadata, null, 1)}\n`));
  return paths;
}

/** `Ada Lovelace <https://orcid.org/0000-…>` or a name alone */
function authorOf(text: string | undefined): { readonly name: string; readonly id?: string } | undefined {
  if (text === undefined) return undefined;
  const [, name = '', id] = /^\s*([^<]+?)\s*(?:<(https?:\/\/[^\s<>]+)>)?\s*$/.exec(text) ?? [];
  if (name === '') throw new PipelineError('E_USAGE', '"--author" cannot be read', { facts: { expected: 'a name, or a name and an address in < >', found: text }, hint: "write --author 'Ada Lovelace <https://orcid.org/0000-0002-1825-0097>'" });
  return { name, ...(id === undefined ? {} : { id }) };
}

function warn({ io, options }: Invocation, count: number, what: string): void {
  if (count > 0 && !options.quiet) io.stderr.write(`warning: ${count} ${count === 1 ? 'file is' : 'files are'} ${what}\n`);
}

async function toMlflow(run: ExportedRun, { options, io }: Invocation): Promise<number> {
  const uri = textOption(options, 'trackingUri') ?? io.env['MLFLOW_TRACKING_URI'];
  if (uri === undefined || !/^https?:\/\//.test(uri)) throw new PipelineError('E_USAGE', '"--format mlflow" needs the address of a tracking server', { facts: { expected: 'http://… or https://…', found: uri ?? 'nothing' }, hint: 'write --tracking-uri http://127.0.0.1:5000, or set MLFLOW_TRACKING_URI' });
  const { sendToMlflow } = await import('../export/mlflow.js');
  const experiment = textOption(options, 'experiment');
  const authorization = authorizationFrom(io.env);
  const sent = await sendToMlflow(run, { uri, ...(experiment === undefined ? {} : { experiment }), ...(authorization === undefined ? {} : { authorization }) });
  if (options.json) io.stdout.write(`${JSON.stringify({ schema: 'pipeline.exported.v1', run: run.record.id, format: 'mlflow', uri, ...sent })}\n`);
  else io.stdout.write(`run ${run.record.id} is MLflow run ${sent.runId}${sent.created ? '' : ' (brought up to date)'}: ${sent.params} params, ${sent.metrics} metrics\n`);
  return 0;
}

/** As MLflow's own clients read it; never from the command line, where others could see it. */
function authorizationFrom(env: NodeJS.ProcessEnv): string | undefined {
  const token = env['MLFLOW_TRACKING_TOKEN'];
  if (token !== undefined && token !== '') return `Bearer ${token}`;
  const user = env['MLFLOW_TRACKING_USERNAME'];
  if (user === undefined || user === '') return undefined;
  return `Basic ${Buffer.from(`${user}:${env['MLFLOW_TRACKING_PASSWORD'] ?? ''}`).toString('base64')}`;
}
