/** A run as plain tables: one row a stage, one row a parameter, one row a metric. Numbers are written so that reading them gives them back. */
import type { JsonObject, JsonValue } from '../../core/json.js';
import { csv, type Cell } from './csv.js';
import type { ExportedRun } from './exported-run.js';
import { isMap } from './json-map.js';

export function runTables({ record, stages }: ExportedRun): Readonly<Record<string, string>> {
  return {
    'stages.csv': csv(
      ['stage', 'type', 'version', 'word', 'seconds', 'key', 'made_at', 'made_on', 'reason', 'error', 'error_message', 'output_digests'],
      stages.map(({ outcome, record: made }) => [
        outcome.name, outcome.type, outcome.version, outcome.word, outcome.durationMs === undefined ? undefined : outcome.durationMs / 1000, outcome.key,
        made?.made.at, made?.made.host, outcome.reason, outcome.error?.code, outcome.error?.message,
        Object.entries(outcome.outputs).map(([output, { digest }]) => `${output}=${digest}`).join(' '),
      ]),
    ),
    'params.csv': csv(['stage', 'param', 'value'], [...rowsOf('', record.params), ...stages.flatMap(({ outcome }) => [...rowsOf(outcome.name, outcome.params)])]),
    'metrics.csv': csv(['stage', 'metric', 'value'], stages.flatMap(({ outcome }) => Object.entries(outcome.metrics).map(([metric, value]): Cell[] => [outcome.name, metric, value]))),
  };
}

/** The run record with the key material and the whole list of output files of each stage. */
export function runJson({ record, stages }: ExportedRun): JsonObject {
  return {
    schema: 'pipeline.export.v1',
    ...(record as unknown as JsonObject),
    stages: stages.map(({ outcome, record: made }) => ({
      ...(outcome as unknown as JsonObject),
      material: (made?.material ?? null) as unknown as JsonValue,
      made: (made?.made ?? null) as unknown as JsonValue,
      files: Object.entries(made?.outputs ?? {}).flatMap(([output, artifact]) => artifact.files.map(({ name, size, digest }): JsonObject => ({ output, name, size, digest }))),
    })),
  };
}

function* rowsOf(stage: string, params: JsonObject, prefix = ''): Generator<Cell[]> {
  for (const [name, value] of Object.entries(params)) {
    if (isMap(value)) yield* rowsOf(stage, value, `${prefix}${name}.`);
    else yield [stage, `${prefix}${name}`, Array.isArray(value) ? JSON.stringify(value) : value as Cell];
  }
}
