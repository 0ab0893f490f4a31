/**
 * `resources:` of a stage: cpus, memory, time, gpu. They override what the type declares. Quantities carry their unit, so that nobody has to
 * guess whether 4 is megabytes or minutes. None of them enters a key.
 */
import type { JsonValue } from '../core/json.js';
import type { Diagnostics } from './diagnostics.js';
import type { StageEntry } from './pipeline-file.js';
import type { PlannedStage } from './plan.js';
import type { StageScope } from './scope.js';
import { kindOf, shownValue } from './source-node.js';
import type { MapEntry } from './source-node.js';
import type { StageResources } from './stage.js';
import { suggestion } from './suggest.js';

export const RESOURCE_FIELDS = ['cpus', 'memory', 'time', 'gpu'] as const;
/** 1 GB counts 1024 MB, as batch systems count. */
const MEGABYTES: Readonly<Record<string, number>> = { MB: 1, GB: 1024, TB: 1024 * 1024 };
export const MILLISECONDS: Readonly<Record<string, number>> = { s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 };
export const MEMORY_PATTERN = '^[0-9]+(\\.[0-9]+)? ?(MB|GB|TB)$';
export const TIME_PATTERN = '^[0-9]+(\\.[0-9]+)? ?(s|min|h|d)$';
const MAX_CPUS = 4096;
/** Timers of Node hold 31 bits of milliseconds, 24.8 days; a longer one would fire at once. */
const MAX_TIME_MS = 2 ** 31 - 1;

/** `name`: of the instance, for messages. */
export function readResources(entry: StageEntry, name: string, declared: StageResources, scope: StageScope, diagnostics: Diagnostics): PlannedStage['resources'] {
  const result: { cpus: number; memoryMb: number; timeoutMs?: number; gpu?: number } = { ...declared };
  for (const field of entry.resources.values()) {
    const value = scope.resolve(field.value);
    if (value === undefined) continue;
    switch (field.key) {
      case 'cpus':
        result.cpus = count(field, value, 1, name, diagnostics) ?? result.cpus;
        break;
      case 'gpu': {
        const gpu = count(field, value, 0, name, diagnostics);
        if (gpu !== undefined) result.gpu = gpu;
        if (gpu !== undefined && gpu > 0) {
          diagnostics.warning('E_UNKNOWN_FIELD', `resource "gpu" of stage "${name}" has no effect`, {
            facts: { expected: 'cpus, memory or time', found: `gpu: ${gpu}` },
            hint: 'remove it: stages run on the processor',
            span: field.keySpan,
          });
        }
        break;
      }
      case 'memory':
        result.memoryMb = quantity(field, value, MEGABYTES, Number.MAX_SAFE_INTEGER, 'a size with its unit, e.g. 4 GB', name, diagnostics) ?? result.memoryMb;
        break;
      case 'time': {
        const time = quantity(field, value, MILLISECONDS, MAX_TIME_MS, 'a time with its unit, e.g. 30 min, at most 24 d', name, diagnostics);
        if (time !== undefined) result.timeoutMs = time;
        break;
      }
      default:
        diagnostics.error('E_UNKNOWN_FIELD', `"${field.key}" is not a resource of stage "${name}"`, { hint: suggestion(field.key, RESOURCE_FIELDS, ''), span: field.keySpan });
    }
  }
  return result;
}

function count(field: MapEntry, value: JsonValue, least: number, stage: string, diagnostics: Diagnostics): number | undefined {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= MAX_CPUS) return value;
  const isNumber = typeof value === 'number';
  diagnostics.error(isNumber ? 'E_OUT_OF_RANGE' : 'E_WRONG_TYPE', `resource "${field.key}" of stage "${stage}" ${isNumber ? 'is out of range' : 'has the wrong type'}`, {
    facts: { expected: `an integer from ${least} to ${MAX_CPUS}`, found: isNumber ? value : `${kindOf(value)} ${shownValue(value)}` },
    hint: `write e.g. ${field.key}: ${Math.max(1, least)}`,
    span: field.value.span,
  });
  return undefined;
}

/** `of`: what the field stands in, for messages. */
export function quantity(field: MapEntry, value: JsonValue, units: Readonly<Record<string, number>>, most: number, expected: string, stage: string, diagnostics: Diagnostics, of = 'resource'): number | undefined {
  const parts = typeof value === 'string' ? /^([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]+)$/.exec(value) : null;
  const unit = parts?.[2] ?? '';
  const amount = parts === null || !Object.hasOwn(units, unit) ? NaN : Math.ceil(Number(parts[1]) * (units[unit] as number));
  if (amount > 0 && amount <= most) return amount;
  diagnostics.error(parts === null ? 'E_WRONG_TYPE' : 'E_OUT_OF_RANGE', `${of === 'resource' ? `resource "${field.key}"` : `"${field.key}" in ${of}`} of stage "${stage}" cannot be read`, {
    facts: { expected, found: `${kindOf(value)} ${shownValue(value)}` },
    hint: `use one of the units ${Object.keys(units).join(', ')}`,
    span: field.value.span,
  });
  return undefined;
}
