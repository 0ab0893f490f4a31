/**
 * Sends a run to an MLflow tracking server through its REST API 2.0: experiment = pipeline, run = run, one param a parameter, one metric a metric.
 * Sending twice updates the same MLflow run, found by a tag with our run id. Files are named in a tag and are not uploaded.
 * Source: https://mlflow.org/docs/latest/api_reference/rest-api.html (limits: 1000 entities, 1000 metrics, 100 params, 100 tags a batch)
 */
import { PipelineError } from '../../core/errors.js';
import type { JsonObject, JsonValue } from '../../core/json.js';
import { baseName } from '../../engine/coordinates.js';
import type { ExportedRun } from './exported-run.js';
import { isMap } from './json-map.js';

const MOST_METRICS = 900;
const MOST_PARAMS = 100;
const LONGEST_NAME = 250;
const LONGEST_VALUE = 6000;
const LONGEST_TAG = 5000;
const TIMEOUT_MS = 30_000;
const RUN_TAG = 'pipeline.run_id';

export interface Tracking {
  /** e.g. http://127.0.0.1:5000 */
  readonly uri: string;
  /** value of the header Authorization */
  readonly authorization?: string;
  readonly experiment?: string;
}

export interface SentRun {
  readonly experimentId: string;
  readonly runId: string;
  readonly created: boolean;
  readonly params: number;
  readonly metrics: number;
}

interface Pair {
  readonly key: string;
  readonly value: string;
}

/** Errors: E_REMOTE if the server cannot be reached or refuses. */
export async function sendToMlflow(run: ExportedRun, tracking: Tracking): Promise<SentRun> {
  const { record } = run;
  const server = new Server(tracking);
  const experimentId = await experimentNamed(server, tracking.experiment ?? record.pipeline);
  const startTime = Date.parse(record.startedAt);
  const params = paramsOf(run);
  const metrics = metricsOf(run).map((metric) => ({ ...metric, timestamp: startTime + record.durationMs, step: 0 }));
  const found = await findRun(server, experimentId, record.id);
  const tags = tagsOf(run);
  const runId = found ?? (await createRun(server, experimentId, record.id, startTime));
  await server.post('runs/log-batch', { run_id: runId, tags });
  for (const some of batches(params, MOST_PARAMS)) await server.post('runs/log-batch', { run_id: runId, params: some as unknown as JsonValue });
  for (const some of batches(metrics, MOST_METRICS)) await server.post('runs/log-batch', { run_id: runId, metrics: some as unknown as JsonValue });
  await server.post('runs/update', { run_id: runId, status: statusOf(record.outcome), end_time: startTime + record.durationMs });
  return { experimentId, runId, created: found === undefined, params: params.length, metrics: metrics.length };
}

async function experimentNamed(server: Server, name: string): Promise<string> {
  const found = await server.get(`experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`);
  if (found !== undefined) return textAt(found, 'experiment', 'experiment_id');
  return textAt(await server.post('experiments/create', { name }), 'experiment_id');
}

async function findRun(server: Server, experimentId: string, id: string): Promise<string | undefined> {
  const { runs } = await server.post('runs/search', { experiment_ids: [experimentId], filter: `tags."${RUN_TAG}" = '${id}'`, max_results: 1 });
  const [first] = Array.isArray(runs) ? (runs as readonly JsonObject[]) : [];
  return first === undefined ? undefined : textAt(first, 'info', 'run_id');
}

async function createRun(server: Server, experimentId: string, name: string, startTime: number): Promise<string> {
  const made = await server.post('runs/create', { experiment_id: experimentId, start_time: startTime, run_name: name, tags: [{ key: RUN_TAG, value: name }] });
  return textAt(made, 'run', 'info', 'run_id');
}

function statusOf(outcome: ExportedRun['record']['outcome']): string {
  if (outcome === 'succeeded') return 'FINISHED';
  return outcome === 'failed' ? 'FAILED' : outcome === 'running' ? 'RUNNING' : 'KILLED';
}

function tagsOf({ record }: ExportedRun): JsonValue {
  const tags: Record<string, string> = { [RUN_TAG]: record.id, 'mlflow.source.name': record.file, 'mlflow.source.type': 'PROJECT', 'pipeline.source_sha256': record.source, 'pipeline.outcome': record.outcome };
  if (record.git !== undefined && record.git !== null) tags['mlflow.source.git.commit'] = record.git.commit;
  for (const [name, version] of Object.entries(record.software)) tags[`software.${nameFor(name)}`] = version;
  if (record.description !== undefined) tags['mlflow.note.content'] = record.description;
  return Object.entries(tags).map(([key, value]) => ({ key, value: value.slice(0, LONGEST_TAG) }));
}

function paramsOf({ record, stages }: ExportedRun): Pair[] {
  const pairs = [...leaves('params', record.params), ...stages.flatMap(({ outcome }) => leaves(nameFor(outcome.name), outcome.params))];
  return unique(pairs.map(({ key, value }) => ({ key: key.slice(0, LONGEST_NAME), value: value.slice(0, LONGEST_VALUE) })));
}

function metricsOf({ stages }: ExportedRun): { readonly key: string; readonly value: number }[] {
  return unique(stages.flatMap(({ outcome }) => Object.entries(outcome.metrics).map(([metric, value]) => ({ key: `${nameFor(outcome.name)}/${nameFor(metric)}`.slice(0, LONGEST_NAME), value }))));
}

function leaves(prefix: string, params: JsonObject): Pair[] {
  return Object.entries(params).flatMap(([name, value]): Pair[] => {
    if (isMap(value)) return leaves(`${prefix}/${nameFor(name)}`, value);
    return [{ key: `${prefix}/${nameFor(name)}`, value: typeof value === 'string' ? value : JSON.stringify(value) }];
  });
}

/** MLflow allows letters, digits, _ - . : / and the space: `voxels[seed=101]` is written `voxels/seed:101`. */
function nameFor(name: string): string {
  const base = baseName(name);
  const text = base === name ? name : `${base}/${name.slice(base.length + 1, -1).replaceAll('=', ':').replaceAll(',', '/')}`;
  return text.replaceAll(/[^A-Za-z0-9_\-.:/ ]/g, '_');
}

/** Names that are equal once they are written MLflow's way: the first stands. */
function unique<T extends { readonly key: string }>(pairs: readonly T[]): T[] {
  return [...new Map([...pairs].reverse().map((pair) => [pair.key, pair])).values()].reverse();
}

function* batches<T>(items: readonly T[], most: number): Generator<readonly T[]> {
  for (let i = 0; i < items.length; i += most) yield items.slice(i, i + most);
}

class Server {
  readonly #base: string;
  readonly #headers: Record<string, string>;

  constructor({ uri, authorization }: Tracking) {
    this.#base = `${uri.replace(/\/+$/, '')}/api/2.0/mlflow/`;
    this.#headers = { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) };
  }

  /** undefined: there is no such thing */
  get(path: string): Promise<JsonObject | undefined> {
    return this.#call(path, { headers: this.#headers }, true);
  }

  async post(path: string, body: JsonObject): Promise<JsonObject> {
    return (await this.#call(path, { method: 'POST', headers: this.#headers, body: JSON.stringify(body) }, false)) as JsonObject;
  }

  async #call(path: string, request: RequestInit, mayBeAbsent: boolean): Promise<JsonObject | undefined> {
    const url = `${this.#base}${path}`;
    const refuse = (found: string, cause?: unknown): PipelineError =>
      new PipelineError('E_REMOTE', `"${this.#base}" did not take the run`, { facts: { expected: 'an MLflow tracking server', found, request: path.split('?')[0] as string }, hint: 'Check --tracking-uri (or MLFLOW_TRACKING_URI) and its credentials, and send again: nothing is sent twice.', ...(cause === undefined ? {} : { cause }) });
    let text: string;
    let status: number;
    try {
      const answer = await fetch(url, { ...request, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
      ({ status } = answer);
      text = await answer.text();
    } catch (error) {
      throw refuse((error as Error).cause instanceof Error ? ((error as Error).cause as Error).message : (error as Error).message, error);
    }
    let data: JsonObject;
    try {
      data = (text === '' ? {} : JSON.parse(text)) as JsonObject;
    } catch {
      throw refuse(`status ${status}, not JSON: ${text.slice(0, 80)}`);
    }
    if (status >= 200 && status < 300) return data;
    if (mayBeAbsent && data['error_code'] === 'RESOURCE_DOES_NOT_EXIST') return undefined;
    throw refuse(`status ${status}: ${String(data['error_code'] ?? '')} ${String(data['message'] ?? '')}`.slice(0, 400));
  }
}

function textAt(data: JsonObject, ...path: readonly string[]): string {
  const value = path.reduce<JsonValue | undefined>((at, name) => (isMap(at) ? at[name] : undefined), data);
  if (typeof value === 'string') return value;
  throw new PipelineError('E_REMOTE', `"${path.join('.')}" is missing in an answer of the tracking server`, { facts: { expected: 'a text', found: JSON.stringify(data).slice(0, 200) }, hint: 'Check that --tracking-uri is an MLflow tracking server.' });
}
