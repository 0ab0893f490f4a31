/**
 * What is in force: flag over environment over project file over default, field by field, each with where it came from. Values of credentials are
 * never among them, only the names of what holds them.
 */
import type { JsonValue } from '../../core/json.js';
import { PipelineError } from '../../core/errors.js';
import { placeOf } from '../diagnostics.js';
import { CONFIG_FIELDS, type ConfigField } from './fields.js';
import type { ProjectConfig } from './read-config.js';

export interface Setting {
  readonly name: string;
  readonly value: JsonValue;
  readonly from: 'flag' | 'environment' | 'file' | 'default';
  /** `--remote`, `PIPELINE_REMOTE`, `pipeline.config.yaml, line 3, column 9`, `default` */
  readonly origin: string;
}

export interface SettingSources {
  readonly config: ProjectConfig | undefined;
  /** flag → its value, if it was given */
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly env: NodeJS.ProcessEnv;
}

const PRECEDENCE: readonly Setting['from'][] = ['default', 'file', 'environment', 'flag'];

export class Settings {
  readonly #settings: ReadonlyMap<string, Setting>;

  /** Fields that nobody has set, and that have no default, are absent. E_USAGE for an environment variable that cannot be read. */
  constructor(sources: SettingSources) {
    this.#settings = new Map(CONFIG_FIELDS.flatMap((field) => {
      const setting = settingOf(field, sources);
      return setting === undefined ? [] : [[field.name, setting] as const];
    }));
  }

  all(): readonly Setting[] {
    return [...this.#settings.values()];
  }

  get(name: string): Setting | undefined {
    return this.#settings.get(name);
  }

  text(name: string): string | undefined {
    const value = this.#settings.get(name)?.value;
    return typeof value === 'string' ? value : undefined;
  }

  /** Of two fields that say the same in two ways the one that stands higher; the first if both stand alike. */
  higher(first: string, second: string): Setting | undefined {
    const [a, b] = [this.get(first), this.get(second)];
    if (a === undefined || b === undefined) return a ?? b;
    return PRECEDENCE.indexOf(b.from) > PRECEDENCE.indexOf(a.from) ? b : a;
  }
}

function settingOf(field: ConfigField, { config, flags, env }: SettingSources): Setting | undefined {
  const flag = field.flag === undefined ? undefined : flags[field.flag];
  if (flag !== undefined) return { name: field.name, value: flag, from: 'flag', origin: field.flag as string };
  const variable = field.env === undefined ? undefined : env[field.env] || undefined; // set but empty counts as not set
  if (variable !== undefined) {
    if (!field.accepts(variable)) throw new PipelineError('E_USAGE', `"${field.env as string}" cannot be read`, { facts: { expected: field.expected, found: variable }, hint: 'Correct the environment variable, or unset it.' });
    return { name: field.name, value: variable, from: 'environment', origin: field.env as string };
  }
  const inFile = config?.values.get(field.name);
  if (inFile !== undefined) return { name: field.name, value: inFile.value, from: 'file', origin: `${inFile.span.file}, ${placeOf(inFile.span)}` };
  return field.default === undefined ? undefined : { name: field.name, value: field.default, from: 'default', origin: 'default' };
}
