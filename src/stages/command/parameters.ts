/** The parameters of a `command` stage as its parts use them; the schema in stage.ts has checked their shapes. Light: planning loads it. */
import type { JsonValue } from '../../core/json.js';

export interface DeclaredOutput {
  readonly type: string;
  /** names that have to be there (`*` within one path segment); without it the output is whatever lies in its folder */
  readonly files?: readonly string[];
}

export interface CommandParameters {
  readonly argv: readonly string[];
  readonly outputs: Readonly<Record<string, string | DeclaredOutput>>;
  readonly values: Readonly<Record<string, JsonValue>>;
  readonly env: Readonly<Record<string, string | number | boolean | null>>;
  readonly secrets: readonly string[];
  readonly code: readonly string[];
  readonly interpreter?: { readonly command: string; readonly version: string; readonly args: readonly string[] };
  /** absolute */
  readonly folder: string;
}

export function declaredOutput(output: string | DeclaredOutput): DeclaredOutput {
  return typeof output === 'string' ? { type: output } : output;
}

/** What stands for a path or a number in `argv` and `env`: `{inputs.NAME}`, `{outputs.NAME}`, `{job}`, `{cpus}`, `{tmp}`. Any other brace is text. */
export const PLACEHOLDER = /\{(?:(inputs|outputs)\.([A-Za-z_][A-Za-z0-9_]*)|(job|cpus|tmp))\}/g;
